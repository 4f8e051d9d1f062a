r"""One tree of errors; HTTP, NATS and the SDK show the same code.

TandemError
  + InvalidInputError      invalid_input     the request is wrong; `field` names where
  + UnauthenticatedError   unauthenticated   who are you?
  + ForbiddenError         forbidden         you may not
  + NotFoundError          not_found
  + ConflictError          conflict          somebody was faster
  + UnsupportedError       unsupported       the platform cannot
  + TooLargeError          too_large
  + RateLimitedError       rate_limited      try again after `retry_after_s`
  + QuotaExceededError     quota_exceeded
  + CapacityError          capacity          full now; try again
  + TimeLimitError         timeout
  + UnavailableError       unavailable       a dependency is away; nothing was done
  + UpstreamError          upstream_error    the other side failed
  + UnknownOutcomeError    unknown_outcome   it may or may not have happened
  + SessionLostError       session_lost
"""

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import ContractModel

ErrorCode = Literal[
    "invalid_input",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "unsupported",
    "too_large",
    "rate_limited",
    "quota_exceeded",
    "capacity",
    "timeout",
    "unavailable",
    "upstream_error",
    "unknown_outcome",
    "session_lost",
    "internal",
]


class ErrorBody(ContractModel):
    """An error as it crosses a wire."""

    code: ErrorCode
    message: str
    retryable: bool = False
    retry_after_s: float | None = None
    field: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class TandemError(Exception):
    """The root: something went wrong, with a stable code and a sentence for the reader."""

    code: ClassVar[ErrorCode] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s
        self.details = details or {}

    def body(self) -> ErrorBody:
        """Return the error as it crosses a wire."""
        return ErrorBody(
            code=self.code,
            message=self.message,
            retryable=self.retryable,
            retry_after_s=self.retry_after_s,
            field=self.field,
            details=self.details,
        )


class InvalidInputError(TandemError):
    """Raised when a request is wrong; `field` names the part that is."""

    code = "invalid_input"


class UnauthenticatedError(TandemError):
    """Raised when a caller did not prove who it is."""

    code = "unauthenticated"


class ForbiddenError(TandemError):
    """Raised when a caller is known and may not."""

    code = "forbidden"


class NotFoundError(TandemError):
    """Raised when the thing named does not exist, or is hidden from the caller."""

    code = "not_found"


class ConflictError(TandemError):
    """Raised when somebody else changed the thing first."""

    code = "conflict"


class UnsupportedError(TandemError):
    """Raised when a platform cannot do what was asked."""

    code = "unsupported"


class TooLargeError(TandemError):
    """Raised when a body or message is over its limit."""

    code = "too_large"


class RateLimitedError(TandemError):
    """Raised when there were too many calls; `retry_after_s` says when to come again."""

    code = "rate_limited"
    retryable = True


class QuotaExceededError(TandemError):
    """Raised when a quota is used up."""

    code = "quota_exceeded"


class CapacityError(TandemError):
    """Raised when there is no room now."""

    code = "capacity"
    retryable = True


class TimeLimitError(TandemError):
    """Raised when something took longer than it may."""

    code = "timeout"
    retryable = True


class UnavailableError(TandemError):
    """Raised when a dependency is away and nothing was done; trying again is safe."""

    code = "unavailable"
    retryable = True


class UpstreamError(TandemError):
    """Raised when the other side answered with a failure."""

    code = "upstream_error"


class UnknownOutcomeError(TandemError):
    """Raised when a call may or may not have had its effect."""

    code = "unknown_outcome"


class SessionLostError(TandemError):
    """Raised when the session a call belonged to is gone."""

    code = "session_lost"


class InternalError(TandemError):
    """Raised for a failure the caller cannot mend."""


ERRORS: dict[ErrorCode, type[TandemError]] = {
    cls.code: cls
    for cls in (
        InternalError,
        InvalidInputError,
        UnauthenticatedError,
        ForbiddenError,
        NotFoundError,
        ConflictError,
        UnsupportedError,
        TooLargeError,
        RateLimitedError,
        QuotaExceededError,
        CapacityError,
        TimeLimitError,
        UnavailableError,
        UpstreamError,
        UnknownOutcomeError,
        SessionLostError,
    )
}


def error_from(body: ErrorBody) -> TandemError:
    """Raise-able form of an error that came over a wire."""
    return ERRORS[body.code](
        body.message, field=body.field, retry_after_s=body.retry_after_s, details=body.details
    )
