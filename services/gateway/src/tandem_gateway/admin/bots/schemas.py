"""What is said about bots."""

from typing import Any

from pydantic import Field

from tandem_common.contract.base import ContractModel
from tandem_common.contract.ids import BotId, PlatformName
from tandem_common.contract.rules import HandlerRef

DISCARD = HandlerRef(kind="discard")


class BotCreate(ContractModel):
    """A new bot."""

    id: BotId
    platform: PlatformName
    name: str = Field(default="", max_length=100)
    """Empty: the id."""
    settings: dict[str, Any] = Field(default_factory=dict)
    enabled: bool = True
    default_handler: HandlerRef = DISCARD


class BotUpdate(ContractModel):
    """A change; what is left out stays. `settings` are replaced as a whole."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    settings: dict[str, Any] | None = None
    enabled: bool | None = None
    default_handler: HandlerRef | None = None


class BotStatus(ContractModel):
    """How the adapter is doing with a bot."""

    state: str
    """`online`, `offline`, `disabled`, or `unknown` while no adapter has told."""
    reason: str | None = None
    since: str | None = None


class BotRead(ContractModel):
    """A bot; secrets are stars."""

    id: BotId
    platform: PlatformName
    name: str
    settings: dict[str, Any]
    settings_checked: bool
    enabled: bool
    default_handler: HandlerRef
    rules: int
    status: BotStatus
    capabilities: dict[str, Any] | None
    rev: int
    created_at: str
    updated_at: str
    links: dict[str, str] = Field(default_factory=dict)


class BotList(ContractModel):
    """A page of bots."""

    items: tuple[BotRead, ...]
    next: str | None = None
