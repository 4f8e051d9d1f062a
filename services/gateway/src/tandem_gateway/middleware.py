"""Pure ASGI middleware: a request id, a cap on bodies, and headers every answer carries."""

from collections.abc import Callable

from nats.js.errors import APIError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tandem_common.contract.errors import TandemError, TooLargeError, UnavailableError
from tandem_common.runtime.broker import CONNECTION_ERRORS
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger

from .errors import error_response, internal_response

log = get_logger(__name__)
REQUEST_ID = "x-request-id"
_MAX_REQUEST_ID = 100

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class RequestId:
    """Give each request an id, kept from the caller where it sent a plain one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        kept = given if given.isascii() and given.isprintable() else ""
        request_id = kept[:_MAX_REQUEST_ID] or new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_id)


class BodyLimit:
    """Refuse bodies over the limit of their path with 413, announced or not."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], int]) -> None:
        self._app = app
        self._limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope["path"])
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            await error_response(_too_large(limit))(scope, receive, send)
            return
        taken = 0

        async def receive_capped() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, receive_capped, send)


class LastResort:
    """Turn what nobody caught into an answer with a code; the trace goes to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as exc:
            refused = _refusal(exc, scope["path"])
            if started:
                raise
            await refused(scope, receive, send)


def _refusal(error: Exception, path: str) -> Response:
    if isinstance(error, TandemError):
        return error_response(error)
    if isinstance(error, (*CONNECTION_ERRORS, APIError)):
        log.warning("nats_failed", path=path, error=repr(error))
        return error_response(UnavailableError("NATS is away.", retry_after_s=1))
    log.error("request_failed", path=path, error=type(error).__name__, exc_info=error)
    return internal_response()


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {limit} bytes.", details={"limit_bytes": limit})
