"""Follows parts of the bucket CFG: first everything there is, then every change."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from nats.aio.msg import Msg
from nats.js.errors import APIError

from tandem_common.contract import subjects

from .broker import CONNECTION_ERRORS, SETTLE_S, Broker
from .logging import get_logger
from .tasks import end_all

log = get_logger(__name__)

RESYNC_S = 30.0
_PREFIX = f"$KV.{subjects.CFG}."

OnChange = Callable[[str, bytes | None], Awaitable[None]]
"""Key, and the new value or None when it was deleted."""


class ConfigWatch:
    """Calls `on_change` for every key that matches, in order, once per new value.

    Reads all of it before `ready`; reads it again after every lost connection and every
    30 seconds, so that a missed message is never missed for long.
    """

    def __init__(self, broker: Broker, patterns: Sequence[str], on_change: OnChange) -> None:
        self._broker, self._patterns, self._on_change = broker, tuple(patterns), on_change
        self._known: dict[str, tuple[int, bytes | None]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self.ready = asyncio.Event()

    async def start(self) -> None:
        """Read everything, then follow changes in the background."""
        await self._broker.declare(buckets=(subjects.CFG,))
        for pattern in self._patterns:
            await self._broker.nc.subscribe(f"{_PREFIX}{pattern}", cb=self._on_message)
        self._broker.on_reconnect(self._changed.set)
        await self._broker.patiently(self.refresh)
        self.ready.set()
        self._task = asyncio.create_task(self._follow(), name="config watch")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            await end_all([self._task])

    async def check(self) -> str | None:
        """Return why the configuration is not known yet, or None."""
        return None if self.ready.is_set() else "configuration not read yet"

    async def _on_message(self, _: Msg) -> None:
        self._changed.set()

    async def _follow(self) -> None:
        pauses = iter(SETTLE_S)
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), next(pauses, RESYNC_S))
                pauses = iter(SETTLE_S)
            self._changed.clear()
            try:
                await self.refresh()
            except (*CONNECTION_ERRORS, APIError) as error:
                log.warning("config_not_read", error=repr(error))

    async def refresh(self) -> None:
        """Read everything now; when it returns, all that was written before is known."""
        async with self._lock:
            await self._sync()

    async def _sync(self) -> None:
        seen: dict[str, tuple[int, bytes | None]] = {}
        for pattern in self._patterns:
            for stored in await self._broker.read_last_of_each(
                f"KV_{subjects.CFG}", f"{_PREFIX}{pattern}"
            ):
                gone = stored.headers.get("KV-Operation") in ("DEL", "PURGE")
                key = stored.subject.removeprefix(_PREFIX)
                seen[key] = (stored.sequence, None if gone else stored.data)
        for key in [key for key in self._known if key not in seen]:
            seen[key] = (self._known[key][0] + 1, None)
        for key, (sequence, value) in sorted(seen.items(), key=lambda item: item[1][0]):
            before = self._known.get(key)
            if before == (sequence, value) or (before is None and value is None):
                continue
            if before is not None and before[1] is None and value is None:
                continue
            self._known[key] = (sequence, value)
            await self._tell(key, value)

    async def _tell(self, key: str, value: bytes | None) -> None:
        try:
            await self._on_change(key, value)
        except Exception as error:
            log.exception("config_not_applied", key=key, error=repr(error))
