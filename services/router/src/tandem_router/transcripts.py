"""What was said, written to SQL from the streams, in batches, off the way of the message.

One durable consumer a stream, shared by all replicas; every write is an upsert by the message's own
id, so that a batch that comes twice is the same. The order of a transcript is that of the server's
own time stamps, the same clock for both directions.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, NotFoundError
from pydantic import ValidationError
from sqlalchemy import Connection, Insert, Table, and_, bindparam, case, func
from sqlalchemy.dialects import postgresql, sqlite

from tandem_common.contract import subjects
from tandem_common.contract.components import plain_text
from tandem_common.contract.entities import Conversation, token_of
from tandem_common.contract.errors import UnavailableError
from tandem_common.contract.events import Event, MessageReceived, read_event
from tandem_common.contract.ledger import DeliveryBatch
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.turns import TurnEvent, read_turn_event
from tandem_common.runtime.broker import CONNECTION_ERRORS, Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.database import Database
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.tasks import end_all

from .models.tables import METADATA

log = get_logger(__name__)

_DURABLE = "transcripts"
_BATCH = 256
_WAIT_S = 2.0
_ACK_WAIT_S = 30.0
_EXCERPT = 200

Row = dict[str, Any]


@dataclass
class Batch:
    """Rows to write together; per key the last one wins."""

    conversations: dict[str, Row] = field(default_factory=dict)
    entries: dict[str, Row] = field(default_factory=dict)
    deliveries: dict[tuple[str, int, int], Row] = field(default_factory=dict)
    opened: dict[str, Row] = field(default_factory=dict)
    handled: dict[str, Row] = field(default_factory=dict)
    closed: dict[str, Row] = field(default_factory=dict)


def add_event(batch: Batch, event: Event, stored_at: datetime) -> None:
    """Take over an event."""
    if isinstance(event, MessageReceived):
        _add_message(batch, event, stored_at)


def _add_message(batch: Batch, event: MessageReceived, stored_at: datetime) -> None:
    token = event.conversation_token
    user = event.actor.model_dump(mode="json") if event.actor else None
    _touch(batch, event.platform, event.bot, event.conversation, event.message.text, stored_at)
    batch.conversations[token]["user_info"] = user
    batch.entries[event.id] = {
        "id": event.id,
        "conversation_id": token,
        "platform": event.platform,
        "direction": "in",
        "event_type": event.type,
        "author": {
            "kind": "user",
            "id": event.actor.id if event.actor else "",
            "name": event.actor.name if event.actor else None,
        },
        "components": [
            c.model_dump(mode="json", exclude_none=True) for c in event.message.components
        ],
        "text": event.message.text,
        "stored_at": stored_at,
        "turn": event.turn_id,
        "message_id": event.message.id,
        "handler": None,
        "is_turn": False,
        "out_sequence": None,
        "out_index": None,
    }
    batch.opened[event.turn_id] = {
        "id": event.turn_id,
        "platform": event.platform,
        "bot": event.bot,
        "conversation_id": token,
        "state": "opened",
        "opened_at": stored_at,
    }


def add_deliveries(batch: Batch, deliveries: DeliveryBatch) -> None:
    """Take over what became of things we said."""
    for record in deliveries.items:
        batch.deliveries[record.platform, record.out_sequence, record.index] = {
            "platform": record.platform,
            "out_sequence": record.out_sequence,
            "out_index": record.index,
            "state": record.state,
            "message_id": record.message_id,
            "error": record.error,
        }


def add_outcome(batch: Batch, outcome: Outcome, sequence: int, stored_at: datetime) -> None:
    """Take over an outcome: what it says, and whose turn it answers."""
    for index, command in enumerate(outcome.commands):
        if command.kind not in ("send_message", "deliver_turn"):
            continue
        components = command.components if command.kind == "send_message" else ()
        text = plain_text(components)
        token = _touch(batch, outcome.platform, outcome.bot, command.conversation, text, stored_at)
        batch.entries[f"{outcome.id}:{index}"] = {
            "id": f"{outcome.id}:{index}",
            "conversation_id": token,
            "platform": outcome.platform,
            "direction": "out",
            "event_type": None,
            "author": outcome.author.model_dump(mode="json"),
            "components": [c.model_dump(mode="json", exclude_none=True) for c in components],
            "text": text,
            "stored_at": stored_at,
            "turn": outcome.turn,
            "message_id": None,
            "handler": outcome.handled_by.kind,
            "is_turn": command.kind == "deliver_turn",
            "out_sequence": sequence,
            "out_index": index,
        }
    if outcome.turn:
        _add_handled(batch, outcome, stored_at)


def _add_handled(batch: Batch, outcome: Outcome, stored_at: datetime) -> None:
    place = outcome.conversation
    is_final = not outcome.is_waiting and not any(
        command.kind == "deliver_turn" for command in outcome.commands
    )
    batch.handled[outcome.turn or ""] = {
        "id": outcome.turn,
        "platform": outcome.platform,
        "bot": outcome.bot,
        "conversation_id": token_of(outcome.platform, outcome.bot, place),
        "handler": outcome.handled_by.kind,
        "state": "final" if is_final else "running",
        "opened_at": stored_at,
        "closed_at": stored_at if is_final else None,
        "author": outcome.author.model_dump(mode="json"),
        "text": "\n\n".join(
            plain_text(c.components) for c in outcome.commands if c.kind == "send_message"
        ),
    }


def add_turn_event(batch: Batch, event: TurnEvent) -> None:
    """Take over the end of a turn."""
    row: Row = {"id": event.turn, "closed_at": event.time, "state": event.kind}
    if event.kind == "final":
        author = event.author.model_dump(mode="json")
        row |= {"author": author, "text": event.text, "error": None}
    elif event.kind == "failed":
        error = event.error.model_dump(mode="json", exclude_none=True)
        row |= {"state": event.state, "error": error, "author": None, "text": None}
    elif event.kind == "cancelled":
        row |= {"state": event.state, "error": None, "author": None, "text": None}
    else:
        return
    batch.closed[event.turn] = row


def _touch(
    batch: Batch,
    platform: str,
    bot: str,
    place: Conversation | None,
    text: str,
    at: datetime,
) -> str:
    token = token_of(platform, bot, place)
    before = batch.conversations.get(token)
    batch.conversations[token] = {
        "id": token,
        "platform": platform,
        "bot": bot,
        "chat_id": place.chat.id if place else "",
        "chat_kind": place.chat.kind if place else "private",
        "chat_name": place.chat.name if place else None,
        "thread_id": place.thread_id if place else "",
        "user_info": before["user_info"] if before else None,
        "last_text": text[:_EXCERPT] or (before["last_text"] if before else ""),
        "last_at": at,
    }
    return token


class Transcripts:
    """Follows the streams. Part of a service: `start`, `stop`."""

    def __init__(self, broker: Broker, database: Database, clock: Clock) -> None:
        self._broker, self._database, self._clock = broker, database, clock
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Follow events and the ends of turns; outcomes as platforms appear."""
        self.follow(subjects.EVENTS, (), _read_event)
        self.follow(subjects.TURNS, subjects.turn_terminals(), _read_turn_event)
        self.follow(subjects.LEDGER, (subjects.deliveries("*"),), _read_deliveries)

    def follow_platform(self, platform: str) -> None:
        """Follow a platform's outcomes too; again is the same."""
        self.follow(subjects.out_stream(platform), (), _read_outcome)

    def follow(
        self,
        stream: str,
        filters: Sequence[str],
        read: Callable[[Batch, Msg], None],
    ) -> None:
        """Follow one stream in the background."""
        if stream not in self._tasks:
            self._tasks[stream] = asyncio.create_task(
                self._follow(stream, filters, read), name=f"transcripts {stream}"
            )

    async def stop(self) -> None:
        """Stop following; what is not acknowledged comes again."""
        await end_all(self._tasks.values())

    async def _follow(
        self, stream: str, filters: Sequence[str], read: Callable[[Batch, Msg], None]
    ) -> None:
        subscription: JetStreamContext.PullSubscription | None = None
        while True:
            try:
                if subscription is None:
                    subscription = await self._subscribe(stream, filters)
                messages = await subscription.fetch(_BATCH, timeout=_WAIT_S)
                await self._write_all(stream, messages, read)
            except TimeoutError:
                continue
            except (*CONNECTION_ERRORS, APIError, UnavailableError) as error:
                log.warning("transcripts_wait", stream=stream, error=repr(error))
                subscription = None
                await self._clock.sleep(0.5)

    async def _write_all(
        self, stream: str, messages: Sequence[Msg], read: Callable[[Batch, Msg], None]
    ) -> None:
        """Write a batch; if it cannot be written whole, one by one, leaving out what cannot be."""
        try:
            await self._write(messages, read)
        except UnavailableError:
            raise
        except Exception as error:
            log.exception("transcripts_failed", stream=stream, error=repr(error))
            if len(messages) == 1:
                await messages[0].ack()
                return
            for message in messages:
                await self._write_all(stream, [message], read)

    async def _subscribe(
        self, stream: str, filters: Sequence[str]
    ) -> JetStreamContext.PullSubscription:
        js = self._broker.js
        try:
            await js.consumer_info(stream, _DURABLE)
        except NotFoundError:
            config = ConsumerConfig(
                durable_name=_DURABLE,
                filter_subjects=list(filters) or None,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=_ACK_WAIT_S,
                max_ack_pending=4 * _BATCH,
            )
            await js.add_consumer(stream, config)
        return await js.pull_subscribe_bind(_DURABLE, stream)

    async def _write(self, messages: Iterable[Msg], read: Callable[[Batch, Msg], None]) -> None:
        batch, taken = Batch(), []
        for message in messages:
            taken.append(message)
            try:
                read(batch, message)
            except (ValidationError, ValueError) as error:
                log.warning("transcript_skipped", subject=message.subject, error=str(error)[:200])
        async with self._database.transaction() as session:
            connection = await session.connection()
            await connection.run_sync(write_batch, batch)
        for message in taken:
            with contextlib.suppress(*CONNECTION_ERRORS):
                await message.ack()


