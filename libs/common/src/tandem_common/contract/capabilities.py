"""A platform's manifest: what it is called, what it can do, how it is set up."""

from typing import Any, Literal

from pydantic import Field

from .base import ContractModel
from .ids import PlatformName

Support = Literal["native", "conditional", "emulated", "cached"]


class Labels(ContractModel):
    """The same in English and Chinese."""

    en: str
    zh: str


class Capability(ContractModel):
    """One event, command or component a platform can do, and with what reserve."""

    name: str
    support: Support = "native"
    reason: str | None = None
    """For `conditional`: on what it depends; for `emulated`: how."""


class PlatformAction(ContractModel):
    """An action for `call_platform_api`; `params` is a JSON Schema."""

    name: str
    description: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    changes: bool = True
    """Whether it changes something (then an idempotency key is required)."""


class Limit(ContractModel):
    """A limit with its source."""

    name: str
    value: int
    unit: Literal["utf16", "codepoints", "bytes", "count", "seconds"]
    source: str


class Manifest(ContractModel):
    """Served at `GET /api/v1/platforms`; forms and docs are drawn from it."""

    name: PlatformName
    labels: Labels
    description: Labels
    icon: str
    """An emoji."""
    settings_schema: dict[str, Any]
    """JSON Schema of the bot's settings; secret fields carry `"secret": true`, labels `title`,
    `title_zh`, `description`, `description_zh`."""
    events: tuple[Capability, ...]
    commands: tuple[Capability, ...]
    components_in: tuple[Capability, ...]
    components_out: tuple[Capability, ...]
    actions: tuple[PlatformAction, ...] = ()
    limits: tuple[Limit, ...] = ()
    streaming: Literal["none", "native", "draft", "edit", "card", "pull"] = "none"
    idempotent_send: bool = False
    """The platform drops a repeated send with the same key."""
    single_consumer: bool = False
    """Only one process may hold a bot's connection."""
    reply_window_s: int | None = None
    docs: tuple[str, ...] = ()
