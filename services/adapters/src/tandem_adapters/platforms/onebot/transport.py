"""Reverse WebSockets from implementations, and what is posted by HTTP."""

import asyncio
import contextlib
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import aiohttp
from aiohttp import web

from tandem_common.contract.errors import (
    ForbiddenError,
    InvalidInputError,
    TandemError,
    UnauthenticatedError,
)
from tandem_common.contract.hooks import HookRequest
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.logging import get_logger

from .settings import OneBotSettings

log = get_logger(__name__)

MAX_FRAME_BYTES = 32 << 20
MISSED_BEATS = 3
DEFAULT_BEAT_S = 30.0
_LEAST_PATIENCE_S = 1.5
_CLOSE_REPLACED = 4000


def token_of(request: web.Request) -> str:
    """Return the token a connection presents, in the header or in the address."""
    header = request.headers.get("Authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return value.strip()
    return header or request.query.get("access_token", "")


def check_token(presented: str, remote: str, settings: OneBotSettings) -> None:
    """Compare in constant time; without a token only this machine may connect.

    Raises:
        UnauthenticatedError: None was presented.
        ForbiddenError: Another one was, or the bot has none and the caller is elsewhere.
    """
    if not settings.access_token:
        if not ip_address(remote or "0.0.0.0").is_loopback:  # noqa: S104 - no address at all
            raise ForbiddenError("set access_token: without one only this machine may connect")
        return
    if not presented:
        raise UnauthenticatedError("this bot wants its access token (Authorization: Bearer …)")
    if not hmac.compare_digest(presented.encode(), settings.access_token.encode()):
        raise ForbiddenError("that is not this bot's access token")


def posted_body(request: HookRequest, settings: OneBotSettings) -> bytes:
    """Return the body of a posted event, checked over its raw bytes before anything is parsed.

    Raises:
        UnauthenticatedError: It is not signed.
        ForbiddenError: It is signed with something else, or nobody can tell.
        InvalidInputError: The body did not survive the way here.
    """
    if not settings.http_secret:
        raise ForbiddenError("posted events need http_secret in the bot's settings")
    try:
        body = b64decode(request.body, validate=True)
    except ValueError as error:
        raise InvalidInputError("the body is not base64", field="body") from error
    signature = request.headers.get("x-signature", "")
    if not signature:
        raise UnauthenticatedError("X-Signature is missing")
    # HMAC-SHA1 is what OneBot v11 defines (communication/http-post).
    mark = hmac.new(settings.http_secret.encode(), body, hashlib.sha1).hexdigest()
    if not hmac.compare_digest(signature.encode(), f"sha1={mark}".encode()):
        raise ForbiddenError("X-Signature does not fit the body")
    return body


class Socket:
    """One line to an implementation."""

    def __init__(self, ws: web.WebSocketResponse, clock: Clock) -> None:
        self._ws, self._clock = ws, clock
        self.beat_s = DEFAULT_BEAT_S
        self.heard_at = clock.monotonic()

    async def send(self, text: str) -> bool:
        """Write a frame; False when the line was dead before anything was written."""
        if self._ws.closed:
            return False
        try:
            await self._ws.send_str(text)
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def close(self, reason: str) -> None:
        """Hang up."""
        with contextlib.suppress(ConnectionError, RuntimeError, asyncio.TimeoutError):
            async with asyncio.timeout(1):
                await self._ws.close(code=_CLOSE_REPLACED, message=reason.encode()[:100])

    def is_silent(self) -> bool:
        """Whether three beats were missed."""
        patience = max(_LEAST_PATIENCE_S, MISSED_BEATS * self.beat_s)
        return self._clock.monotonic() - self.heard_at > patience


TakeText = Callable[[Socket, str], Awaitable[None]]


class Lines:
    """The sockets of one bot: the newest speaks, an older one of the same kind is hung up on."""

    def __init__(
        self,
        settings: OneBotSettings,
        clock: Clock,
        take: TakeText,
        changed: Callable[[str | None], None],
    ) -> None:
        self._settings, self._clock = settings, clock
        self._take, self._changed = take, changed
        self._by_role: dict[str, Socket] = {}
        self._all: set[Socket] = set()
        self.self_id = settings.self_id
        self._watch: asyncio.Task[None] | None = None

    @property
    def speaking(self) -> Socket | None:
        """The socket actions go over."""
        return self._by_role.get("universal") or self._by_role.get("api")

    async def start(self) -> None:
        """Begin to listen for silence."""
        self._watch = asyncio.create_task(self._hear(), name="onebot heartbeat")

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.gather(*(socket.close("bye") for socket in list(self._all)))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection to its end."""
        try:
            check_token(token_of(request), request.remote or "", self._settings)
            self._check_account(request.headers.get("X-Self-ID", ""))
        except TandemError as error:
            status = 401 if error.code == "unauthenticated" else 403
            log.warning("onebot_refused", code=error.code, error=error.message)
            return web.Response(status=status, text=error.message)
        ws = web.WebSocketResponse(max_msg_size=MAX_FRAME_BYTES, autoping=True)
        await ws.prepare(request)
        socket = Socket(ws, self._clock)
        role = request.headers.get("X-Client-Role", "Universal").lower()
        await self._join(role, socket)
        reason = "the implementation hung up"
        try:
            async for message in ws:
                if message.type is aiohttp.WSMsgType.TEXT:
                    socket.heard_at = self._clock.monotonic()
                    await self._take(socket, message.data)
                elif message.type is aiohttp.WSMsgType.ERROR:
                    reason = f"the connection broke: {ws.exception()!r}"
        finally:
            self._leave(role, socket, reason)
        return ws

    def _check_account(self, self_id: str) -> None:
        if self._settings.self_id and self_id != self._settings.self_id:
            raise ForbiddenError(f"this bot is for account {self._settings.self_id}")
        if self_id:
            self.self_id = self_id

    async def _join(self, role: str, socket: Socket) -> None:
        before = self._by_role.get(role)
        self._by_role[role] = socket
        self._all.add(socket)
        self._changed(None)
        if before is not None:
            await before.close("replaced by a newer connection")

    def _leave(self, role: str, socket: Socket, reason: str) -> None:
        self._all.discard(socket)
        if self._by_role.get(role) is socket:
            del self._by_role[role]
        self._changed(reason)

    async def _hear(self) -> None:
        while True:
            await self._clock.sleep(0.5)
            for socket in [s for s in self._all if s.is_silent()]:
                log.warning("onebot_silent", missed_beats=MISSED_BEATS)
                self._all.discard(socket)
                for role in [r for r, s in self._by_role.items() if s is socket]:
                    del self._by_role[role]
                self._changed(f"{MISSED_BEATS} heartbeats were missed")
                await socket.close("silent")
