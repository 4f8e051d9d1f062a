"""Rules: per bot, which events under which conditions go to which handler."""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, TypeAdapter, field_validator

from .base import ContractModel, Timestamp
from .entities import ChatKind
from .events import EVENT_TYPES
from .ids import BotId, Slug
from .patterns import compiled

HandlerKind = Literal["human", "webhook", "echo", "discard"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OpenPolicy = Literal["queue", "merge", "separate"]


class TextCondition(ContractModel):
    """What the message's text must be like; every field given must hold."""

    equals: str | None = None
    contains: str | None = None
    starts_with: str | None = None
    regex: str | None = Field(default=None, max_length=500)
    case_sensitive: bool = False

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            compiled(value)
        return value


class Schedule(ContractModel):
    """Times of the week in one time zone; `end` before `start` runs past midnight."""

    timezone: str = "UTC"
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    start: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "09:00"
    end: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "18:00"
    negate: bool = False

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"no time zone is called {value!r} (IANA names: Europe/Berlin)"
            ) from error
        return value


class When(ContractModel):
    """The conditions of a rule; all that are given must hold, an empty list means any."""

    chat_kind: tuple[ChatKind, ...] = ()
    chat_id: tuple[str, ...] = ()
    thread_id: tuple[str, ...] = ()
    sender_id: tuple[str, ...] = ()
    addressed: bool | None = None
    text: TextCondition | None = None
    component: tuple[str, ...] = ()
    """At least one component of one of these kinds."""
    schedule: Literal["business_hours", "off_hours"] | Schedule | None = None
    sample: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of events that pass, decided by the event's id: the same event always alike."""


class EchoConfig(ContractModel):
    """Say the same back."""

    prefix: str = ""
    stream: bool = False
    """Stream word by word through the turn's log."""
    delay_ms: int = Field(default=0, ge=0, le=5_000)
    """Between two words of a stream."""


class DiscardConfig(ContractModel):
    """Do nothing, on purpose."""


class WebhookConfig(ContractModel):
    """Post the event to somebody else's program and do what the answer says."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]
    secret: str = Field(default="", max_length=1000)
    """`whsec_` + base64, as Standard Webhooks has it; empty: unsigned. Sealed at rest."""
    format: Literal["tandem", "langbot"] = "tandem"
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    max_attempts: int = Field(default=8, ge=1, le=20)
    headers: dict[str, str] = Field(default_factory=dict)


class HumanConfig(ContractModel):
    """Ask a person."""

    acknowledge: str = ""
    """Said at once to the user; empty: nothing is said."""
    remind_every_s: int = Field(default=180, ge=1, le=86_400)
    remind_times: int = Field(default=5, ge=0, le=100)
    fallback_after_s: int = Field(default=1_800, ge=1, le=604_800)
    fallback: Literal["text", "error"] = "text"
    fallback_text: str = "Nobody could answer in time. Please try again later."
    while_open: OpenPolicy = "merge"
    """What a new message does while an answer is awaited."""


class HandlerRef(ContractModel):
    """A handler and its settings, not yet checked against the handler's own model."""

    kind: HandlerKind
    config: dict[str, Any] = Field(default_factory=dict)


HandlerConfig = EchoConfig | DiscardConfig | WebhookConfig | HumanConfig
HANDLER_CONFIGS: dict[HandlerKind, type[HandlerConfig]] = {
    "human": HumanConfig,
    "webhook": WebhookConfig,
    "echo": EchoConfig,
    "discard": DiscardConfig,
}


def handler_config(handler: HandlerRef) -> HandlerConfig:
    """Check a handler's settings against its own model.

    Raises:
        pydantic.ValidationError: A setting is unknown or wrong.
    """
    return HANDLER_CONFIGS[handler.kind].model_validate(handler.config, strict=False)


def matches_pattern(pattern: str, event_type: str) -> bool:
    """Say whether an event pattern (`*`, `message.*`, `message.received`) takes a type."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type


def is_known_pattern(pattern: str) -> bool:
    """Say whether a pattern can match any event at all."""
    if pattern == "*" or pattern.startswith("platform."):
        return True
    return any(matches_pattern(pattern, event_type) for event_type in EVENT_TYPES)


class Rule(ContractModel):
    """One rule of a bot."""

    id: Slug
    bot: BotId
    priority: int = Field(default=0, ge=-1000, le=1000)
    enabled: bool = True
    description: str = Field(default="", max_length=500)
    events: tuple[str, ...] = Field(default=("message.received",), min_length=1, max_length=50)
    when: When = When()
    handler: HandlerRef
    then: Literal["stop", "continue"] = "stop"
    created_at: Timestamp | None = None
    """Age decides between rules of equal priority and pattern: the older first."""

    @field_validator("events")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if not is_known_pattern(pattern):
                raise ValueError(f"no event is called {pattern!r}; see docs/contract.md")
        return value


RULES_ADAPTER: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])
