"""What a visitor says into our words. Pure."""

from datetime import datetime

from tandem_common.contract.components import Component, Image, Text
from tandem_common.contract.entities import Chat, Conversation, User
from tandem_common.contract.errors import InvalidInputError
from tandem_common.contract.events import MessageReceived
from tandem_common.contract.message import Message
from tandem_common.contract.outcomes import Author
from tandem_common.contract.webchat import ChatMessage, Say

PLATFORM = "webchat"
_TEXT_LIMIT = 20_000
_TAKEN = (Text, Image)


def conversation_of(visitor: str, thread: str, name: str | None) -> Conversation:
    """Return a visitor's conversation: one each, and one a thread."""
    return Conversation(chat=Chat(id=visitor, kind="private", name=name), thread_id=thread)


def checked(components: tuple[Component, ...]) -> tuple[Component, ...]:
    """Let through what a visitor may send.

    Raises:
        InvalidInputError: Something else, too much, or nothing.
    """
    for i, component in enumerate(components):
        if not isinstance(component, _TAKEN):
            raise InvalidInputError(
                f"components[{i}]: a visitor sends text and images, not {component.kind}",
                field=f"components[{i}]",
            )
        if isinstance(component, Image) and not component.media.startswith("sha256:"):
            raise InvalidInputError(
                f"components[{i}]: upload the picture first", field=f"components[{i}].media"
            )
    text = "".join(c.text for c in components if isinstance(c, Text))
    if len(text) > _TEXT_LIMIT:
        raise InvalidInputError(f"a message has at most {_TEXT_LIMIT} characters", field="text")
    if not text.strip() and not any(isinstance(c, Image) for c in components):
        raise InvalidInputError("the message says nothing", field="components")
    return components


def to_event(
    say: Say, *, bot: str, event_id: str, visitor: User, place: Conversation, now: datetime
) -> MessageReceived:
    """Write what a visitor said as an event; the client's own id tells a repeat."""
    message = Message(
        id=say.id,
        components=checked(say.components),
        reply_to=say.reply_to,
        addressed=True,
    )
    return MessageReceived(
        id=event_id,
        time=now,
        platform=PLATFORM,
        bot=bot,
        dedupe_key=f"say:{visitor.id}:{say.id}",
        conversation=place,
        actor=visitor,
        message=message,
    )


def to_frame(say: Say, *, visitor: User, now: datetime) -> ChatMessage:
    """Write it as the visitor's other windows, and a reload, shall see it."""
    return ChatMessage(
        id=say.id,
        time=now,
        author=Author(kind="user", id=visitor.id, name=visitor.name),
        components=say.components,
        reply_to=say.reply_to,
        client_id=say.id,
    )
