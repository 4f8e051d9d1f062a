"""Which webhook calls are being tried again, and in which queue."""

from sqlmodel import col, delete, select

from tandem_common.runtime.database import Database
from tandem_router.models.tables import DeferralRow


def queue_id(platform: str, bot: str, conversation: str, rule: str | None) -> str:
    """Name the queue of one rule in one conversation; also the workflow's id."""
    return f"webhook/{platform}.{bot}.{conversation}/{rule or 'default'}"


class Deferrals:
    """Deferred calls in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_waiting(self, queue: str) -> bool:
        """Say whether an earlier call of this queue is still being tried."""
        async with self._database.session() as session:
            found = await session.exec(
                select(DeferralRow.event_id).where(DeferralRow.queue == queue).limit(1)
            )
            return found.first() is not None

    async def add(self, queue: str, event_id: str) -> None:
        """Note a deferred call; again is the same."""
        async with self._database.transaction() as session:
            if await session.get(DeferralRow, (queue, event_id)) is None:
                session.add(DeferralRow(queue=queue, event_id=event_id))

    async def remove(self, queue: str, event_id: str) -> None:
        """Forget a call that was taken or given up."""
        async with self._database.transaction() as session:
            await session.exec(
                delete(DeferralRow).where(
                    col(DeferralRow.queue) == queue, col(DeferralRow.event_id) == event_id
                )
            )
