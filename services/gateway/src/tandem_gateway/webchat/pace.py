"""How fast one visitor may be."""

from collections import OrderedDict

from tandem_common.contract.errors import RateLimitedError
from tandem_common.runtime.clock import Clock

_MAX_TRACKED = 20_000


class Pace:
    """A bucket of `burst` tokens a visitor, refilled at `per_s`."""

    def __init__(self, clock: Clock, *, burst: float, per_s: float) -> None:
        self._clock, self._burst, self._per_s = clock, burst, per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> None:
        """Use one token.

        Raises:
            RateLimitedError: None is left; `retry_after_s` says when there is one.
        """
        now = self._clock.monotonic()
        left, then = self._buckets.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_s)
        self._buckets[who] = (max(left - 1, left if left < 1 else 0), now)
        while len(self._buckets) > _MAX_TRACKED:
            self._buckets.popitem(last=False)
        if left < 1:
            raise RateLimitedError(
                "Too fast; wait a moment.", retry_after_s=(1 - left) / self._per_s
            )
