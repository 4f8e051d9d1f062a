"""The queries."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import InvalidInputError, NotFoundError
from tandem_common.contract.relay import (
    OPEN_STATES,
    ListTickets,
    Operator,
    Ticket,
    TicketList,
    TicketState,
)

from .models.tables import NoteRow, PartRow, QuestionRow, TicketRow, TurnRow
from .tickets import Standing

_UNASSIGNED = "none"


def aware(moment: datetime) -> datetime:
    """SQLite forgets the zone; all our times are UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def standing_of(row: TicketRow) -> Standing:
    """Return what decides about a ticket."""
    assignee = None
    if row.assignee_id is not None:
        assignee = Operator(id=row.assignee_id, name=row.assignee_name or row.assignee_id)
    until = aware(row.claimed_until) if row.claimed_until else None
    return Standing(cast("TicketState", row.state), row.rev, assignee, until)


def take_over(row: TicketRow, standing: Standing, now: datetime) -> None:
    """Write a new standing into a row."""
    row.state, row.rev, row.updated_at = standing.state, standing.rev, now
    row.assignee_id = standing.assignee.id if standing.assignee else None
    row.assignee_name = standing.assignee.name if standing.assignee else None
    row.claimed_until = standing.claimed_until


async def get_for_update(session: AsyncSession, ticket: str) -> TicketRow:
    """Lock a ticket for the transaction.

    Raises:
        NotFoundError: No such ticket.
    """
    query = select(TicketRow).where(TicketRow.id == ticket).with_for_update()
    row = (await session.exec(query)).first()
    if row is None:
        raise NotFoundError(f"no ticket {ticket}")
    return row


async def open_turns(session: AsyncSession, ticket: str) -> Sequence[TurnRow]:
    """Return the ticket's turns that have not ended."""
    query = select(TurnRow).where(TurnRow.ticket == ticket, col(TurnRow.is_closed).is_(False))
    return (await session.exec(query.order_by(TurnRow.turn))).all()


async def open_ticket_of(session: AsyncSession, conversation_id: str) -> TicketRow | None:
    """Return the newest open ticket of a conversation, locked."""
    query = (
        select(TicketRow)
        .where(
            TicketRow.conversation_id == conversation_id,
            col(TicketRow.state).in_(OPEN_STATES),
        )
        .order_by(col(TicketRow.source_sequence).desc())
        .limit(1)
        .with_for_update()
    )
    return (await session.exec(query)).first()


async def earlier_open(session: AsyncSession, row: TicketRow) -> bool:
    """Say whether an older ticket of the same conversation is still open."""
    query = select(TicketRow.id).where(
        TicketRow.conversation_id == row.conversation_id,
        col(TicketRow.state).in_(OPEN_STATES),
        col(TicketRow.source_sequence) < row.source_sequence,
    )
    return (await session.exec(query.limit(1))).first() is not None


async def read_ticket(session: AsyncSession, row: TicketRow) -> Ticket:
    """Return a ticket with all that belongs to it."""
    return (await read_tickets(session, [row]))[0]


async def read_tickets(session: AsyncSession, rows: Sequence[TicketRow]) -> list[Ticket]:
    """Return tickets with all that belongs to them, in three queries."""
    ids = [row.id for row in rows]
    questions = (
        await session.exec(
            select(QuestionRow)
            .where(col(QuestionRow.ticket).in_(ids))
            .order_by(col(QuestionRow.source_sequence))
        )
    ).all()
    parts = (
        await session.exec(
            select(PartRow).where(col(PartRow.ticket).in_(ids)).order_by(col(PartRow.number))
        )
    ).all()
    notes = (
        await session.exec(
            select(NoteRow).where(col(NoteRow.ticket).in_(ids)).order_by(col(NoteRow.id))
        )
    ).all()
    return [
        _ticket(
            row,
            [q for q in questions if q.ticket == row.id],
            [p for p in parts if p.ticket == row.id],
            [n for n in notes if n.ticket == row.id],
        )
        for row in rows
    ]


def _at(moment: datetime | None) -> str | None:
    return rfc3339(aware(moment)) if moment else None


def _ticket(
    row: TicketRow,
    questions: Sequence[QuestionRow],
    parts: Sequence[PartRow],
    notes: Sequence[NoteRow],
) -> Ticket:
    assignee = standing_of(row).assignee
    return Ticket.read_object(
        {
            **row.model_dump(
                include={
                    "id",
                    "turn",
                    "state",
                    "rev",
                    "platform",
                    "bot",
                    "conversation_id",
                    "conversation",
                    "user",
                    "rule",
                    "reminders",
                }
            ),
            "assignee": assignee.model_dump() if assignee else None,
            "claimed_until": _at(row.claimed_until),
            "opened_at": _at(row.opened_at),
            "updated_at": _at(row.updated_at),
            "fallback_at": _at(row.fallback_at),
            "questions": [{**q.model_dump(), "time": _at(q.time)} for q in questions],
            "parts": [{**p.model_dump(), "time": _at(p.time)} for p in parts],
            "notes": [
                {
                    "id": n.id,
                    "author": {"id": n.author_id, "name": n.author_name},
                    "text": n.text,
                    "time": _at(n.time),
                }
                for n in notes
            ],
        }
    )


async def list_tickets(session: AsyncSession, wanted: ListTickets) -> TicketList:
    """List tickets: open ones oldest first, ended ones newest first."""
    newest_first = wanted.status in ("closed", "all") or wanted.status not in {
        "open",
        *OPEN_STATES,
    }
    query = select(TicketRow).where(*_filters(wanted))
    order = (col(TicketRow.opened_at), col(TicketRow.id))
    query = query.order_by(*(c.desc() for c in order) if newest_first else order)
    if wanted.cursor:
        at, ticket = _read_cursor(wanted.cursor)
        opened, ident = order
        beyond = opened < at if newest_first else opened > at
        same = ident < ticket if newest_first else ident > ticket
        query = query.where(or_(beyond, and_(opened == at, same)))
    rows = (await session.exec(query.limit(wanted.limit + 1))).all()
    page = rows[: wanted.limit]
    following = None
    if len(rows) > wanted.limit:
        following = _write_cursor(aware(page[-1].opened_at), page[-1].id)
    return TicketList(items=tuple(await read_tickets(session, page)), next=following)


def _filters(wanted: ListTickets) -> list[Any]:
    state = col(TicketRow.state)
    by_status: dict[str, Any] = {
        "open": state.in_(OPEN_STATES),
        "closed": state.not_in(OPEN_STATES),
    }
    filters: list[Any] = []
    if wanted.status != "all":
        filters.append(by_status.get(wanted.status, state == wanted.status))
    if wanted.assignee == _UNASSIGNED:
        filters.append(col(TicketRow.assignee_id).is_(None))
    elif wanted.assignee:
        filters.append(TicketRow.assignee_id == wanted.assignee)
    if wanted.conversation_id:
        filters.append(TicketRow.conversation_id == wanted.conversation_id)
    return filters


def _write_cursor(moment: datetime, ticket: str) -> str:
    return urlsafe_b64encode(f"{moment.isoformat()} {ticket}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        moment, _, ticket = urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return datetime.fromisoformat(moment), ticket
    except ValueError as error:
        raise InvalidInputError(
            f"not a cursor of this list: {cursor[:80]!r}", field="cursor"
        ) from error
