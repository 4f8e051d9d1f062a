"""A turn's log: what is published on `turn.<turn>.<kind>`, numbered by `n` from 0."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from .base import ContractModel, Timestamp, read_union
from .components import Component
from .errors import ErrorBody
from .ids import TurnId
from .outcomes import Author

TurnState = Literal[
    "opened", "running", "waiting", "final", "failed", "cancelled", "timed_out", "merged"
]


class _TurnEvent(ContractModel):
    turn: TurnId
    n: int = Field(ge=0)
    time: Timestamp


class TurnStarted(_TurnEvent):
    """Somebody took the turn up."""

    kind: Literal["started"] = "started"
    handler: str


class TurnStatus(_TurnEvent):
    """Something a waiting caller may show: waiting for a person, claimed, typing …."""

    kind: Literal["status"] = "status"
    state: Literal["running", "waiting", "claimed", "typing", "idle"]
    who: str | None = None
    position: int | None = None


class TurnDelta(_TurnEvent):
    """A piece of text as it is produced."""

    kind: Literal["delta"] = "delta"
    text: str


class TurnReasoning(_TurnEvent):
    """A piece of reasoning as it is produced."""

    kind: Literal["reasoning"] = "reasoning"
    text: str


class TurnToolCall(_TurnEvent):
    """A tool is called."""

    kind: Literal["tool_call"] = "tool_call"
    call_id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class TurnToolResult(_TurnEvent):
    """A tool answered."""

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    result: Any = None
    error: ErrorBody | None = None


class TurnPart(_TurnEvent):
    """One finished part of the answer; more may follow."""

    kind: Literal["part"] = "part"
    part_id: str
    author: Author
    components: tuple[Component, ...]


class TurnRevised(_TurnEvent):
    """A part was edited, or deleted when `components` is empty."""

    kind: Literal["revised"] = "revised"
    part_id: str
    components: tuple[Component, ...] = ()


class TurnFinal(_TurnEvent):
    """The turn is answered; `text` is the whole answer, parts joined by an empty line."""

    kind: Literal["final"] = "final"
    author: Author
    text: str
    components: tuple[Component, ...] = ()


class TurnFailed(_TurnEvent):
    """The turn ended without an answer."""

    kind: Literal["failed"] = "failed"
    state: Literal["failed", "timed_out"] = "failed"
    error: ErrorBody


class TurnCancelled(_TurnEvent):
    """The turn was given up."""

    kind: Literal["cancelled"] = "cancelled"
    state: Literal["cancelled", "merged"] = "cancelled"
    reason: str | None = None
    merged_into: TurnId | None = None


TurnEvent = Annotated[
    TurnStarted
    | TurnStatus
    | TurnDelta
    | TurnReasoning
    | TurnToolCall
    | TurnToolResult
    | TurnPart
    | TurnRevised
    | TurnFinal
    | TurnFailed
    | TurnCancelled,
    Field(discriminator="kind"),
]
TURN_EVENT_ADAPTER: TypeAdapter[TurnEvent] = TypeAdapter(TurnEvent)
TERMINAL_KINDS = frozenset({"final", "failed", "cancelled"})


def read_turn_event(data: str | bytes) -> TurnEvent:
    """Parse one entry of a turn's log."""
    return read_union(TURN_EVENT_ADAPTER, data)
