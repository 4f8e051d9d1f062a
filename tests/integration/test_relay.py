"""The relay on real NATS and Temporal, SQLite and PostgreSQL: a person answers, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tandem_common.contract import subjects
from tandem_common.contract.components import Text, plain_text
from tandem_common.contract.errors import ConflictError, NotFoundError
from tandem_common.contract.outcomes import Outcome
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
    TicketList,
)
from tandem_common.contract.rules import HumanConfig
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import SystemClock
from tandem_common.runtime.database import Database
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.turnlog import attach
from tandem_common.testing.builders import an_event
from tandem_common.testing.servers import NatsServer, TemporalServer, free_port
from tandem_relay.desk import Desk
from tandem_relay.service import build
from tandem_relay.settings import RelaySettings

pytestmark = pytest.mark.integration

ANN = Operator(id="ann", name="Ann")
BEN = Operator(id="ben", name="Ben")


@pytest.fixture(name="database_url", params=["sqlite", "postgresql"])
def _database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/relay.db"
    return str(request.getfixturevalue("postgres_url"))


def relay_settings(nats: NatsServer, temporal: TemporalServer, url: str) -> RelaySettings:
    return RelaySettings(
        nats_url=nats.url,
        temporal_address=temporal.address,
        database_url=url,
        database_schema=f"relay_{new_id()[-8:]}",
        http_port=free_port(),
        storage_scale=0.02,
    )


@asynccontextmanager
async def running(settings: RelaySettings) -> AsyncIterator[Broker]:
    service = build(settings)
    await service.start()
    broker = Broker(settings, name="test")
    await broker.start()
    await broker.declare((subjects.out_stream("openai"), subjects.out_stream("onebot")))
    try:
        yield broker
    finally:
        await broker.stop()
        await service.stop()


@pytest.fixture(name="broker")
async def _broker(
    nats: NatsServer, temporal: TemporalServer, database_url: str
) -> AsyncIterator[Broker]:
    async with running(relay_settings(nats, temporal, database_url)) as broker:
        yield broker


async def ask(broker: Broker, text: str, sequence: int = 1, **config: Any) -> OpenTicket:
    event = an_event(text, platform="openai", bot="human", turn=new_id())
    wanted = OpenTicket(
        turn=event.turn_id, event=event, source_sequence=sequence, config=HumanConfig(**config)
    )
    await broker.publish(
        subjects.open_ticket(wanted.turn),
        wanted.to_json(),
        {subjects.HEADER_MSG_ID: wanted.turn},
    )
    return wanted


async def call(broker: Broker, op: str, body: Any, reply: Any = Ticket) -> Any:
    return await broker.request(subjects.service_op("relay", op), body, reply)


async def waiting(broker: Broker, count: int = 1, questions: int = 1) -> list[Ticket]:
    async with asyncio.timeout(15):
        while True:
            found = (await call(broker, "list", ListTickets(), TicketList)).items
            if len(found) == count and len(found[-1].questions) == questions:
                return list(found)
            await asyncio.sleep(0.02)


def say(
    ticket: Ticket, text: str, *, final: bool = True, key: str = "", **more: Any
) -> ReplyTicket:
    return ReplyTicket(
        ticket=ticket.id,
        operator=more.pop("operator", ANN),
        components=(Text(text=text),),
        final=final,
        idempotency_key=key or new_id(),
        **more,
    )


async def log_of(broker: Broker, turn: str) -> list[Any]:
    async with asyncio.timeout(20):
        return [entry async for entry in attach(broker, turn)]


async def spoken(broker: Broker) -> list[str]:
    stored = await broker.read_subject(subjects.out_stream("openai"), "out.openai.>")
    outcomes = [Outcome.read(message.data) for message in stored]
    return [
        plain_text(c.components) for o in outcomes for c in o.commands if c.kind == "send_message"
    ]


async def test_a_person_answers_in_parts_and_ends(broker):
    wanted = await ask(broker, "what time is it?")
    ticket = (await waiting(broker))[0]
    assert ticket.questions[0].text == "what time is it?"
    claimed = await call(broker, "claim", ClaimTicket(ticket=ticket.id, operator=ANN))
    assert (claimed.state, claimed.assignee) == ("claimed", ANN)
    await call(broker, "reply", say(ticket, "let me look", final=False))
    done = await call(broker, "reply", say(ticket, "half past two"))
    assert done.state == "answered"
    log = await log_of(broker, wanted.turn)
    assert [e.kind for e in log] == ["started", "status", "status", "part", "part", "final"]
    assert [e.n for e in log] == list(range(6))
    assert log[-1].text == "let me look\n\nhalf past two"
    assert log[-1].author.kind == "human"
    assert await spoken(broker) == ["let me look", "half past two"]


async def test_the_same_reply_twice_is_said_once(broker):
    await ask(broker, "hello?")
    ticket = (await waiting(broker))[0]
    first = await call(broker, "reply", say(ticket, "hi", key="same"))
    again = await call(broker, "reply", say(ticket, "hi", key="same"))
    assert (len(first.parts), len(again.parts)) == (1, 1)
    assert await spoken(broker) == ["hi"]


async def test_two_claim_and_one_gets_it(broker):
    await ask(broker, "who?")
    ticket = (await waiting(broker))[0]
    results = await asyncio.gather(
        *(call(broker, "claim", ClaimTicket(ticket=ticket.id, operator=who)) for who in (ANN, BEN)),
        return_exceptions=True,
    )
    conflicts = [r for r in results if isinstance(r, ConflictError)]
    assert len(conflicts) == 1
    assert "has claimed the ticket" in conflicts[0].message
    assert conflicts[0].details["ticket"]["state"] == "claimed"


async def test_a_reply_to_what_has_changed_is_a_conflict(broker):
    await ask(broker, "one")
    ticket = (await waiting(broker))[0]
    await ask(broker, "two", 2)
    await waiting(broker, 1, 2)
    with pytest.raises(ConflictError) as caught:
        await call(broker, "reply", say(ticket, "late", expected_rev=ticket.rev))
    assert len(caught.value.details["ticket"]["questions"]) == 2
    assert await spoken(broker) == []


async def test_merged_questions_share_the_answer(broker):
    first = await ask(broker, "one")
    await waiting(broker)
    second = await ask(broker, "two", 2)
    ticket = (await waiting(broker, 1, 2))[0]
    assert [q.text for q in ticket.questions] == ["one", "two"]
    await call(broker, "reply", say(ticket, "both"))
    for wanted in (first, second):
        assert (await log_of(broker, wanted.turn))[-1].text == "both"
    assert await spoken(broker) == ["both"]


async def test_separate_questions_are_separate_tickets(broker):
    await ask(broker, "one", 1, while_open="separate")
    await ask(broker, "two", 2, while_open="separate")
    assert len(await waiting(broker, 2)) == 2


async def test_queued_question_waits_for_the_earlier(broker):
    await ask(broker, "one", 1, while_open="queue")
    await waiting(broker, 1)
    await ask(broker, "two", 2, while_open="queue")
    _, later = await waiting(broker, 2)
    with pytest.raises(ConflictError):
        await call(broker, "claim", ClaimTicket(ticket=later.id, operator=ANN))


async def test_release_note_close_and_conflicts(broker):
    wanted = await ask(broker, "hm")
    ticket = (await waiting(broker))[0]
    await call(broker, "claim", ClaimTicket(ticket=ticket.id, operator=ANN))
    with pytest.raises(ConflictError):
        await call(broker, "release", ReleaseTicket(ticket=ticket.id, operator=BEN))
    free = await call(broker, "release", ReleaseTicket(ticket=ticket.id, operator=ANN))
    assert (free.state, free.assignee) == ("waiting", None)
    note = NoteTicket(ticket=ticket.id, operator=BEN, text="a regular", idempotency_key="n1")
    await call(broker, "note", note)
    noted = await call(broker, "note", note)
    assert [n.text for n in noted.notes] == ["a regular"]
    closed = await call(broker, "close", CloseTicket(ticket=ticket.id, operator=BEN))
    assert closed.state == "declined"
    assert (await log_of(broker, wanted.turn))[-1].kind == "failed"
    with pytest.raises(ConflictError):
        await call(broker, "reply", say(ticket, "too late"))
    with pytest.raises(NotFoundError):
        await call(broker, "read", ReadTicket(ticket=new_id()))


async def test_nobody_answers_and_the_fallback_is_not_a_person(broker):
    wanted = await ask(broker, "anyone?", remind_every_s=1, remind_times=1, fallback_after_s=2)
    log = await log_of(broker, wanted.turn)
    assert log[-1].kind == "final"
    assert log[-1].author.kind == "system"
    assert "Nobody could answer" in log[-1].text
    ended = await call(broker, "list", ListTickets(status="closed"), TicketList)
    assert (ended.items[0].state, ended.items[0].reminders) == ("fell_back", 1)


async def test_a_cancelled_turn_ends_the_ticket_even_before_it_was_opened(broker):
    early = new_id()
    cancel = CancelTurn(turn=early)
    await broker.publish(subjects.cancel_ticket(early), cancel.to_json())
    wanted = await ask(broker, "never mind")
    await waiting(broker)
    await broker.publish(
        subjects.cancel_ticket(wanted.turn), CancelTurn(turn=wanted.turn).to_json()
    )
    assert (await log_of(broker, wanted.turn))[-1].kind == "cancelled"
    event = an_event("too late", platform="openai", bot="human", turn=early)
    late = OpenTicket(turn=early, event=event, source_sequence=9, config=HumanConfig())
    await broker.publish(subjects.open_ticket(early), late.to_json())
    await ask(broker, "next", 10)
    assert [q.text for q in (await waiting(broker))[0].questions] == ["next"]


async def test_what_was_committed_is_told_after_a_crash(nats, temporal, database_url):
    """The relay dies between commit and publish; the next one tells it, once."""
    settings = relay_settings(nats, temporal, database_url)
    async with running(settings) as broker:
        wanted = await ask(broker, "still there?")
        ticket = (await waiting(broker))[0]
        nats.kill()
        answer = asyncio.create_task(_reply_directly(settings, say(ticket, "yes")))
        await asyncio.sleep(0.5)
        nats.start()
        await asyncio.wait_for(answer, 20)
        assert (await log_of(broker, wanted.turn))[-1].text == "yes"
        assert await spoken(broker) == ["yes"]


async def _reply_directly(settings: RelaySettings, reply: ReplyTicket) -> None:
    """Commit a reply in SQL as a relay would that dies before it tells anybody."""

    async def dies(*_: Any) -> None:
        raise SystemError("killed")

    database = Database(
        settings.database_url, schema=settings.schema_name, migrations="tandem_relay"
    )
    desk = Desk(database, SystemClock(), 600, dies)
    with pytest.raises(SystemError):
        await desk.reply(reply)
    await database.stop()
