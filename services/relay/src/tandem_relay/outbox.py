"""Tells the streams and Temporal what was committed, in order per ticket, at least once.

Every message carries an id of its own, so the other side takes a repeat as the same.
"""

import asyncio
from collections import defaultdict
from datetime import timedelta

from sqlmodel import col, delete, select
from temporalio.service import RPCError, RPCStatusCode

from tandem_common.contract.errors import TandemError, UnavailableError
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.turns import TURN_EVENT_ADAPTER
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.database import Database
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.outlog import OutLog
from tandem_common.runtime.tasks import end_all
from tandem_common.runtime.temporal import Temporal
from tandem_common.runtime.turnlog import TurnLog

from .models.tables import OutboxRow
from .workflows.ticket import TicketWorkflow
from .workflows.types import TASK_QUEUE, TicketTimers, workflow_id

log = get_logger(__name__)

_SWEEP_S = 1.0
_AGE_S = 1.0
"""Younger rows belong to the call that wrote them."""


class Outbox:
    """Empties the outbox. Part of a service: `start`, `stop`."""

    def __init__(
        self, database: Database, outlog: OutLog, turns: TurnLog, temporal: Temporal, clock: Clock
    ) -> None:
        self._database, self._outlog, self._turns = database, outlog, turns
        self._temporal, self._clock = temporal, clock
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tell = {
            "turn": self._tell_turn,
            "outcome": self._tell_outcome,
            "start": self._start_timers,
            "end": self._end_timers,
        }
        self._task: asyncio.Task[None] | None = None
        self._timers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Sweep in the background what a crash or an outage left."""
        self._task = asyncio.create_task(self._sweep(), name="outbox")

    async def stop(self) -> None:
        """Stop; what is left is told after the next start."""
        if self._task is not None:
            await end_all([self._task])
        if self._timers:
            await asyncio.wait(self._timers, timeout=2)

    async def flush(self, ticket: str) -> None:
        """Tell everything of one ticket now; what fails is left for the sweep.

        The timers' part goes on in the background: nobody waits for Temporal.
        """
        await self._flush(ticket, ("turn", "outcome"))
        task = asyncio.create_task(self._flush(ticket, ("start", "end")))
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)

    async def _flush(self, ticket: str, kinds: tuple[str, ...]) -> None:
        lock = self._locks[f"{ticket}:{kinds[0]}"]
        async with lock:
            async with self._database.session() as session:
                query = (
                    select(OutboxRow)
                    .where(OutboxRow.ticket == ticket, col(OutboxRow.kind).in_(kinds))
                    .order_by(col(OutboxRow.id))
                )
                rows = (await session.exec(query)).all()
            told: list[int] = []
            try:
                for row in rows:
                    await self._tell[row.kind](row)
                    told.append(row.id or 0)
            except (TandemError, RPCError) as error:
                log.warning("outbox_waits", ticket=ticket, kinds=kinds, error=str(error))
            if told:
                await self._forget(told)
        if not lock.locked():
            self._locks.pop(f"{ticket}:{kinds[0]}", None)

    async def _forget(self, ids: list[int]) -> None:
        async with self._database.transaction() as session:
            await session.exec(delete(OutboxRow).where(col(OutboxRow.id).in_(ids)))

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(_SWEEP_S)
            try:
                for ticket in await self._overdue():
                    await self.flush(ticket)
            except TandemError as error:
                log.warning("outbox_sweep_failed", error=error.message)
            except Exception as error:
                log.exception("outbox_sweep_failed", error=repr(error))

    async def _overdue(self) -> list[str]:
        before = self._clock.now() - timedelta(seconds=_AGE_S)
        async with self._database.session() as session:
            query = select(OutboxRow.ticket).where(col(OutboxRow.created_at) < before)
            return list((await session.exec(query.distinct().limit(200))).all())

    async def _tell_turn(self, row: OutboxRow) -> None:
        await self._turns.write(TURN_EVENT_ADAPTER.validate_python(row.body, strict=False))

    async def _tell_outcome(self, row: OutboxRow) -> None:
        await self._outlog.append(Outcome.read_object(row.body), row.key)

    async def _start_timers(self, row: OutboxRow) -> None:
        client = await self._temporal.client()
        try:
            await client.start_workflow(
                TicketWorkflow.run,
                TicketTimers.read_object(row.body),
                id=workflow_id(row.key),
                task_queue=TASK_QUEUE,
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise UnavailableError(f"Temporal is away: {error.message}") from error

    async def _end_timers(self, row: OutboxRow) -> None:
        client = await self._temporal.client()
        try:
            await client.get_workflow_handle(workflow_id(row.key)).signal(TicketWorkflow.closed)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise UnavailableError(f"Temporal is away: {error.message}") from error
