"""What is said about rules."""

from typing import Any

from pydantic import Field

from tandem_common.contract.base import ContractModel
from tandem_common.contract.ids import BotId
from tandem_common.contract.rules import Rule


class RulesRead(ContractModel):
    """All rules of a bot, in the order they are tried."""

    bot: BotId
    rules: tuple[Rule, ...]
    rev: int


class RulesWrite(ContractModel):
    """The whole list at once. `bot` and `created_at` of a rule may be left out."""

    rules: tuple[Any, ...] = Field(max_length=500)


class RulesTest(ContractModel):
    """An event to try; with `rules`, those instead of the bot's own."""

    event: dict[str, Any]
    rules: tuple[Any, ...] | None = Field(default=None, max_length=500)
