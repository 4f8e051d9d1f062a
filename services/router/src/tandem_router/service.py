"""The wiring, top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass

from tandem_common.contract import subjects
from tandem_common.contract.rules import HandlerKind
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock, SystemClock
from tandem_common.runtime.config_watch import ConfigWatch
from tandem_common.runtime.database import Database
from tandem_common.runtime.health import health_app
from tandem_common.runtime.http import GuardedClient
from tandem_common.runtime.http_server import HttpServer
from tandem_common.runtime.keyed import KeyedConfig, KeyedConsumer
from tandem_common.runtime.outlog import OutLog
from tandem_common.runtime.sealing import Sealer
from tandem_common.runtime.service import Part, Service
from tandem_common.runtime.temporal import Temporal, WorkerPart
from tandem_common.runtime.turnlog import TurnLog

from .activities.webhook import WebhookActivities
from .handlers.base import Handler
from .handlers.discard import DiscardHandler
from .handlers.echo import EchoHandler
from .handlers.human import HumanHandler
from .handlers.webhook import WebhookHandler
from .operations import Operations
from .repository import TranscriptRepository
from .routing.rulebook import PATTERNS, Rulebook
from .settings import RouterSettings
from .subscriber import EventSubscriber
from .transcripts import Transcripts
from .turns import TurnCloser
from .webhooks.caller import WebhookCaller
from .webhooks.deferrals import Deferrals
from .workflows.types import TASK_QUEUE
from .workflows.webhook import WebhookWorkflow

CONSUMER = "events"
_SHARDS = frozenset(str(partition) for partition in range(subjects.PARTITIONS))


@dataclass(frozen=True)
class _House:
    """What both roles are made of."""

    settings: RouterSettings
    clock: Clock
    broker: Broker
    database: Database
    http: GuardedClient
    temporal: Temporal
    rulebook: Rulebook
    outlog: OutLog
    closer: TurnCloser
    caller: WebhookCaller
    deferrals: Deferrals


def _house(settings: RouterSettings) -> _House:
    clock = SystemClock()
    broker = Broker(settings, clock=clock)
    database = Database(
        settings.database_url,
        schema=settings.schema_name,
        migrations="tandem_router",
        synchronous=settings.sqlite_synchronous,
    )
    http = GuardedClient(allow_private=settings.allow_private_urls)
    sealer = Sealer(settings.secret_key.get_secret_value())
    return _House(
        settings=settings,
        clock=clock,
        broker=broker,
        database=database,
        http=http,
        temporal=Temporal(settings),
        rulebook=Rulebook(),
        outlog=OutLog(broker),
        closer=TurnCloser(TurnLog(broker), clock),
        caller=WebhookCaller(http, sealer, clock),
        deferrals=Deferrals(database),
    )


class _Streams:
    """Declares what the router publishes to and reads from, before anything else runs."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self) -> None:
        await self._broker.declare(
            (
                subjects.EVENTS,
                subjects.TURNS,
                subjects.TICKETS,
                subjects.DLQ,
                subjects.LEDGER,
            ),
            (subjects.CFG,),
        )

    async def stop(self) -> None:
        pass


def _handlers(house: _House) -> dict[HandlerKind, Handler]:
    """Kind to handler, in one table."""
    return {
        "echo": EchoHandler(),
        "discard": DiscardHandler(),
        "human": HumanHandler(house.broker),
        "webhook": WebhookHandler(house.caller, house.deferrals, house.temporal),
    }


def _worker(house: _House) -> WorkerPart:
    activities = WebhookActivities(
        house.broker,
        house.outlog,
        house.closer,
        house.caller,
        house.deferrals,
        house.rulebook,
        house.clock,
    )
    return WorkerPart(
        house.temporal,
        task_queue=TASK_QUEUE,
        workflows=[WebhookWorkflow],
        activities=[activities.deliver, activities.give_up],
    )


def build_events(settings: RouterSettings, *, with_worker: bool = False) -> Service:
    """Build the role that decides and acts on events."""
    house = _house(settings)
    transcripts = Transcripts(house.broker, house.database, house.clock)

    async def on_change(key: str, value: bytes | None) -> None:
        await house.rulebook.on_change(key, value)
        for platform in house.rulebook.platforms:
            await house.broker.declare((subjects.out_stream(platform),))
            transcripts.follow_platform(platform)

    watch = ConfigWatch(house.broker, PATTERNS, on_change)
    subscriber = EventSubscriber(
        house.rulebook,
        _handlers(house),
        house.outlog,
        house.closer,
        house.clock,
        watch.refresh,
    )
    consumer = KeyedConsumer(
        house.broker,
        KeyedConfig(
            name=CONSUMER,
            stream=subjects.EVENTS,
            filter_of=lambda shard: subjects.partition_filter(int(shard)),
            key_of=lambda subject: subjects.parse_event(subject).conversation,
            concurrency=settings.concurrency,
        ),
        subscriber.handle,
        lambda: _SHARDS,
        on_dead=subscriber.on_dead,
    )
    operations = Operations(
        house.broker, house.rulebook, TranscriptRepository(house.database), house.clock
    )
    checks = {
        "nats": house.broker.check,
        "database": house.database.check,
        "configuration": watch.check,
    }
    server = HttpServer(health_app(checks), settings.http_host, settings.http_port)
    parts: list[Part] = [server, house.broker, house.http, house.database]
    parts += [_Streams(house.broker), watch, operations, transcripts, consumer]
    if with_worker:
        parts.append(_worker(house))
    return Service(settings, parts, checks)


def build_worker(settings: RouterSettings) -> Service:
    """Build the role that runs workflows and activities."""
    house = _house(settings)
    watch = ConfigWatch(house.broker, PATTERNS, house.rulebook.on_change)
    checks = {
        "nats": house.broker.check,
        "database": house.database.check,
        "configuration": watch.check,
        "temporal": house.temporal.check,
    }
    server = HttpServer(health_app(checks), settings.http_host, settings.http_port)
    parts: list[Part] = [server, house.broker, house.http, house.database]
    parts += [_Streams(house.broker), watch, _worker(house)]
    return Service(settings, parts, checks)


def build(settings: RouterSettings) -> Service:
    """Build both roles in one process, for one machine."""
    return build_events(settings, with_worker=True)


ROLES: dict[str, Callable[[RouterSettings], Service]] = {
    "all": build,
    "events": build_events,
    "worker": build_worker,
}
