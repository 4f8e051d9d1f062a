"""Errors the way OpenAI writes them, with what its SDKs need to behave."""

from typing import Any

import orjson

from tandem_common.contract.errors import ErrorCode, TandemError
from tandem_gateway.errors import STATUS

_TYPES: dict[ErrorCode, str] = {
    "invalid_input": "invalid_request_error",
    "unauthenticated": "invalid_request_error",
    "forbidden": "permission_error",
    "not_found": "invalid_request_error",
    "too_large": "invalid_request_error",
    "unsupported": "invalid_request_error",
    "conflict": "invalid_request_error",
    "rate_limited": "requests",
    "quota_exceeded": "insufficient_quota",
}
_CODES: dict[ErrorCode, str] = {
    "unauthenticated": "invalid_api_key",
    "not_found": "not_found",
    "rate_limited": "rate_limit_exceeded",
    "quota_exceeded": "insufficient_quota",
}
_SAFE_TO_REPEAT: frozenset[ErrorCode] = frozenset({"unavailable", "capacity", "rate_limited"})
"""Nothing was begun: an SDK may try again by itself. Else a person might be asked twice."""


def body_of(error: TandemError) -> dict[str, Any]:
    """Write an error as OpenAI does; `details.openai_code` overrules the table."""
    code = error.details.get("openai_code") or _CODES.get(error.code, error.code)
    return {
        "error": {
            "message": error.message,
            "type": _TYPES.get(error.code, "server_error"),
            "param": error.field,
            "code": code,
        }
    }


def answer_of(error: TandemError) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body."""
    headers = {"content-type": "application/json"}
    headers["x-should-retry"] = "true" if error.code in _SAFE_TO_REPEAT else "false"
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
        headers["retry-after-ms"] = str(round(error.retry_after_s * 1000))
    status = error.details.get("openai_status") or STATUS[error.code]
    return status, headers, orjson.dumps(body_of(error))
