"""OneBot's return codes as errors of the contract."""

import re

from tandem_common.contract.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    TandemError,
    TimeLimitError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
    UpstreamError,
)

from .wire import Answer

_BY_CODE: dict[int, type[TandemError]] = {
    100: InvalidInputError,
    1400: InvalidInputError,
    1401: UnauthenticatedError,
    1403: ForbiddenError,
    1404: UnsupportedError,
    10001: InvalidInputError,
    10002: UnsupportedError,
}
"""OneBot v11's own, go-cqhttp's 100, and OneBot 12's request errors some bridges use."""

_BY_WORDING: tuple[tuple[re.Pattern[str], type[TandemError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"timeout|timed out|超时", UnknownOutcomeError),
        (r"禁言|muted|banned|权限|permission|privilege|not.?admin|添加对方为好友", ForbiddenError),
        (r"频繁|频率|rate.?limit|too (many|fast|frequent)", RateLimitedError),
        (r"不支持的|unsupported|not.?supported|no such (api|action)", UnsupportedError),
        (r"过大|too (large|big|long)|过长", TooLargeError),
        (r"不存在|not.?found|not exist|找不到|无法获取", NotFoundError),
        (r"离线|offline|not.?login|未登录", UnavailableError),
    )
)
_RETRY_AFTER_S = 5.0


def error_of(action: str, answer: Answer) -> TandemError:
    """Return the error a failed answer stands for.

    Most implementations answer every failure with one code and say the rest in words.
    """
    message = f"{action}: {answer.reason}"
    details = {"retcode": answer.retcode}
    kind = _BY_CODE.get(answer.retcode) or _by_wording(answer.reason)
    if kind is RateLimitedError:
        return kind(message, retry_after_s=_RETRY_AFTER_S, details=details)
    return kind(message, details=details)


def _by_wording(reason: str) -> type[TandemError]:
    for pattern, kind in _BY_WORDING:
        if pattern.search(reason):
            return kind
    return UpstreamError


_BY_STATUS: dict[int, type[TandemError]] = {
    400: InvalidInputError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: UnsupportedError,
    406: InvalidInputError,
    408: UnknownOutcomeError,
    413: TooLargeError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnknownOutcomeError,
}


def error_of_status(action: str, status: int) -> TandemError:
    """Return the error an HTTP status of the API stands for."""
    return _BY_STATUS.get(status, UpstreamError)(f"{action}: HTTP {status}")


def no_line(action: str) -> TandemError:
    """Nothing was sent: no implementation is connected."""
    return UnavailableError(f"{action}: no OneBot implementation is connected", retry_after_s=1)


def no_answer(action: str, *, changes: bool) -> TandemError:
    """It was sent, and nothing came back."""
    kind = UnknownOutcomeError if changes else TimeLimitError
    return kind(f"{action}: sent, but no answer came")
