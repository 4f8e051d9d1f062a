"""What can be done with tickets: one transaction each, repeated calls the same."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.base import ContractModel
from tandem_common.contract.commands import SendMessage
from tandem_common.contract.components import Component, Text, plain_text
from tandem_common.contract.entities import Conversation
from tandem_common.contract.errors import ConflictError, ErrorBody
from tandem_common.contract.outcomes import Author, HandledBy, Outcome
from tandem_common.contract.relay import (
    CancelTurn,
    ClaimTicket,
    CloseTicket,
    ListTickets,
    NoteTicket,
    OpenTicket,
    Operator,
    ReadTicket,
    ReleaseTicket,
    ReplyTicket,
    Ticket,
    TicketChangeKind,
    TicketList,
    TypingTicket,
)
from tandem_common.contract.rules import HumanConfig
from tandem_common.contract.turns import (
    TurnCancelled,
    TurnFailed,
    TurnFinal,
    TurnPart,
    TurnStarted,
    TurnStatus,
)
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.database import Database
from tandem_common.runtime.ids import new_id

from . import tickets
from .models.tables import NoteRow, OutboxRow, PartRow, QuestionRow, TicketRow, TurnRow
from .repository import (
    earlier_open,
    get_for_update,
    list_tickets,
    open_ticket_of,
    open_turns,
    read_ticket,
    standing_of,
    take_over,
)

_TYPING_PAUSE_S = 4.0
"""Typing is passed on at most this often a ticket."""

Changed = Callable[[TicketChangeKind, Ticket, Operator | None], Awaitable[None]]
"""Told after a change was committed, to empty the outbox and to tell who looks on."""


class Desk:
    """The tickets and the moves."""

    def __init__(self, database: Database, clock: Clock, lease_s: int, changed: Changed) -> None:
        self._database, self._clock, self._lease_s = database, clock, lease_s
        self._changed = changed

    # -- reading -------------------------------------------------------------------------------

    async def list(self, wanted: ListTickets) -> TicketList:
        """List tickets."""
        async with self._database.session() as session:
            return await list_tickets(session, wanted)

    async def read(self, wanted: ReadTicket) -> Ticket:
        """Read a ticket."""
        async with self._database.transaction() as session:
            return await read_ticket(session, await get_for_update(session, wanted.ticket))

    # -- questions come in ---------------------------------------------------------------------

    async def open(self, wanted: OpenTicket) -> None:
        """Open a ticket for a question, or add it to the one that is open."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            if await session.get(TurnRow, wanted.turn) is not None:
                return  # opened before, or cancelled before it could be
            row = await self._merging(session, wanted)
            kind: TicketChangeKind = "question_added"
            if row is None:
                row, kind = self._new_row(wanted, now), "opened"
                session.add(row)
                self._start_timers(session, row, wanted.config, now)
            else:
                take_over(row, tickets.ask(standing_of(row)), now)
            self._add_question(session, row, wanted)
            turn = TurnRow(turn=wanted.turn, ticket=row.id)
            session.add(turn)
            started = TurnStarted(turn=wanted.turn, n=_n(turn), time=now, handler="human")
            self._tell_turn(session, row, started, now)
            waiting = TurnStatus(turn=wanted.turn, n=_n(turn), time=now, state="waiting")
            self._tell_turn(session, row, waiting, now)
            await session.flush()
            ticket = await read_ticket(session, row)
        await self._changed(kind, ticket, None)

    async def _merging(self, session: AsyncSession, wanted: OpenTicket) -> TicketRow | None:
        if wanted.config.while_open != "merge":
            return None
        return await open_ticket_of(session, wanted.event.conversation_token)

    def _new_row(self, wanted: OpenTicket, now: datetime) -> TicketRow:
        event = wanted.event
        place = event.conversation
        return TicketRow(
            id=new_id(),
            turn=wanted.turn,
            state="waiting",
            platform=event.platform,
            bot=event.bot,
            conversation_id=event.conversation_token,
            conversation=_dump(place) if place else {"chat": {"id": "", "kind": "private"}},
            user=_dump(event.actor) if event.actor else None,
            rule=wanted.rule,
            config=_dump(wanted.config),
            source_sequence=wanted.source_sequence,
            opened_at=now,
            updated_at=now,
            fallback_at=now + timedelta(seconds=wanted.config.fallback_after_s),
        )

    def _add_question(self, session: AsyncSession, row: TicketRow, wanted: OpenTicket) -> None:
        event = wanted.event
        session.add(
            QuestionRow(
                event_id=event.id,
                ticket=row.id,
                source_sequence=wanted.source_sequence,
                time=event.time,
                components=[_dump(c) for c in event.message.components],
                text=event.message.text,
            )
        )

    async def cancel(self, wanted: CancelTurn) -> None:
        """End a turn whose caller gave up; the ticket ends with its last turn."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            turn = await session.get(TurnRow, wanted.turn)
            if turn is None:
                session.add(TurnRow(turn=wanted.turn, is_closed=True))
                return
            if turn.is_closed or turn.ticket is None:
                return
            row = await get_for_update(session, turn.ticket)
            turn.is_closed = True
            cancelled = TurnCancelled(turn=turn.turn, n=_n(turn), time=now, reason=wanted.reason)
            self._tell_turn(session, row, cancelled, now)
            await session.flush()
            if not await open_turns(session, row.id) and standing_of(row).is_open:
                take_over(row, tickets.end(standing_of(row), "cancelled"), now)
                self._end_timers(session, row, now)
            ticket = await read_ticket(session, row)
        await self._changed("closed", ticket, None)

    # -- operators -----------------------------------------------------------------------------

    async def claim(self, wanted: ClaimTicket) -> Ticket:
        """Take a ticket."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, wanted.ticket)
            if row.config.get("while_open") == "queue" and await earlier_open(session, row):
                raise ConflictError("an earlier question of this conversation is still open")
            before = standing_of(row)
            after = await self._or_conflict(
                session,
                row,
                lambda: tickets.claim(
                    before, wanted.operator, now, self._lease_s, force=wanted.force
                ),
            )
            take_over(row, after, now)
            await self._tell_status(session, row, "claimed", wanted.operator.name, now)
            ticket = await read_ticket(session, row)
        await self._changed("claimed", ticket, wanted.operator)
        return ticket

    async def release(self, wanted: ReleaseTicket) -> Ticket:
        """Give a ticket back."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, wanted.ticket)
            before = standing_of(row)
            after = await self._or_conflict(
                session, row, lambda: tickets.release(before, wanted.operator, now)
            )
            take_over(row, after, now)
            await self._tell_status(session, row, "waiting", None, now)
            ticket = await read_ticket(session, row)
        await self._changed("released", ticket, wanted.operator)
        return ticket

    async def reply(self, wanted: ReplyTicket) -> Ticket:
        """Say something to the user; a repeat with the same key says nothing more."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, wanted.ticket)
            if await _has_part(session, row.id, wanted.idempotency_key):
                return await read_ticket(session, row)
            before = standing_of(row)

            def move() -> tickets.Standing:
                tickets.require_open(before)
                tickets.require_seen(before, wanted.expected_rev)
                return tickets.reply(
                    before, wanted.operator, now, self._lease_s, final=wanted.final
                )

            take_over(row, await self._or_conflict(session, row, move), now)
            author = Author(kind="human", id=wanted.operator.id, name=wanted.operator.name)
            part = await self._add_part(
                session, row, wanted.idempotency_key, author, wanted.components, final=wanted.final
            )
            self._tell_outcome(session, row, part, now)
            await self._tell_part(session, row, part, now)
            ticket = await read_ticket(session, row)
        await self._changed("closed" if wanted.final else "replied", ticket, wanted.operator)
        return ticket

    async def note(self, wanted: NoteTicket) -> Ticket:
        """Say something among operators."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, wanted.ticket)
            query = select(NoteRow.id).where(
                NoteRow.ticket == row.id, NoteRow.key == wanted.idempotency_key
            )
            if (await session.exec(query)).first() is None:
                session.add(
                    NoteRow(
                        id=new_id(),
                        ticket=row.id,
                        key=wanted.idempotency_key,
                        author_id=wanted.operator.id,
                        author_name=wanted.operator.name,
                        text=wanted.text,
                        time=now,
                    )
                )
                await session.flush()
            ticket = await read_ticket(session, row)
        await self._changed("noted", ticket, wanted.operator)
        return ticket

    async def close(self, wanted: CloseTicket) -> Ticket:
        """End a ticket without further words; what was said so far is the answer."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, wanted.ticket)
            before = standing_of(row)

            def move() -> tickets.Standing:
                tickets.require_open(before)
                tickets.require_free(before, wanted.operator, now)
                said = before.state == "answering"
                return tickets.end(before, "answered" if said else "declined")

            after = await self._or_conflict(session, row, move)
            take_over(row, after, now)
            if after.state == "answered":
                author = Author(kind="human", id=wanted.operator.id, name=wanted.operator.name)
                await self._finish_turns(session, row, author, now)
            else:
                message = "the operator closed the question without an answer"
                await self._fail_turns(
                    session, row, ErrorBody(code="unavailable", message=message), now
                )
            self._end_timers(session, row, now)
            ticket = await read_ticket(session, row)
        await self._changed("closed", ticket, wanted.operator)
        return ticket

    async def typing(self, wanted: TypingTicket) -> Ticket:
        """Let the user see that somebody is writing."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, wanted.ticket)
            state = "typing" if wanted.typing else "idle"
            last = row.typing_at.replace(tzinfo=now.tzinfo) if row.typing_at else None
            is_due = last is None or (now - last).total_seconds() >= _TYPING_PAUSE_S
            if standing_of(row).is_open and (is_due or not wanted.typing):
                row.typing_at = now
                await self._tell_status(session, row, state, wanted.operator.name, now)
            ticket = await read_ticket(session, row)
        await self._changed("typing", ticket, wanted.operator)
        return ticket

    # -- timers --------------------------------------------------------------------------------

    async def remind(self, ticket_id: str, number: int) -> bool:
        """Remind the operators of a ticket nobody holds; say whether it is still open."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, ticket_id)
            standing = standing_of(row)
            if not standing.is_open:
                return False
            if standing.assignee is not None and standing.holder(now) is None:
                take_over(row, tickets.Standing("waiting", row.rev + 1), now)
            if standing_of(row).state != "waiting" or row.reminders >= number:
                return True
            row.reminders = number
            ticket = await read_ticket(session, row)
        await self._changed("reminded", ticket, None)
        return True

    async def fall_back(self, ticket_id: str) -> None:
        """Nobody answered in time: say so, in nobody's name, once."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            row = await get_for_update(session, ticket_id)
            standing = standing_of(row)
            if not standing.is_open:
                return
            config = HumanConfig.model_validate(row.config, strict=False)
            if config.fallback == "text":
                take_over(row, tickets.end(standing, "fell_back"), now)
                author = Author(kind="system", name="fallback")
                said = (Text(text=config.fallback_text),)
                part = await self._add_part(session, row, "fallback", author, said, final=True)
                self._tell_outcome(session, row, part, now)
                await self._tell_part(session, row, part, now)
            else:
                take_over(row, tickets.end(standing, "timed_out"), now)
                message = "nobody answered in time"
                error = ErrorBody(code="timeout", message=message)
                await self._fail_turns(session, row, error, now, timed_out=True)
                self._end_timers(session, row, now)
            ticket = await read_ticket(session, row)
        await self._changed("closed", ticket, None)

    # -- what others must be told --------------------------------------------------------------

    async def _or_conflict(
        self, session: AsyncSession, row: TicketRow, move: Callable[[], tickets.Standing]
    ) -> tickets.Standing:
        """Make a move; a conflict carries the ticket as it is, so that the operator sees why."""
        try:
            return move()
        except ConflictError as error:
            current = await read_ticket(session, row)
            error.details = {"ticket": current.model_dump(mode="json", exclude_none=True)}
            raise

    async def _add_part(
        self,
        session: AsyncSession,
        row: TicketRow,
        key: str,
        author: Author,
        components: Sequence[Component],
        *,
        final: bool,
    ) -> PartRow:
        count = await session.exec(select(func.count()).where(col(PartRow.ticket) == row.id))
        part = PartRow(
            id=new_id(),
            ticket=row.id,
            key=key,
            number=count.one(),
            author=_dump(author),
            components=[_dump(c) for c in components],
            text=plain_text(tuple(components)),
            final=final,
            time=self._clock.now(),
        )
        session.add(part)
        await session.flush()
        return part

    async def _tell_part(
        self, session: AsyncSession, row: TicketRow, part: PartRow, now: datetime
    ) -> None:
        author = Author.read_object(part.author)
        for turn in await open_turns(session, row.id):
            event = TurnPart.read_object(
                {
                    "turn": turn.turn,
                    "n": _n(turn),
                    "time": now,
                    "part_id": part.id,
                    "author": part.author,
                    "components": part.components,
                }
            )
            self._tell_turn(session, row, event, now)
        if part.final:
            await self._finish_turns(session, row, author, now)
            self._end_timers(session, row, now)

    async def _finish_turns(
        self, session: AsyncSession, row: TicketRow, author: Author, now: datetime
    ) -> None:
        query = select(PartRow).where(PartRow.ticket == row.id).order_by(col(PartRow.number))
        parts = (await session.exec(query)).all()
        text = "\n\n".join(part.text for part in parts)
        for turn in await open_turns(session, row.id):
            final = TurnFinal(turn=turn.turn, n=_n(turn), time=now, author=author, text=text)
            turn.is_closed = True
            self._tell_turn(session, row, final, now)

    async def _fail_turns(
        self,
        session: AsyncSession,
        row: TicketRow,
        error: ErrorBody,
        now: datetime,
        *,
        timed_out: bool = False,
    ) -> None:
        for turn in await open_turns(session, row.id):
            failed = TurnFailed(
                turn=turn.turn,
                n=_n(turn),
                time=now,
                state="timed_out" if timed_out else "failed",
                error=error,
            )
            turn.is_closed = True
            self._tell_turn(session, row, failed, now)

    async def _tell_status(
        self, session: AsyncSession, row: TicketRow, state: Any, who: str | None, now: datetime
    ) -> None:
        for turn in await open_turns(session, row.id):
            status = TurnStatus(turn=turn.turn, n=_n(turn), time=now, state=state, who=who)
            self._tell_turn(session, row, status, now)

    def _tell_turn(self, session: AsyncSession, row: TicketRow, event: Any, now: datetime) -> None:
        key = f"{event.turn}:{event.n}"
        session.add(
            OutboxRow(ticket=row.id, kind="turn", key=key, body=_dump(event), created_at=now)
        )

    def _tell_outcome(
        self, session: AsyncSession, row: TicketRow, part: PartRow, now: datetime
    ) -> None:
        place = Conversation.read_object(row.conversation)
        command = SendMessage.read_object(
            {
                "conversation": row.conversation,
                "components": part.components,
                "idempotency_key": part.id,
            }
        )
        outcome = Outcome(
            id=part.id,
            time=now,
            platform=row.platform,
            bot=row.bot,
            conversation=place,
            turn=row.turn,
            handled_by=HandledBy(kind="human", rule=row.rule),
            author=Author.read_object(part.author),
            commands=(command,),
            is_waiting=not part.final,
        )
        session.add(
            OutboxRow(
                ticket=row.id,
                kind="outcome",
                key=f"part:{part.id}",
                body=_dump(outcome),
                created_at=now,
            )
        )

    def _start_timers(
        self, session: AsyncSession, row: TicketRow, config: HumanConfig, now: datetime
    ) -> None:
        body = {
            "ticket": row.id,
            "remind_every_s": config.remind_every_s,
            "remind_times": config.remind_times,
            "fallback_after_s": config.fallback_after_s,
        }
        session.add(OutboxRow(ticket=row.id, kind="start", key=row.turn, body=body, created_at=now))

    def _end_timers(self, session: AsyncSession, row: TicketRow, now: datetime) -> None:
        session.add(OutboxRow(ticket=row.id, kind="end", key=row.turn, body={}, created_at=now))


def _n(turn: TurnRow) -> int:
    """Take the next number of a turn's log."""
    turn.next_n += 1
    return turn.next_n - 1


def _dump(model: ContractModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)


async def _has_part(session: AsyncSession, ticket: str, key: str) -> bool:
    query = select(PartRow.id).where(PartRow.ticket == ticket, PartRow.key == key)
    return (await session.exec(query)).first() is not None
