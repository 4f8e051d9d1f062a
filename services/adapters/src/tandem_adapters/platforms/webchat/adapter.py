"""One web chat: life cycle and dispatch."""

from collections.abc import AsyncIterator, Sequence

from tandem_adapters.base import Done, Host, Step
from tandem_common.contract.commands import Command, DeliverTurn, SetTyping
from tandem_common.contract.components import Component, Markdown
from tandem_common.contract.entities import Conversation
from tandem_common.contract.errors import UnsupportedError, error_from
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnEvent, TurnFinal
from tandem_common.contract.webchat import Ack, ChatDelta, ChatMessage, ChatTyping
from tandem_common.runtime.ids import new_id

from . import inbound, outbound
from .client import ChatStore
from .errors import unknown_path
from .settings import WebChatSettings
from .transport import answer, said, visitor_of
from .wire import SAY, THREAD, TYPING

_BATCH_S = 0.03
"""Pieces of a growing message are stored together this long."""
_SOMEBODY = Author(kind="bot")


class WebChatAdapter:
    """See the module."""

    is_idempotent = True
    streams = True

    def __init__(self, host: Host) -> None:
        self._host = host
        self.settings = WebChatSettings.model_validate(host.settings)
        self._store = ChatStore(host.broker, host.bot)

    @property
    def can_send(self) -> bool:
        """A store needs no connection."""
        return True

    async def start(self) -> None:
        """Be there."""
        self._host.set_online(online=True)

    async def stop(self) -> None:
        """Nothing is open."""

    # -- in ------------------------------------------------------------------------------------

    async def hook(self, request: HookRequest) -> HookResponse:
        """Take what a visitor says."""
        if request.path == TYPING:
            return HookResponse(status=204)
        if request.path != SAY:
            raise unknown_path(request.path)
        visitor, message = visitor_of(request), said(request)
        place = inbound.conversation_of(visitor.id, request.headers.get(THREAD, ""), visitor.name)
        now = self._host.clock.now()
        event = inbound.to_event(
            message, bot=self._host.bot, event_id=new_id(), visitor=visitor, place=place, now=now
        )
        # The transcript first: a repeat after a crash in between stores the event then, and
        # the page never shows an answer above its question.
        frame = inbound.to_frame(message, visitor=visitor, now=now)
        await self._store.put(place, frame, f"say:{message.id}")
        await self._host.publish(event)
        return answer(Ack(client_id=message.id, id=message.id))

    # -- out -----------------------------------------------------------------------------------

    def plan(self, command: Command) -> Sequence[Step]:
        """Every command is one step."""
        if not outbound.is_known(command):
            raise UnsupportedError(f"a web chat has no {command.kind}")
        return (Step(command, says=not isinstance(command, SetTyping)),)

    async def perform(self, step: Step, key: str, author: Author) -> Done:
        """Store a frame, once per key."""
        command: Command = step.request
        if isinstance(command, SetTyping):
            typing = ChatTyping(typing=command.typing, who=command.who)
            await self._store.typing(command.conversation, typing)
            return Done()
        message_id = getattr(command, "idempotency_key", "") or key or new_id()
        frame, reduced = outbound.to_frame(
            command, message_id=message_id, author=author, now=self._host.clock.now()
        )
        place: Conversation = command.conversation  # type: ignore[union-attr,assignment]
        await self._store.put(place, frame, f"{frame.kind}:{key or message_id}")
        return Done(frame.id, reduced=reduced)

    async def deliver(
        self, command: DeliverTurn, entries: AsyncIterator[TurnEvent], key: str
    ) -> Done:
        """Let the message grow as it is produced; the whole one is stored at the end."""
        growing = _Growing(self._host, self._store, command.conversation, command.turn)
        async for entry in entries:
            if entry.kind == "delta":
                await growing.add(entry.text)
            elif entry.kind == "status":
                typing = ChatTyping(typing=entry.state in ("running", "typing"), who=entry.who)
                await self._store.typing(command.conversation, typing)
            elif entry.kind == "failed":
                await growing.flush()
                raise error_from(entry.error)
            elif entry.kind == "final":
                await self._finish(command, entry, key)
        return Done(command.turn)

    async def _finish(self, command: DeliverTurn, final: TurnFinal, key: str) -> None:
        whole: tuple[Component, ...] = final.components or (Markdown(text=final.text),)
        if not any(c.kind != "text" for c in whole) and final.text:
            whole = (Markdown(text=final.text),)
        components, _ = outbound.shown(whole)
        message = ChatMessage(
            id=command.turn,
            time=self._host.clock.now(),
            author=final.author,
            components=components,
            reply_to=command.reply_to,
        )
        await self._store.put(command.conversation, message, f"final:{key}")


class _Growing:
    """Stores pieces in batches; each has a key of its own, so that a repeat is the same."""

    def __init__(self, host: Host, store: ChatStore, place: Conversation, turn: str) -> None:
        self._host, self._store, self._place, self._turn = host, store, place, turn
        self._waiting: list[str] = []
        self._length = 0
        self._last = 0.0

    async def add(self, text: str) -> None:
        self._waiting.append(text)
        now = self._host.clock.monotonic()
        if now - self._last >= _BATCH_S:
            self._last = now
            await self.flush()

    async def flush(self) -> None:
        text = "".join(self._waiting)
        if not text:
            return
        self._waiting.clear()
        frame = ChatDelta(id=self._turn, time=self._host.clock.now(), author=_SOMEBODY, text=text)
        # By place in the text, not by count: batches of a second run are cut elsewhere, and the
        # page takes only what goes beyond what it has.
        await self._store.put_soon(self._place, frame, f"delta:{self._turn}:{self._length}")
        self._length += len(text)
