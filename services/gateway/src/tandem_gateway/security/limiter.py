"""Slows down whoever guesses passwords: failures are counted per account and address."""

from collections import OrderedDict

from tandem_common.contract.errors import RateLimitedError
from tandem_common.runtime.clock import Clock

FREE_FAILURES = 5
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 900.0
FORGET_AFTER_S = 3_600.0
_MAX_TRACKED = 10_000


class FailureLimiter:
    """After five failures each further one doubles the wait, up to a quarter of an hour.

    Counted twice: for the pair (account, address), and for the address alone with more room, so
    that trying many accounts from one place is slowed down too.
    """

    def __init__(self, clock: Clock, *, free: int = FREE_FAILURES) -> None:
        self._clock = clock
        self._free = free
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, who: str) -> None:
        """Let pass, or not yet.

        Raises:
            RateLimitedError: Too many failures; `retry_after_s` says when to come again.
        """
        count, last = self._failures.get(who, (0, 0.0))
        if count < self._free:
            return
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(count - self._free, 20))
        left = last + wait - self._clock.monotonic()
        if left > 0:
            raise RateLimitedError("Too many attempts; try again later.", retry_after_s=left)

    def failed(self, who: str) -> None:
        """Count a failure."""
        now = self._clock.monotonic()
        count, last = self._failures.pop(who, (0, now))
        self._failures[who] = (1 if now - last > FORGET_AFTER_S else count + 1, now)
        while len(self._failures) > _MAX_TRACKED:
            self._failures.popitem(last=False)

    def succeeded(self, who: str) -> None:
        """Forget the failures of somebody who got in."""
        self._failures.pop(who, None)
