"""What the router answers on `router.v1.<op>`: conversations, transcripts, turns, rule tests."""

from typing import Any, Literal

from pydantic import Field

from .base import ContractModel, Timestamp
from .components import Component
from .entities import Conversation, User
from .events import Event
from .ids import BotId, ConversationToken, PlatformName, TurnId
from .outcomes import Author
from .rules import HandlerRef, Rule

DeliveryState = Literal["pending", "sent", "failed", "unknown"]


class ConversationSummary(ContractModel):
    """One line of the list of conversations."""

    id: ConversationToken
    platform: PlatformName
    bot: BotId
    conversation: Conversation
    user: User | None = None
    last_text: str = ""
    last_at: Timestamp
    messages: int


class ListConversations(ContractModel):
    """`router.v1.conversations`: newest first."""

    bot: BotId | None = None
    search: str | None = Field(default=None, max_length=200)
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = None


class ConversationList(ContractModel):
    """A page of conversations."""

    items: tuple[ConversationSummary, ...]
    next: str | None = None


class ReadTranscript(ContractModel):
    """`router.v1.transcript`: the newest messages before `cursor`, oldest first."""

    conversation_id: ConversationToken
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = None


class TranscriptEntry(ContractModel):
    """One message of a conversation, from either side."""

    id: str
    direction: Literal["in", "out"]
    event_type: str | None = None
    author: Author
    components: tuple[Component, ...]
    text: str
    time: Timestamp
    turn: TurnId | None = None
    message_id: str | None = None
    """The platform's id, once it is known."""
    handler: str | None = None
    delivery: DeliveryState | None = None
    error: str | None = None


class Transcript(ContractModel):
    """A page of a transcript with the conversation it belongs to."""

    conversation: ConversationSummary
    items: tuple[TranscriptEntry, ...]
    next: str | None = None


class ReadTurn(ContractModel):
    """`router.v1.turn`."""

    turn: TurnId


class Turn(ContractModel):
    """What is stored of a turn when its log has expired."""

    id: TurnId
    platform: PlatformName
    bot: BotId
    conversation_id: ConversationToken
    handler: str | None = None
    state: str
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    author: Author | None = None
    text: str | None = None
    error: dict[str, Any] | None = None


class TestRules(ContractModel):
    """`router.v1.test_rules`: which rule would win, and why the others would not."""

    __test__ = False  # the name is the operation's; pytest shall not collect it

    event: Event
    rules: tuple[Rule, ...] | None = None
    """Rules to try instead of the bot's own."""
    default_handler: HandlerRef | None = None


class RuleVerdict(ContractModel):
    """One rule and whether it matches; `reason` says the first condition that does not hold."""

    rule: str
    matches: bool
    reason: str


class RuleTestResult(ContractModel):
    """The winner first; without one, the bot's default handler acts."""

    winners: tuple[str, ...]
    handlers: tuple[HandlerRef, ...]
    verdicts: tuple[RuleVerdict, ...]
