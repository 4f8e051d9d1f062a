"""A service: parts started in order and stopped in reverse."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvloop

from tandem_common.contract.errors import TandemError

from . import tracing
from .health import Check
from .logging import configure_logging, get_logger
from .settings import ServiceSettings

log = get_logger(__name__)


class Part(Protocol):
    """Something with a life: a connection, a consumer, a server."""

    async def start(self) -> None:
        """Begin; return when it is in working order."""
        ...

    async def stop(self) -> None:
        """End; finish what is in hand."""
        ...


@dataclass(frozen=True)
class Service:
    """All parts of a process, in the order they start, and what /readyz asks."""

    settings: ServiceSettings
    parts: Sequence[Part]
    checks: Mapping[str, Check] = field(default_factory=dict)

    async def start(self) -> None:
        """Start all parts in order; when one fails, stop those that stand."""
        started: list[Part] = []
        try:
            for part in self.parts:
                await part.start()
                started.append(part)
        except BaseException:
            await _stop(started)
            raise

    async def stop(self) -> None:
        """Stop all parts in reverse."""
        await _stop(self.parts)


async def _stop(parts: Sequence[Part]) -> None:
    for part in reversed(parts):
        try:
            await part.stop()
        except Exception as error:
            log.exception("part_did_not_stop", part=type(part).__name__, error=repr(error))


async def _live(service: Service) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    starting = asyncio.ensure_future(service.start())
    waiting = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    await starting
    log.info("service_ready", port=service.settings.http_port)
    await waiting
    log.info("service_stopping")
    await service.stop()


def run(building: Service | Coroutine[Any, Any, Service]) -> None:
    """Run a service until SIGINT or SIGTERM; exit with 1 and one clear line if it cannot start."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            service = runner.run(building) if isinstance(building, Coroutine) else building
            settings = service.settings
            configure_logging(settings.service, settings.log_level)
            tracing.configure_tracing(settings.service, settings.trace_sample)
            # What is imported stays; collecting it again and again costs a tenth of the CPU.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 50)
            runner.run(_live(service))
    except TandemError as error:
        log.error(  # noqa: TRY400 - one clear line, not a traceback
            "service_failed", code=error.code, error=error.message
        )
        sys.exit(1)
