"""remind and fall_back."""

from temporalio import activity

from tandem_relay.desk import Desk
from tandem_relay.workflows.types import FALL_BACK, REMIND, Reminder


class TicketActivities:
    """The activities with what they need."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @activity.defn(name=REMIND)
    async def remind(self, reminder: Reminder) -> bool:
        """Remind the operators; say whether the ticket is still open."""
        return await self._desk.remind(reminder.ticket, reminder.number)

    @activity.defn(name=FALL_BACK)
    async def fall_back(self, ticket: str) -> None:
        """Answer in nobody's name."""
        await self._desk.fall_back(ticket)
