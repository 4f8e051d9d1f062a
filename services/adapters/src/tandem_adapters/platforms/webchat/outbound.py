"""Our words into what a browser shows. Pure."""

from datetime import datetime

from tandem_adapters.rendering import say
from tandem_common.contract.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    SendMessage,
    SetTyping,
)
from tandem_common.contract.components import Component, Text
from tandem_common.contract.errors import InvalidInputError, UnsupportedError
from tandem_common.contract.outcomes import Author
from tandem_common.contract.webchat import ChatDeleted, ChatEdited, ChatFrame, ChatMessage

_SHOWN = frozenset({"text", "markdown", "image", "quote", "file", "voice", "video", "link"})
_FRAME_BYTES = 900_000


def shown(components: tuple[Component, ...]) -> tuple[tuple[Component, ...], tuple[str, ...]]:
    """Say as text what the page does not show, and what that cost."""
    kept: list[Component] = []
    reduced: list[str] = []
    for component in components:
        if component.kind in _SHOWN:
            kept.append(component)
            continue
        said = say(component)
        reduced += [said.reduced] if said.reduced else []
        if said.text:
            kept.append(Text(text=said.text))
    return tuple(kept), tuple(dict.fromkeys(reduced))


def to_frame(
    command: Command, *, message_id: str, author: Author, now: datetime
) -> tuple[ChatFrame, tuple[str, ...]]:
    """Write a command as a stored frame.

    Raises:
        UnsupportedError: A web chat has nothing of the kind.
        InvalidInputError: It is too long for one message.
    """
    frame, reduced = _frame(command, message_id, author, now)
    size = len(frame.to_json())
    if size > _FRAME_BYTES:
        raise InvalidInputError(f"a message has at most {_FRAME_BYTES} bytes, not {size}")
    return frame, reduced


def _frame(
    command: Command, message_id: str, author: Author, now: datetime
) -> tuple[ChatFrame, tuple[str, ...]]:
    if isinstance(command, SendMessage):
        components, reduced = shown(command.components)
        return (
            ChatMessage(
                id=message_id,
                time=now,
                author=author,
                components=components,
                reply_to=command.reply_to,
            ),
            reduced,
        )
    if isinstance(command, EditMessage):
        components, reduced = shown(command.components)
        edited = ChatEdited(id=command.message_id, time=now, author=author, components=components)
        return edited, reduced
    if isinstance(command, DeleteMessage):
        return ChatDeleted(id=command.message_id, time=now, author=author), ()
    raise UnsupportedError(f"a web chat has no {command.kind}")


def is_known(command: Command) -> bool:
    """Say whether a command can be written at all."""
    return isinstance(command, SendMessage | EditMessage | DeleteMessage | SetTyping)
