"""Errors as HTTP answers, in one table; the code is the contract's, the status HTTP's."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.responses import JSONResponse, Response

from tandem_common.contract.errors import (
    ConflictError,
    ErrorCode,
    InternalError,
    InvalidInputError,
    TandemError,
)

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

STATUS: dict[ErrorCode, int] = {
    "invalid_input": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "session_lost": 410,
    "too_large": 413,
    "unsupported": 422,
    "rate_limited": 429,
    "quota_exceeded": 429,
    "internal": 500,
    "upstream_error": 502,
    "unknown_outcome": 502,
    "capacity": 503,
    "unavailable": 503,
    "timeout": 504,
}
CODE_OF_STATUS: dict[int, ErrorCode] = {
    400: "invalid_input",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "unsupported",
    409: "conflict",
    413: "too_large",
    415: "invalid_input",
    429: "rate_limited",
    503: "unavailable",
}


class StaleError(ConflictError):
    """Raised when `If-Match` names a revision that is no longer the current one: 412."""


def status_of(error: TandemError) -> int:
    """Return the HTTP status of an error."""
    return 412 if isinstance(error, StaleError) else STATUS[error.code]


def error_body(
    code: ErrorCode,
    message: str,
    *,
    field: str | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write an error as the admin API shows it."""
    body: dict[str, Any] = {"code": code, "message": message}
    if field is not None:
        body["field"] = field
    if details:
        body["details"] = details
    return {"error": body}


def error_response(error: TandemError) -> Response:
    """Answer with an error."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if error.code == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        error_body(error.code, error.message, field=error.field, details=error.details),
        status_code=status_of(error),
        headers=headers,
    )


def internal_response() -> Response:
    """Answer for a failure nobody foresaw; what it was stands in the log."""
    return error_response(InternalError("Something went wrong here; it has been logged."))


def _walk(loc: Sequence[int | str], value: Any, *, missing: bool) -> Iterable[int | str]:
    """Keep the steps of a location that are really in the input: pydantic adds union tags."""
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        inside = (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        if inside:
            value = value[step]
            yield step
        elif last and missing:
            yield step


def join_path(steps: Iterable[int | str], prefix: str = "") -> str:
    """Write a location as `rules[1].when.text.regex`."""
    path = prefix
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else str(step)
    return path


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "This field is not known."
    if detail["type"] == "missing":
        return "This field is required."
    message = detail["msg"].removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."


def invalid(error: ValidationError, value: Any, prefix: str = "") -> InvalidInputError:
    """Turn the first of pydantic's complaints into one sentence that names the field."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first = details[0]
    steps = _walk(first["loc"], value, missing=first["type"] in {"missing", "extra_forbidden"})
    field = join_path(steps, prefix) or None
    others = len(details) - 1
    return InvalidInputError(
        f"{field}: {_sentence(first)}" if field else _sentence(first),
        field=field,
        details={"others": others} if others else {},
    )


def load_json(raw: bytes) -> Any:
    """Decode a JSON body.

    Raises:
        InvalidInputError: It is not JSON.
    """
    try:
        return from_json(raw)
    except ValueError as exc:
        raise InvalidInputError(f"The body is not valid JSON: {exc}.") from None


def parse(model: type[M], raw: bytes) -> M:
    """Read a JSON body into a model.

    Raises:
        InvalidInputError: Not JSON, or not of this shape; `field` names where.
    """
    value = load_json(raw or b"{}")
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as exc:
        raise invalid(exc, value) from None


def parse_as(adapter: TypeAdapter[T], value: Any, prefix: str = "") -> T:
    """Check an already decoded JSON value.

    Raises:
        InvalidInputError: Not of this shape; `field` names where, after `prefix`.
    """
    try:
        return adapter.validate_python(value, strict=False)
    except ValidationError as exc:
        raise invalid(exc, value, prefix) from None
