"""What came of an event: one message on the conversation's `out` subject."""

from typing import Literal

from .base import ContractModel, Timestamp
from .commands import Command
from .entities import Conversation
from .ids import BotId, EventId, PlatformName, TurnId

AuthorKind = Literal["user", "human", "bot", "webhook", "system"]


class Author(ContractModel):
    """Who said it. A text of a machine is never labelled `human`."""

    kind: AuthorKind
    id: str = ""
    name: str | None = None


class HandledBy(ContractModel):
    """Which rule and handler produced an outcome."""

    kind: str
    rule: str | None = None


class Outcome(ContractModel):
    """What the platform shall do next in one conversation; `commands` may be empty."""

    id: str
    time: Timestamp
    platform: PlatformName
    bot: BotId
    conversation: Conversation | None = None
    source_event: EventId | None = None
    turn: TurnId | None = None
    handled_by: HandledBy
    author: Author
    commands: tuple[Command, ...] = ()
    is_waiting: bool = False
    """The turn stays open: a person, or a later attempt, ends it."""
