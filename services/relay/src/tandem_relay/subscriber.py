"""Requests for tickets, and cancellations, from the stream TICKETS."""

from tandem_common.contract.relay import CancelTurn, OpenTicket
from tandem_common.runtime.keyed import Delivery, GiveUpError

from .desk import Desk


class TicketSubscriber:
    """Handles the stream."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, delivery: Delivery) -> None:
        """Open or cancel; again is the same."""
        kind = delivery.subject.split(".")[1]
        if kind == "open":
            await self._desk.open(OpenTicket.read(delivery.data))
        elif kind == "cancel":
            await self._desk.cancel(CancelTurn.read(delivery.data))
        else:
            raise GiveUpError(f"nothing is known of {delivery.subject}")
