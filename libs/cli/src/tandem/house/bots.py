"""Which platforms need an adapter: those with an enabled bot."""

import asyncio
import json
from collections.abc import Mapping

from tandem_common.contract import subjects
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.config_watch import ConfigWatch
from tandem_common.runtime.settings import ServiceSettings

from .ports import ADAPTERS


def needed(bots: Mapping[str, bytes | None]) -> frozenset[str]:
    """Return the platforms with an enabled bot that this version has an adapter for.

    Args:
        bots: Values of the configuration bucket by key; None for a deleted one.
    """
    platforms = {key.split(".")[1] for key, value in bots.items() if _is_enabled(value)}
    return frozenset(platforms & set(ADAPTERS))


def _is_enabled(value: bytes | None) -> bool:
    if value is None:
        return False
    try:
        return json.loads(value).get("enabled", True) is True
    except (ValueError, AttributeError):
        return False


class BotWatch:
    """Follows the bots in the configuration bucket."""

    def __init__(self, nats_url: str, nkey_file: str) -> None:
        settings = ServiceSettings(nats_url=nats_url, nats_nkey_file=nkey_file, nats_user="admin")
        self._broker = Broker(settings, name="tandem-up")
        self._watch = ConfigWatch(self._broker, [subjects.bots_of_platform("*")], self._changed)
        self._bots: dict[str, bytes | None] = {}
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Read all bots there are, then follow changes."""
        await self._broker.start()
        await self._watch.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._watch.stop()
        await self._broker.stop()

    @property
    def platforms(self) -> frozenset[str]:
        """The platforms that need an adapter now."""
        return needed(self._bots)

    async def changed(self) -> frozenset[str]:
        """Wait for the next change; return the platforms that need an adapter then."""
        await self._news.wait()
        self._news.clear()
        return self.platforms

    async def _changed(self, key: str, value: bytes | None) -> None:
        self._bots[key] = value
        self._news.set()
