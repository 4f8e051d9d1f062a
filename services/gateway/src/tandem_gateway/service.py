"""The wiring of the gateway, from top to bottom."""

from tandem_common.contract import subjects
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock, SystemClock
from tandem_common.runtime.database import Database
from tandem_common.runtime.health import Check
from tandem_common.runtime.http import GuardedClient
from tandem_common.runtime.http_server import HttpServer
from tandem_common.runtime.media import MediaStore
from tandem_common.runtime.sealing import Sealer
from tandem_common.runtime.service import Part, Service

from .app import create_app
from .boot import Following, Memory, expected_config
from .keys import KeyIndex
from .live import LiveFeed
from .manifests import ManifestBook
from .media_links import MediaLinks
from .openai.catalogue import UpstreamNames
from .openai.upstream import Upstreams
from .outbox import OutboxPublisher
from .security.limiter import FailureLimiter
from .settings import GatewaySettings
from .snapshot import ConfigSnapshot
from .state import GatewayState
from .webchat.hub import ChatHub
from .webchat.pace import Pace

PACKAGE = "tandem_gateway"
_FAILURES_OF_AN_ADDRESS = 30


def wire(settings: GatewaySettings, clock: Clock | None = None) -> GatewayState:
    """Make everything the doors share."""
    clock = clock or SystemClock()
    broker = Broker(settings, clock=clock)
    database = Database(
        settings.database_url,
        schema=settings.schema_name,
        migrations=PACKAGE,
        synchronous=settings.sqlite_synchronous,
    )
    sealer = Sealer(settings.secret_key.get_secret_value())
    config, names = ConfigSnapshot(), UpstreamNames()
    return GatewayState(
        settings=settings,
        clock=clock,
        broker=broker,
        database=database,
        sealer=sealer,
        keys=KeyIndex(clock),
        config=config,
        upstream_names=names,
        upstreams=Upstreams(broker, config, sealer, clock, names),
        manifests=ManifestBook(),
        outbox=OutboxPublisher(broker, database, clock, expected_config),
        http=GuardedClient(allow_private=settings.allow_private_urls),
        media=MediaStore(broker, max_bytes=settings.upload_bytes),
        live=LiveFeed(broker),
        links=MediaLinks(settings),
        chat=ChatHub(broker),
        chat_pace=Pace(clock, burst=10, per_s=1),
        upload_pace=Pace(clock, burst=10, per_s=0.5),
        limiter=FailureLimiter(clock),
        address_limiter=FailureLimiter(clock, free=_FAILURES_OF_AN_ADDRESS),
    )


class Streams:
    """Declares the streams and buckets the gateway reads and writes. Part of the service."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self) -> None:
        """Declare."""
        await self._broker.declare(
            (
                subjects.EVENTS,
                subjects.TURNS,
                subjects.TICKETS,
                subjects.LEDGER,
                subjects.DLQ,
                subjects.WEBCHAT,
                subjects.out_stream("openai"),
            ),
            (subjects.CFG, subjects.CURSORS),
            media=True,
        )

    async def stop(self) -> None:
        """Nothing to end."""


def build(settings: GatewaySettings) -> Service:
    """Return the service: its parts in the order they start."""
    gateway = wire(settings)
    following = Following(gateway, gateway.broker)
    checks: dict[str, Check] = {
        "nats": gateway.broker.check,
        "database": gateway.database.check,
        "configuration": following.check,
    }
    app = create_app(gateway, checks)
    parts: tuple[Part, ...] = (
        gateway.broker,
        Streams(gateway.broker),
        gateway.database,
        gateway.http,
        Memory(gateway),
        gateway.outbox,
        following,
        gateway.upstreams,
        gateway.live,
        gateway.chat,
        HttpServer(app, settings.http_host, settings.http_port),
    )
    return Service(settings, parts, checks)
