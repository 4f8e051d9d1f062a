"""How fast a bot may speak."""

from tandem_common.runtime.clock import Clock


class Pace:
    """Slots in time: at most `per_s` a second, none is saved up; 0 is no limit."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self._clock, self.per_s = clock, per_s
        self._next = 0.0

    async def slot(self) -> None:
        """Wait for the next slot."""
        if not self.per_s:
            return
        now = self._clock.monotonic()
        mine = max(now, self._next)
        self._next = mine + 1 / self.per_s
        if mine > now:
            await self._clock.sleep(mine - now)
