"""What is written of a batch, whatever the order the streams come in."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import create_engine, select

from tandem_common.contract.commands import SendMessage
from tandem_common.contract.components import Text
from tandem_common.contract.outcomes import Author, HandledBy, Outcome
from tandem_common.contract.turns import TurnFinal
from tandem_common.runtime.ids import new_id
from tandem_common.testing.builders import A_TIME, a_conversation, an_event
from tandem_router.models.tables import METADATA
from tandem_router.transcripts import Batch, add_event, add_outcome, add_turn_event, write_batch

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(name="connection")
def _connection():
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def an_outcome(event, text, kind="echo", *, is_waiting=False):
    command = SendMessage(
        conversation=a_conversation(), components=(Text(text=text),), idempotency_key="k"
    )
    return Outcome(
        id=new_id(),
        time=A_TIME,
        platform="onebot",
        bot="support",
        conversation=a_conversation(),
        turn=event.turn_id,
        handled_by=HandledBy(kind=kind),
        author=Author(kind="bot"),
        commands=(command,),
        is_waiting=is_waiting,
    )


def a_final(event, text):
    author = Author(kind="human", id="ann", name="Ann")
    return TurnFinal(turn=event.turn_id, n=9, time=NOW, author=author, text=text)


def turns(connection):
    rows = connection.execute(select(METADATA.tables["turns"])).mappings()
    return {row["id"]: row for row in rows}


def test_many_turns_in_one_batch(connection):
    events = [an_event(str(i)) for i in range(3)]
    batch = Batch()
    for i, event in enumerate(events):
        add_event(batch, event, NOW)
        add_outcome(batch, an_outcome(event, f"answer {i}"), i + 1, NOW)
    write_batch(connection, batch)
    write_batch(connection, batch)
    found = turns(connection)
    assert [found[e.turn_id]["text"] for e in events] == ["answer 0", "answer 1", "answer 2"]
    assert {row["state"] for row in found.values()} == {"final"}
    assert len(connection.execute(select(METADATA.tables["entries"])).all()) == 6


@pytest.mark.parametrize("order", sorted(map("".join, permutations("eot"))))
def test_an_ended_turn_stays_ended_in_any_order(connection, order):
    event = an_event("who?")
    adds = {
        "e": lambda b: add_event(b, event, NOW),
        "o": lambda b: add_outcome(b, an_outcome(event, "part", "human", is_waiting=True), 1, NOW),
        "t": lambda b: add_turn_event(b, a_final(event, "the whole answer")),
    }
    for step in order:
        batch = Batch()
        adds[step](batch)
        write_batch(connection, batch)
    row = turns(connection)[event.turn_id]
    assert (row["state"], row["text"], row["platform"]) == ("final", "the whole answer", "onebot")


def test_the_newest_message_stands_in_the_list(connection):
    late, early = an_event("late"), an_event("early")
    for event, at in ((late, NOW + timedelta(seconds=5)), (early, NOW)):
        batch = Batch()
        add_event(batch, event, at)
        write_batch(connection, batch)
    rows = connection.execute(select(METADATA.tables["conversations"])).mappings().all()
    assert [row["last_text"] for row in rows] == ["late"]
