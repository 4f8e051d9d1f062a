"""What the relay answers on `relay.v1.<op>`: tickets and what operators do with them."""

from typing import Literal

from pydantic import Field

from .base import ContractModel, Timestamp
from .components import Component
from .entities import Conversation, User
from .events import MessageReceived
from .ids import BotId, PlatformName, TicketId, TurnId
from .outcomes import Author
from .rules import HumanConfig

TicketState = Literal[
    "waiting",
    "claimed",
    "answering",
    "answered",
    "fell_back",
    "timed_out",
    "declined",
    "cancelled",
    "merged",
]
OPEN_STATES: frozenset[TicketState] = frozenset({"waiting", "claimed", "answering"})


class OpenTicket(ContractModel):
    """Stored on `ticket.open.<turn>` by the router: a person shall answer this event."""

    turn: TurnId
    event: MessageReceived
    rule: str | None = None
    source_sequence: int
    """Stream sequence of the event: the order of the conversation's questions."""
    config: HumanConfig


class Operator(ContractModel):
    """A person who answers."""

    id: str
    name: str


class TicketQuestion(ContractModel):
    """One message the user is waiting to have answered."""

    event_id: str
    time: Timestamp
    components: tuple[Component, ...]
    text: str


class TicketPart(ContractModel):
    """One thing an operator (or a fallback) said."""

    id: str
    author: Author
    components: tuple[Component, ...]
    text: str
    final: bool
    time: Timestamp


class TicketNote(ContractModel):
    """Said among operators; never leaves the house."""

    id: str
    author: Operator
    text: str
    time: Timestamp


class Ticket(ContractModel):
    """A turn a person has to answer."""

    id: TicketId
    turn: TurnId
    state: TicketState
    rev: int
    platform: PlatformName
    bot: BotId
    conversation_id: str
    """The conversation's token."""
    conversation: Conversation
    user: User | None = None
    rule: str | None = None
    questions: tuple[TicketQuestion, ...] = ()
    parts: tuple[TicketPart, ...] = ()
    notes: tuple[TicketNote, ...] = ()
    assignee: Operator | None = None
    claimed_until: Timestamp | None = None
    opened_at: Timestamp
    updated_at: Timestamp
    reminders: int = 0
    fallback_at: Timestamp | None = None
    merged_into: TurnId | None = None


class TicketList(ContractModel):
    """A page of tickets, oldest waiting first."""

    items: tuple[Ticket, ...]
    next: str | None = None


class ListTickets(ContractModel):
    """`relay.v1.list`."""

    status: Literal["open", "closed", "all"] | TicketState = "open"
    assignee: str | None = None
    """An operator's id, or `none` for unassigned ones."""
    conversation_id: str | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = None


class ReadTicket(ContractModel):
    """`relay.v1.read`."""

    ticket: TicketId


class ClaimTicket(ContractModel):
    """`relay.v1.claim`: take a ticket for ten minutes, renewed by every reply."""

    ticket: TicketId
    operator: Operator
    force: bool = False
    """Take it over from somebody else."""


class ReleaseTicket(ContractModel):
    """`relay.v1.release`: give it back to the queue."""

    ticket: TicketId
    operator: Operator


class ReplyTicket(ContractModel):
    """`relay.v1.reply`: say something; `final` ends the turn.

    A repeat with the same `idempotency_key` answers with the first result.
    """

    ticket: TicketId
    operator: Operator
    components: tuple[Component, ...] = Field(min_length=1)
    final: bool = True
    idempotency_key: str = Field(min_length=1, max_length=100)
    expected_rev: int | None = None
    """The revision the operator saw; another one is a `conflict` with the ticket in details."""


class NoteTicket(ContractModel):
    """`relay.v1.note`."""

    ticket: TicketId
    operator: Operator
    text: str = Field(min_length=1, max_length=10_000)
    idempotency_key: str = Field(min_length=1, max_length=100)


class CloseTicket(ContractModel):
    """`relay.v1.close`: end the ticket without (further) words."""

    ticket: TicketId
    operator: Operator


class TypingTicket(ContractModel):
    """`relay.v1.typing`: an operator is writing."""

    ticket: TicketId
    operator: Operator
    typing: bool = True


class CancelTurn(ContractModel):
    """`relay.v1.cancel`: the one who asked gave up."""

    turn: TurnId
    reason: str | None = None


TicketChangeKind = Literal[
    "opened",
    "question_added",
    "claimed",
    "released",
    "reminded",
    "replied",
    "noted",
    "typing",
    "closed",
]


class TicketChange(ContractModel):
    """Told to whoever looks on: `relay.changed.<kind>` (core NATS; lists are read again)."""

    kind: TicketChangeKind
    ticket: Ticket
    by: Operator | None = None
