"""A whole configuration, declared."""

from typing import Any, Literal

from pydantic import Field

from tandem_common.contract.base import ContractModel
from tandem_common.contract.ids import BotId
from tandem_gateway.admin.bots.schemas import BotCreate
from tandem_gateway.admin.connections.schemas import ConnectionCreate


class DeclaredBot(BotCreate):
    """A bot with its rules; without `rules` those it has stay."""

    rules: tuple[Any, ...] | None = Field(default=None, max_length=500)


class Declared(ContractModel):
    """What shall be."""

    bots: tuple[DeclaredBot, ...] = Field(default=(), max_length=1000)
    connections: tuple[ConnectionCreate, ...] = Field(default=(), max_length=1000)
    rules: dict[BotId, tuple[Any, ...]] = Field(default_factory=dict)
    """Rules by bot: the same as `rules` of a bot, also for bots declared elsewhere."""
    dry_run: bool = False
    """Say what would change, and change nothing."""
    prune: bool = False
    """Delete bots and connections that are not declared."""


class Change(ContractModel):
    """One difference."""

    kind: Literal["bot", "rules", "connection"]
    id: str
    action: Literal["create", "update", "delete"]
    fields: tuple[str, ...] = ()


class Applied(ContractModel):
    """Every difference; `applied` says whether they were made."""

    applied: bool
    changes: tuple[Change, ...]
    unchanged: int
