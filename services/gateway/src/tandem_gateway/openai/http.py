"""Requests and answers on bare ASGI: no framework stands on the hot way."""

import asyncio
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from tandem_common.contract.errors import TandemError, TooLargeError

from .errors import answer_of


class ClientGoneError(Exception):
    """Raised when the caller has closed its connection."""


class Exchange:
    """One request and its answer."""

    __slots__ = ("_body_read", "_receive", "_send", "headers", "is_started", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.is_started = False
        self._body_read = False

    def header(self, name: bytes) -> str:
        """Return a request header, or an empty string."""
        return self.headers.get(name, b"").decode("latin-1")

    async def body(self, limit: int) -> bytes:
        """Read the request's body.

        Raises:
            TooLargeError: It is longer than `limit` bytes.
            ClientGoneError: The caller left before it was all sent.
        """
        announced = self.header(b"content-length")
        if announced.isdigit() and int(announced) > limit:
            raise TooLargeError(f"the body is larger than {limit} bytes")
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise TooLargeError(f"the body is larger than {limit} bytes")
            chunks.append(chunk)
            if not message.get("more_body"):
                self._body_read = True
                return b"".join(chunks) if len(chunks) > 1 else chunks[0]

    async def gone(self) -> None:
        """Return when the caller has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of the answer."""
        self.is_started = True
        raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, chunk: bytes, *, more: bool = True) -> None:
        """Send a piece of the answer."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a whole answer."""
        await self.start(status, {**headers, "content-length": str(len(body))})
        await self.write(body, more=False)

    async def refuse(self, error: TandemError) -> None:
        """Answer with an error, if nothing was sent yet."""
        if not self.is_started:
            await self.answer(*answer_of(error))


async def unless_gone(exchange: Exchange, work: "asyncio.Task[None]") -> None:
    """Let work run while the caller is there; end it when the caller leaves.

    Raises:
        ClientGoneError: The caller left.
    """
    gone = asyncio.ensure_future(exchange.gone())
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise ClientGoneError
        await work
    finally:
        gone.cancel()