def _read_event(batch: Batch, message: Msg) -> None:
    add_event(batch, read_event(message.data), _stored_at(message))


def _read_outcome(batch: Batch, message: Msg) -> None:
    sequence = message.metadata.sequence.stream
    add_outcome(batch, Outcome.read(message.data), sequence, _stored_at(message))


def _read_deliveries(batch: Batch, message: Msg) -> None:
    add_deliveries(batch, DeliveryBatch.read(message.data))


def _read_turn_event(batch: Batch, message: Msg) -> None:
    add_turn_event(batch, read_turn_event(message.data))


def _stored_at(message: Msg) -> datetime:
    return message.metadata.timestamp.astimezone(UTC)


def _insert(connection: Connection, table: Table) -> Any:
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)


def write_batch(connection: Connection, batch: Batch) -> None:
    """Upsert all rows of a batch."""
    tables = METADATA.tables
    if batch.conversations:
        _put(
            connection,
            _conversations(_insert(connection, tables["conversations"])),
            batch.conversations,
        )
    if batch.entries:
        statement = _insert(connection, tables["entries"]).on_conflict_do_nothing()
        _put(connection, statement, batch.entries)
    if batch.deliveries:
        statement = _insert(connection, tables["deliveries"])
        statement = statement.on_conflict_do_update(
            index_elements=["platform", "out_sequence", "out_index"],
            set_={name: statement.excluded[name] for name in ("state", "message_id", "error")},
        )
        _put(connection, statement, batch.deliveries)
    _write_turns(connection, tables["turns"], batch)


