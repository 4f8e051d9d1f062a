"""The wiring, top to bottom."""

from tandem_common.contract import subjects
from tandem_common.contract.relay import Operator, Ticket, TicketChangeKind
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import SystemClock
from tandem_common.runtime.database import Database
from tandem_common.runtime.health import health_app
from tandem_common.runtime.http_server import HttpServer
from tandem_common.runtime.keyed import KeyedConfig, KeyedConsumer
from tandem_common.runtime.outlog import OutLog
from tandem_common.runtime.service import Service
from tandem_common.runtime.temporal import Temporal, WorkerPart
from tandem_common.runtime.turnlog import TurnLog

from .activities.ticket import TicketActivities
from .desk import Desk
from .operations import Operations, tell_lookers_on
from .outbox import Outbox
from .settings import RelaySettings
from .subscriber import TicketSubscriber
from .workflows.ticket import TicketWorkflow
from .workflows.types import TASK_QUEUE

CONSUMER = "tickets"
_SHARDS = frozenset({"all"})


class _Streams:
    """Declares what the relay reads from and publishes to, before anything else runs."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self) -> None:
        await self._broker.declare((subjects.TICKETS, subjects.TURNS, subjects.DLQ))

    async def stop(self) -> None:
        pass


def build(settings: RelaySettings) -> Service:
    """Build the relay."""
    clock = SystemClock()
    broker = Broker(settings, clock=clock)
    database = Database(
        settings.database_url,
        schema=settings.schema_name,
        migrations="tandem_relay",
        synchronous=settings.sqlite_synchronous,
    )
    temporal = Temporal(settings)
    outbox = Outbox(database, OutLog(broker), TurnLog(broker), temporal, clock)

    async def changed(kind: TicketChangeKind, ticket: Ticket, by: Operator | None) -> None:
        await outbox.flush(ticket.id)
        await tell_lookers_on(broker, kind, ticket, by)

    desk = Desk(database, clock, settings.claim_lease_s, changed)
    consumer = KeyedConsumer(
        broker,
        KeyedConfig(
            name=CONSUMER,
            stream=subjects.TICKETS,
            filter_of=lambda _: subjects.all_tickets(),
            key_of=lambda subject: subject.rpartition(".")[2],
            concurrency=16,
        ),
        TicketSubscriber(desk).handle,
        lambda: _SHARDS,
    )
    activities = TicketActivities(desk)
    worker = WorkerPart(
        temporal,
        task_queue=TASK_QUEUE,
        workflows=[TicketWorkflow],
        activities=[activities.remind, activities.fall_back],
    )
    checks = {"nats": broker.check, "database": database.check}
    return Service(
        settings,
        [
            HttpServer(health_app(checks), settings.http_host, settings.http_port),
            broker,
            database,
            _Streams(broker),
            outbox,
            Operations(broker, desk),
            consumer,
            worker,
        ],
        checks,
    )
