"""Reading conversations, transcripts and turns."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import and_, col, desc, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import InvalidInputError, NotFoundError
from tandem_common.contract.transcripts import (
    ConversationList,
    ConversationSummary,
    ListConversations,
    ReadTranscript,
    Transcript,
    TranscriptEntry,
    Turn,
)
from tandem_common.runtime.database import Database

from .models.tables import ConversationRow, DeliveryRow, EntryRow, TurnRow

_READS_ITSELF = "openai"
"""A waiting caller reads its turn; nothing is delivered that could be reported."""


def write_cursor(moment: datetime, row_id: str) -> str:
    """Name a place in a list ordered by time and id."""
    return urlsafe_b64encode(f"{moment.astimezone(UTC).isoformat()} {row_id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """Read what `write_cursor` wrote.

    Raises:
        InvalidInputError: It did not write that.
    """
    try:
        moment, _, row_id = urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return datetime.fromisoformat(moment), row_id
    except ValueError as error:
        raise InvalidInputError(
            f"not a cursor of this list: {cursor[:80]!r}", field="cursor"
        ) from error


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


class TranscriptRepository:
    """The queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conversations(self, wanted: ListConversations) -> ConversationList:
        """List conversations, newest first."""
        row = ConversationRow
        query = select(row).order_by(desc(col(row.last_at)), desc(col(row.id)))
        if wanted.bot:
            query = query.where(row.bot == wanted.bot)
        if wanted.search:
            query = query.where(_mentions(wanted.search))
        if wanted.cursor:
            at, row_id = read_cursor(wanted.cursor)
            older = and_(col(row.last_at) == at, col(row.id) < row_id)
            query = query.where(or_(col(row.last_at) < at, older))
        async with self._database.session() as session:
            rows = (await session.exec(query.limit(wanted.limit + 1))).all()
            page = rows[: wanted.limit]
            counts = await _counts(session, [found.id for found in page])
        following = page[-1] if len(rows) > wanted.limit else None
        return ConversationList(
            items=tuple(_summary(found, counts.get(found.id, 0)) for found in page),
            next=write_cursor(_aware(following.last_at), following.id) if following else None,
        )

    async def transcript(self, wanted: ReadTranscript) -> Transcript:
        """Read the newest messages before the cursor, oldest first.

        Raises:
            NotFoundError: No such conversation.
        """
        row = EntryRow
        query = (
            select(row, DeliveryRow, TurnRow)
            .join(
                DeliveryRow,
                and_(
                    col(DeliveryRow.platform) == col(row.platform),
                    col(DeliveryRow.out_sequence) == col(row.out_sequence),
                    col(DeliveryRow.out_index) == col(row.out_index),
                ),
                isouter=True,
            )
            .join(TurnRow, col(TurnRow.id) == col(row.turn), isouter=True)
            .where(row.conversation_id == wanted.conversation_id)
            .order_by(desc(col(row.stored_at)), desc(col(row.id)))
        )
        if wanted.cursor:
            at, row_id = read_cursor(wanted.cursor)
            older = and_(col(row.stored_at) == at, col(row.id) < row_id)
            query = query.where(or_(col(row.stored_at) < at, older))
        async with self._database.session() as session:
            place = await session.get(ConversationRow, wanted.conversation_id)
            if place is None:
                raise NotFoundError(f"no conversation {wanted.conversation_id}")
            rows = (await session.exec(query.limit(wanted.limit + 1))).all()
            counts = await _counts(session, [place.id])
        page = rows[: wanted.limit]
        following = page[-1][0] if len(rows) > wanted.limit else None
        return Transcript(
            conversation=_summary(place, counts.get(place.id, 0)),
            items=tuple(_entry(*found) for found in reversed(page)),
            next=write_cursor(_aware(following.stored_at), following.id) if following else None,
        )

    async def turn(self, turn_id: str) -> Turn:
        """Read a turn.

        Raises:
            NotFoundError: No such turn, or nothing of it has been written yet.
        """
        async with self._database.session() as session:
            row = await session.get(TurnRow, turn_id)
        if row is None or row.platform is None or row.opened_at is None:
            raise NotFoundError(f"no turn {turn_id}")
        return Turn.read_object(
            {
                **row.model_dump(exclude={"opened_at", "closed_at"}),
                "opened_at": rfc3339(_aware(row.opened_at)),
                "closed_at": rfc3339(_aware(row.closed_at)) if row.closed_at else None,
            }
        )


def _mentions(search: str) -> Any:
    pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    said = select(EntryRow.conversation_id).where(col(EntryRow.text).ilike(pattern, escape="\\"))
    return or_(
        col(ConversationRow.chat_name).ilike(pattern, escape="\\"),
        col(ConversationRow.chat_id).ilike(pattern, escape="\\"),
        col(ConversationRow.id).in_(said),
    )


async def _counts(session: AsyncSession, ids: Sequence[str]) -> dict[str, int]:
    if not ids:
        return {}
    query = (
        select(EntryRow.conversation_id, func.count())
        .where(col(EntryRow.conversation_id).in_(ids))
        .group_by(EntryRow.conversation_id)
    )
    return dict((await session.exec(query)).all())


def _summary(row: ConversationRow, messages: int) -> ConversationSummary:
    return ConversationSummary.read_object(
        {
            "id": row.id,
            "platform": row.platform,
            "bot": row.bot,
            "conversation": {
                "chat": {"id": row.chat_id, "kind": row.chat_kind, "name": row.chat_name},
                "thread_id": row.thread_id,
            },
            "user": row.user,
            "last_text": row.last_text,
            "last_at": rfc3339(_aware(row.last_at)),
            "messages": messages,
        }
    )


def _entry(row: EntryRow, delivery: DeliveryRow | None, turn: TurnRow | None) -> TranscriptEntry:
    text, components, author = row.text, row.components, row.author
    if row.is_turn and turn is not None and turn.text:
        text, components = turn.text, [{"kind": "markdown", "text": turn.text}]
        author = turn.author or author
    state = delivery.state if delivery else "pending"
    return TranscriptEntry.read_object(
        {
            "id": row.id,
            "direction": row.direction,
            "event_type": row.event_type,
            "author": author,
            "components": components,
            "text": text,
            "time": rfc3339(_aware(row.stored_at)),
            "turn": row.turn,
            "message_id": delivery.message_id if delivery else row.message_id,
            "handler": row.handler,
            "delivery": state if row.direction == "out" and row.platform != _READS_ITSELF else None,
            "error": delivery.error if delivery else None,
        }
    )