def _put(connection: Connection, statement: Insert, rows: dict[Any, Row]) -> None:
    connection.execute(statement, list(rows.values()))


def _conversations(statement: Any) -> Any:
    new, old = statement.excluded, METADATA.tables["conversations"].c
    is_newer = new.last_at >= old.last_at
    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_={
            "chat_name": func.coalesce(new.chat_name, old.chat_name),
            "user_info": func.coalesce(new.user_info, old.user_info),
            "last_text": case((is_newer, new.last_text), else_=old.last_text),
            "last_at": case((is_newer, new.last_at), else_=old.last_at),
        },
    )


_ENDED = ("final", "failed", "timed_out", "cancelled", "merged")


def _write_turns(connection: Connection, table: Table, batch: Batch) -> None:
    # The three come from three streams in any order; each writes only what it knows.
    place = ("platform", "bot", "conversation_id", "opened_at")
    answer = ("handler", "state", "closed_at", "author", "text")
    ended = ("state", "closed_at", "author", "text", "error")
    if batch.opened:
        _put(connection, _update(_insert(connection, table), place), batch.opened)
    if batch.handled:
        known = {
            key: {name: row[name] for name in ("id", *place)} for key, row in batch.handled.items()
        }
        statement = _insert(connection, table).on_conflict_do_nothing()
        _put(connection, statement, known)
        # Not `not_in`: its parameters expand, which one statement for many rows cannot.
        is_open = and_(*(table.c.state != state for state in _ENDED))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in answer}
        update = table.update().where(table.c.id == bindparam("turn"), is_open).values(**values)
        rows = [
            {"turn": row["id"], **{f"new_{name}": row[name] for name in answer}}
            for row in batch.handled.values()
        ]
        connection.execute(update, rows)
    if batch.closed:
        _put(connection, _update(_insert(connection, table), ended), batch.closed)


def _update(statement: Any, names: tuple[str, ...]) -> Any:
    return statement.on_conflict_do_update(
        index_elements=["id"], set_={name: statement.excluded[name] for name in names}
    )
