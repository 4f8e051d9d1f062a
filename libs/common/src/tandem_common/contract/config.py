"""What the gateway copies to the bucket CFG, as the other services need it."""

from typing import Any

from pydantic import Field

from .base import ContractModel
from .ids import BotId, PlatformName, Slug
from .rules import HandlerRef, Rule


class BotConfig(ContractModel):
    """One bot: key `bot.<platform>.<bot>`. Secret settings are sealed (`sealed:…`)."""

    id: BotId
    platform: PlatformName
    name: str
    enabled: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    default_handler: HandlerRef = HandlerRef(kind="discard")
    rev: int = 1


class BotRules(ContractModel):
    """All rules of one bot: key `rules.<platform>.<bot>`."""

    bot: BotId
    rules: tuple[Rule, ...] = ()
    rev: int = 1


class ConnectionConfig(ContractModel):
    """An upstream provider: key `connection.<id>`. `api_key` is sealed."""

    id: Slug
    kind: str = "openai"
    base_url: str
    api_key: str = ""
    prefix: str = ""
    models: tuple[str, ...] = ()
    """Empty: every model the upstream lists."""
    tags: tuple[str, ...] = ()
    enabled: bool = True
    rev: int = 1
