"""The bots and rules of CFG as this process knows them now."""

from typing import TypeVar

from pydantic import ValidationError

from tandem_common.contract.config import BotConfig, BotRules
from tandem_common.contract.rules import Rule, Schedule
from tandem_common.runtime.logging import get_logger

log = get_logger(__name__)
T = TypeVar("T")

PATTERNS = ("bot.*.*", "rules.*.*")
"""What the rulebook reads of CFG."""


class Rulebook:
    """Keeps what `ConfigWatch` tells it."""

    def __init__(self) -> None:
        self._bots: dict[tuple[str, str], BotConfig] = {}
        self._rules: dict[tuple[str, str], tuple[Rule, ...]] = {}

    async def on_change(self, key: str, value: bytes | None) -> None:
        """Take over one key of CFG."""
        kind, platform, bot = key.split(".", 2)
        place = (platform, bot)
        if kind == "bot":
            self._put(self._bots, place, BotConfig.read(value) if value else None)
        else:
            self._put(self._rules, place, BotRules.read(value).rules if value else None)

    @staticmethod
    def _put(store: dict[tuple[str, str], T], place: tuple[str, str], value: T | None) -> None:
        if value is None:
            store.pop(place, None)
        else:
            store[place] = value

    @property
    def platforms(self) -> frozenset[str]:
        """The platforms that have a bot."""
        return frozenset(platform for platform, _ in self._bots)

    def bot(self, platform: str, bot: str) -> BotConfig | None:
        """Return a bot, if it exists."""
        return self._bots.get((platform, bot))

    def rules(self, platform: str, bot: str) -> tuple[Rule, ...]:
        """Return a bot's rules."""
        return self._rules.get((platform, bot), ())

    def business_hours(self, platform: str, bot: str) -> Schedule:
        """Return a bot's business hours; by default Monday to Friday, 9 to 18, UTC."""
        config = self.bot(platform, bot)
        hours = config.settings.get("business_hours") if config else None
        if not hours:
            return Schedule()
        try:
            return Schedule.model_validate(hours, strict=False)
        except ValidationError as error:
            log.warning("business_hours_invalid", bot=bot, error=str(error))
            return Schedule()
