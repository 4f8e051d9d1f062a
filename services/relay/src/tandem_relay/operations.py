"""What the relay answers on `relay.v1.<op>`."""

from tandem_common.contract import subjects
from tandem_common.contract.relay import (
    CancelTurn,
    ClaimTicket,
    CloseTicket,
    ListTickets,
    NoteTicket,
    Operator,
    ReadTicket,
    ReleaseTicket,
    ReplyTicket,
    Ticket,
    TicketChange,
    TicketChangeKind,
    TypingTicket,
)
from tandem_common.runtime.broker import CONNECTION_ERRORS, Broker
from tandem_common.runtime.logging import get_logger

from .desk import Desk

log = get_logger(__name__)

SERVICE = "relay"
VERSION = "0.1.0"


class Operations:
    """Answers other services. Part of a service: `start`, `stop`."""

    def __init__(self, broker: Broker, desk: Desk) -> None:
        self._broker, self._desk = broker, desk

    async def start(self) -> None:
        """Begin to answer."""
        desk = self._desk
        await self._broker.serve(
            SERVICE,
            {
                "list": (ListTickets, desk.list),
                "read": (ReadTicket, desk.read),
                "claim": (ClaimTicket, desk.claim),
                "release": (ReleaseTicket, desk.release),
                "reply": (ReplyTicket, desk.reply),
                "note": (NoteTicket, desk.note),
                "close": (CloseTicket, desk.close),
                "typing": (TypingTicket, desk.typing),
                "cancel": (CancelTurn, desk.cancel),
            },
            version=VERSION,
        )

    async def stop(self) -> None:
        """Stop with the connection."""


async def tell_lookers_on(
    broker: Broker, kind: TicketChangeKind, ticket: Ticket, by: Operator | None
) -> None:
    """Tell consoles that something changed; they read again what they missed."""
    change = TicketChange(kind=kind, ticket=ticket, by=by)
    try:
        await broker.nc.publish(subjects.ticket_changed(kind), change.to_json())
    except CONNECTION_ERRORS as error:
        log.info("change_not_told", kind=kind, error=repr(error))
