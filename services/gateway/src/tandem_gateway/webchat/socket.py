"""One open chat: what the visitor says goes in, what is stored comes out, through reconnects."""

import asyncio
import contextlib

from nats.js.errors import APIError
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.websockets import WebSocket, WebSocketDisconnect

from tandem_common.contract.errors import InvalidInputError, TandemError, UnavailableError
from tandem_common.contract.webchat import CLIENT_FRAME_ADAPTER, ClientFrame, Hello, Refusal, Say
from tandem_common.runtime.broker import CONNECTION_ERRORS, SETTLE_S
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.tasks import end_all
from tandem_gateway.errors import invalid, load_json
from tandem_gateway.state import GatewayState

from . import service
from .frames import Frame
from .hub import Ear
from .visitors import conversation_of

log = get_logger(__name__)
HELLO_S = 20.0
REREAD_S = 20.0
"""Stored frames are read again this often, should a wake-up have been missed."""
MAX_FRAME = 256 * 1024
_CLOSE_POLICY = 1008


def read_frame(raw: str) -> ClientFrame:
    """Read what a browser sent.

    Raises:
        InvalidInputError: It is too long, not JSON, or no frame; `client_id` is in the details.
    """
    if len(raw) > MAX_FRAME:
        raise InvalidInputError("This message is too long.")
    value = load_json(raw.encode())
    try:
        return CLIENT_FRAME_ADAPTER.validate_json(raw)
    except ValidationError as error:
        refused = invalid(error, value)
        ident = value.get("id") if isinstance(value, dict) else None
        raise InvalidInputError(
            refused.message, field=refused.field, details={"client_id": ident}
        ) from None


class ChatSocket:
    """Serves one socket."""

    def __init__(self, gateway: GatewayState, socket: WebSocket, bot: str, visitor: str) -> None:
        self._gateway, self._socket = gateway, socket
        self._bot, self._visitor = bot, visitor
        self._place = 0

    async def serve(self) -> None:
        """Greet, then read and write until the visitor is gone."""
        hello = await self._hello()
        if hello is None:
            return
        conversation = conversation_of(self._bot, self._visitor)
        with self._gateway.chat.listening(self._bot, conversation) as ear:
            await self._welcome(hello.after)
            tasks = [
                asyncio.create_task(work, name="chat socket")
                for work in (self._read(), self._write(ear), self._tell_typing(ear))
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _end(tasks)

    async def _hello(self) -> Hello | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELLO_S):
                frame = await self._receive()
                if isinstance(frame, Hello):
                    return frame
                await self._refuse(InvalidInputError("Say hello first."))
        await self._socket.close(_CLOSE_POLICY)
        return None

    async def _welcome(self, after: int) -> None:
        try:
            self._place = await service.known_place(self._gateway, after)
        except (*CONNECTION_ERRORS, APIError):
            self._place = after
        config = self._gateway.config.bots[self._bot]
        await self._send(
            {
                "kind": "welcome",
                "bot": {"id": config.id, "name": config.name},
                "visitor": self._visitor,
                "after": self._place,
            }
        )

    async def _receive(self) -> ClientFrame:
        """Return the next frame; what is not one is refused and skipped."""
        while True:
            raw = await self._socket.receive_text()
            try:
                return read_frame(raw)
            except InvalidInputError as error:
                await self._refuse(error, error.details.get("client_id"))

    async def _read(self) -> None:
        while True:
            frame = await self._receive()
            if isinstance(frame, Say):
                await self._say(frame)

    async def _say(self, frame: Say) -> None:
        try:
            self._gateway.chat_pace.take(self._visitor)
            ack = await service.say(self._gateway, self._bot, self._visitor, frame)
        except TandemError as error:
            await self._refuse(error, frame.id)
        else:
            await self._send(ack.model_dump(mode="json"))

    async def _write(self, ear: Ear) -> None:
        pauses = iter(SETTLE_S)
        while True:
            ear.stored.clear()
            try:
                frames, self._place = await service.stored_after(
                    self._gateway, self._bot, self._visitor, self._place
                )
            except (*CONNECTION_ERRORS, APIError, UnavailableError) as error:
                log.warning("chat_not_read", bot=self._bot, error=repr(error))
                frames = []
            for frame in frames:
                await self._send(frame)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ear.stored.wait(), next(pauses, REREAD_S))
                pauses = iter(SETTLE_S)

    async def _tell_typing(self, ear: Ear) -> None:
        while True:
            typing = await ear.typing.get()
            await self._send(typing.model_dump(mode="json"))

    async def _send(self, frame: Frame) -> None:
        await self._socket.send_text(to_json(frame).decode())

    async def _refuse(self, error: TandemError, client_id: object = None) -> None:
        ident = client_id if isinstance(client_id, str) else None
        refusal = Refusal(client_id=ident, error=error.body())
        await self._send(refusal.model_dump(mode="json"))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for result in await end_all(tasks):
        if isinstance(result, Exception) and not isinstance(
            result, WebSocketDisconnect | RuntimeError
        ):
            log.warning("chat_socket_failed", error=repr(result))
