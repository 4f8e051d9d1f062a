"""The configuration in memory: what the doors ask instead of the database."""

from typing import TypeVar

from tandem_common.contract.base import ContractModel
from tandem_common.contract.config import BotConfig, BotRules, ConnectionConfig

T = TypeVar("T", bound=ContractModel)


class ConfigSnapshot:
    """Bots, rules and connections, as last written here or told by CFG.

    Revisions only go up: an older value that arrives late changes nothing.
    """

    def __init__(self) -> None:
        self.bots: dict[str, BotConfig] = {}
        self.rules: dict[str, BotRules] = {}
        self.connections: dict[str, ConnectionConfig] = {}

    def apply(self, key: str, value: bytes | str | None) -> None:
        """Take over a key of CFG; None: it was deleted."""
        kind, _, rest = key.partition(".")
        ident = rest.rpartition(".")[2]
        if kind == "bot":
            self.put_bot(ident, None if value is None else BotConfig.read(value))
        elif kind == "rules":
            self.put_rules(ident, None if value is None else BotRules.read(value))
        elif kind == "connection":
            self.put_connection(ident, None if value is None else ConnectionConfig.read(value))

    def put_bot(self, bot: str, config: BotConfig | None) -> None:
        """Take over a bot, or forget it."""
        _put(self.bots, bot, config)

    def put_rules(self, bot: str, rules: BotRules | None) -> None:
        """Take over a bot's rules, or forget them."""
        _put(self.rules, bot, rules)

    def put_connection(self, connection: str, config: ConnectionConfig | None) -> None:
        """Take over a connection, or forget it."""
        _put(self.connections, connection, config)


def _put(known: dict[str, T], ident: str, value: T | None) -> None:
    if value is None:
        known.pop(ident, None)
        return
    current = known.get(ident)
    if current is None or _rev(current) <= _rev(value):
        known[ident] = value


def _rev(value: ContractModel) -> int:
    return int(getattr(value, "rev", 0))
