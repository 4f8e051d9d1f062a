"""What the gateway knows before it opens its doors: keys, configuration, manifests."""

from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract import subjects
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.config_watch import ConfigWatch

from .admin.bots import repository as bots, service as bot_service
from .admin.connections import repository as connections
from .admin.keys import service as keys
from .bootstrap import bootstrap
from .outbox import KEYS_REV
from .state import GatewayState

_MANIFESTS = "manifest.*"


async def expected_config(session: AsyncSession) -> dict[str, bytes]:
    """Return what CFG must say, by key."""
    expected: dict[str, bytes] = {}
    platforms: dict[str, str] = {}
    for bot in await bots.every(session):
        platforms[bot.id] = bot.platform
        expected[subjects.bot_key(bot.platform, bot.id)] = bots.config_of(bot).to_json()
    for rules in await bots.all_rules(session):
        key = subjects.rules_key(platforms[rules.bot], rules.bot)
        expected[key] = bots.rules_config(rules).to_json()
    for row in await connections.every(session):
        expected[subjects.connection_key(row.id)] = connections.config_of(row).to_json()
    return expected


class Memory:
    """Fills memory from SQL, after making what a first start needs. Part of the service."""

    def __init__(self, gateway: GatewayState) -> None:
        self._gateway = gateway

    async def start(self) -> None:
        """Bootstrap, then read keys and configuration."""
        await bootstrap(self._gateway)
        await keys.reload(self._gateway)
        async with self._gateway.database.session() as session:
            for key, value in (await expected_config(session)).items():
                self._gateway.config.apply(key, value)

    async def stop(self) -> None:
        """Nothing to end."""


class Following:
    """Hears of what other gateways wrote and of adapters' manifests. Part of the service."""

    def __init__(self, gateway: GatewayState, broker: Broker) -> None:
        self._gateway = gateway
        patterns = ("bot.*.*", "rules.*.*", "connection.*", KEYS_REV, _MANIFESTS)
        self._watch = ConfigWatch(broker, patterns, self._apply)
        self.check = self._watch.check

    async def start(self) -> None:
        """Read all of CFG, then follow it."""
        self._gateway.manifests.on_change = self._recheck
        await self._watch.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._watch.stop()

    async def _apply(self, key: str, value: bytes | None) -> None:
        if key == KEYS_REV:
            await keys.reload(self._gateway)
        elif key.startswith("manifest."):
            await self._gateway.manifests.apply(key, value)
        else:
            self._gateway.config.apply(key, value)

    async def _recheck(self, platform: str) -> None:
        await bot_service.recheck(self._gateway, platform)
