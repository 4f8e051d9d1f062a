"""Copies what was written in SQL to NATS: in order, again until it worked, harmless when repeated.

A change and its row in the outbox are one transaction, so a crash between commit and publish
loses nothing: the row is still there at the next start. At start CFG is also compared with SQL as
a whole, so that a restored database or bucket comes straight again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from nats.js.errors import APIError, KeyNotFoundError
from nats.js.kv import KeyValue
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, delete, select, text
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel
from tandem_common.contract.errors import TandemError
from tandem_common.runtime.broker import CONNECTION_ERRORS, Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.database import Database
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.tasks import end_all

from .models import OutboxRow

log = get_logger(__name__)

CONFIG, LEDGER = "config", "ledger"
KEYS_REV = "keys.rev"
OWNED = ("bot.", "rules.", "connection.")
"""The keys of CFG that mirror SQL."""
POLL_S = 2.0
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_BATCH = 100
_LOCK = 0x7A4D_0B0C  # any number; replicas on one PostgreSQL take turns by it

Expected = Callable[[AsyncSession], Awaitable[dict[str, bytes]]]
FAILURES = (*CONNECTION_ERRORS, APIError, TandemError, DBAPIError)


def enqueue(session: AsyncSession, key: str, value: ContractModel | str | None) -> None:
    """Have a key of CFG written (None: deleted) after this transaction."""
    body = value.to_json().decode() if isinstance(value, ContractModel) else value
    session.add(OutboxRow(kind=CONFIG, target=key, value=body, message_id=new_id()))


def enqueue_record(session: AsyncSession, subject: str, record: ContractModel) -> None:
    """Have a record written to the ledger after this transaction."""
    body = record.to_json().decode()
    session.add(OutboxRow(kind=LEDGER, target=subject, value=body, message_id=new_id()))


class OutboxPublisher:
    """Empties the outbox; one publisher at a time, however many gateways there are."""

    def __init__(
        self, broker: Broker, database: Database, clock: Clock, expected: Expected
    ) -> None:
        self._broker, self._database, self._clock = broker, database, clock
        self._expected = expected
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bring CFG in line with SQL, then follow the outbox in the background."""
        await self._broker.declare((subjects.LEDGER,), (subjects.CFG,))
        await self._until_done(self.reconcile)
        self._task = asyncio.create_task(self._follow(), name="outbox")

    async def stop(self) -> None:
        """Stop following; what is left is published at the next start."""
        if self._task is not None:
            await end_all([self._task])

    def wake(self) -> None:
        """Say that something was written."""
        self._wake.set()

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)
            self._wake.clear()
            await self._until_done(self.publish_pending)

    async def _until_done(self, work: Callable[[], Awaitable[object]]) -> None:
        failures = 0
        while True:
            try:
                await work()
            except FAILURES as error:
                pause = RETRY_S[min(failures, len(RETRY_S) - 1)]
                failures += 1
                log.warning("outbox_not_published", error=repr(error), pause_s=pause)
                await self._clock.sleep(pause)
            else:
                return

    async def publish_pending(self) -> int:
        """Publish what is in the outbox; return how much it was."""
        published = 0
        async with self._turn:
            while True:
                done = await self._publish_batch()
                published += done
                if done < _BATCH:
                    return published

    async def reconcile(self) -> int:
        """Make CFG say what SQL says; return how many keys differed."""
        await self.publish_pending()
        changed = 0
        async with self._turn, self._only_one():
            async with self._database.session() as session:
                expected = await self._expected(session)
            bucket = await self._broker.kv(subjects.CFG)
            present = await self._present()
            for key, value in expected.items():
                if present.get(key) != value:
                    await bucket.put(key, value)
                    changed += 1
            for key in present.keys() - expected.keys():
                await bucket.delete(key)
                changed += 1
        if changed:
            log.info("config_reconciled", keys=changed)
        return changed

    async def _present(self) -> dict[str, bytes]:
        stream, prefix = f"KV_{subjects.CFG}", f"$KV.{subjects.CFG}."
        found: dict[str, bytes] = {}
        for owned in OWNED:
            for stored in await self._broker.read_last_of_each(stream, f"{prefix}{owned}>"):
                if stored.headers.get("KV-Operation") not in {"DEL", "PURGE"}:
                    found[stored.subject.removeprefix(prefix)] = stored.data
        return found

    async def _publish_batch(self) -> int:
        # Read, publish and delete are three steps, so that no transaction waits for the network.
        async with self._only_one():
            query = select(OutboxRow).order_by(col(OutboxRow.seq)).limit(_BATCH)
            async with self._database.session() as session:
                rows = list((await session.exec(query)).all())
            if not rows:
                return 0
            bucket = await self._broker.kv(subjects.CFG)
            for row in rows:
                await self._publish(bucket, row)
            async with self._database.transaction() as session:
                done = [row.seq for row in rows]
                await session.exec(delete(OutboxRow).where(col(OutboxRow.seq).in_(done)))
            return len(rows)

    async def _publish(self, bucket: KeyValue, row: OutboxRow) -> None:
        if row.kind == LEDGER:
            headers = {subjects.HEADER_MSG_ID: row.message_id}
            await self._broker.publish(row.target, (row.value or "").encode(), headers)
        elif row.value is None:
            with contextlib.suppress(KeyNotFoundError):
                await bucket.delete(row.target)
        else:
            await bucket.put(row.target, row.value.encode())

    @contextlib.asynccontextmanager
    async def _only_one(self) -> AsyncIterator[None]:
        """Hold the one publisher's place: replicas take turns on PostgreSQL, SQLite has one."""
        if self._database.is_sqlite:
            yield
            return
        async with self._database.session() as session:
            connection = await session.connection()
            await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK})
            yield
