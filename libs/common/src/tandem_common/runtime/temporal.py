"""Temporal: the client and the workers."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tandem_common.contract.errors import UnavailableError

from .clock import Clock, SystemClock
from .logging import get_logger
from .settings import ServiceSettings

log = get_logger(__name__)

_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
    }
)


class Temporal:
    """A connection that is made when it is first needed, so that a start never waits for it."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._lock = asyncio.Lock()

    async def client(self) -> Client:
        """Return the client.

        Raises:
            UnavailableError: Temporal cannot be reached now.
        """
        async with self._lock:
            if self._client is None:
                try:
                    self._client = await Client.connect(
                        self._settings.temporal_address,
                        namespace=self._settings.temporal_namespace,
                        data_converter=pydantic_data_converter,
                    )
                except (RuntimeError, RPCError) as error:
                    raise UnavailableError(
                        f"Temporal at {self._settings.temporal_address} cannot be reached",
                        retry_after_s=1,
                    ) from error
            return self._client

    async def check(self) -> str | None:
        """Return why Temporal cannot be used now, or None."""
        try:
            client = await self.client()
            await client.service_client.check_health(timeout=timedelta(seconds=2))
        except (UnavailableError, RPCError) as error:
            return str(error)
        return None


def is_away(error: RPCError) -> bool:
    """Say whether Temporal, not the request, is the trouble."""
    return error.status in _AWAY


class WorkerPart:
    """A Temporal worker as a part of a service; waits for the server as long as it takes."""

    def __init__(
        self,
        temporal: Temporal,
        *,
        task_queue: str,
        workflows: Sequence[type[Any]],
        activities: Sequence[Callable[..., Any]],
        clock: Clock | None = None,
    ) -> None:
        self._temporal, self._task_queue = temporal, task_queue
        self._workflows, self._activities = workflows, activities
        self._clock = clock or SystemClock()
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begin to poll in the background."""
        self._task = asyncio.create_task(self._run(), name=f"worker {self._task_queue}")

    async def stop(self) -> None:
        """Finish running activities and stop polling."""
        self._stopping.set()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError, asyncio.TimeoutError):
                await asyncio.wait_for(self._task, 10)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._work()
            except (UnavailableError, RPCError, RuntimeError) as error:
                log.warning("worker_waits_for_temporal", error=str(error))
                await self._clock.sleep(0.5)

    async def _work(self) -> None:
        worker = Worker(
            await self._temporal.client(),
            task_queue=self._task_queue,
            workflows=self._workflows,
            activities=self._activities,
            max_concurrent_activities=50,
            graceful_shutdown_timeout=timedelta(seconds=5),
            workflow_runner=SandboxedWorkflowRunner(
                restrictions=SandboxRestrictions.default.with_passthrough_modules(
                    "pydantic", "pydantic_core", "tandem_common.contract"
                )
            ),
        )
        async with worker:
            await self._stopping.wait()
