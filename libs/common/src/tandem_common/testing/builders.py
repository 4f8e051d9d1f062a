"""Valid objects for tests; every field can be overridden."""

from datetime import UTC, datetime
from typing import Any

from tandem_common.contract.components import Text
from tandem_common.contract.entities import Chat, Conversation, User
from tandem_common.contract.events import MessageReceived
from tandem_common.contract.message import Message
from tandem_common.contract.rules import HandlerRef, Rule
from tandem_common.runtime.ids import new_id

A_TIME = datetime(2026, 11, 21, 2, 33, 12, 123000, tzinfo=UTC)


def a_conversation(
    chat_id: str = "100", kind: str = "private", thread_id: str = ""
) -> Conversation:
    """Build a conversation."""
    return Conversation(
        chat=Chat.read_object({"id": chat_id, "kind": kind, "name": "Crew"}), thread_id=thread_id
    )


def a_message(text: str = "hello", **fields: Any) -> Message:
    """Build a message that says `text`."""
    values: dict[str, Any] = {"id": "9", "components": (Text(text=text),), "addressed": True}
    return Message(**(values | fields))


def an_event(text: str = "hello", **fields: Any) -> MessageReceived:
    """Build a `message.received`."""
    event_id = new_id()
    values: dict[str, Any] = {
        "id": event_id,
        "time": A_TIME,
        "platform": "onebot",
        "bot": "support",
        "dedupe_key": f"message:{event_id}",
        "conversation": a_conversation(),
        "actor": User(id="77", name="Ann"),
        "message": a_message(text),
    }
    return MessageReceived(**(values | fields))


def a_rule(**fields: Any) -> Rule:
    """Build a rule that echoes every message."""
    values: dict[str, Any] = {
        "id": "all",
        "bot": "support",
        "handler": HandlerRef(kind="echo"),
    }
    return Rule(**(values | fields))
