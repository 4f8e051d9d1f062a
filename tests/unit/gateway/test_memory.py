"""What the gateway keeps in memory: the snapshot, the live feed's items, chat frames."""

import json
from typing import Any

from pydantic import SecretStr

from tandem_common.contract.commands import SendMessage
from tandem_common.contract.components import Text
from tandem_common.contract.config import BotConfig
from tandem_common.contract.outcomes import Author, HandledBy, Outcome
from tandem_common.runtime.broker import Stored
from tandem_common.testing.builders import A_TIME, a_conversation, an_event
from tandem_common.testing.clock import FakeClock
from tandem_gateway.admin.dlq.service import original_subject
from tandem_gateway.live import item_of
from tandem_gateway.media_links import MediaLinks
from tandem_gateway.settings import GatewaySettings
from tandem_gateway.snapshot import ConfigSnapshot
from tandem_gateway.webchat.frames import frames_of


def test_an_older_revision_that_arrives_late_changes_nothing() -> None:
    snapshot = ConfigSnapshot()
    new = BotConfig(id="b", platform="openai", name="new", rev=3)
    old = BotConfig(id="b", platform="openai", name="old", rev=2)

    snapshot.apply("bot.openai.b", new.to_json())
    snapshot.apply("bot.openai.b", old.to_json())

    assert snapshot.bots["b"].name == "new"
    snapshot.apply("bot.openai.b", None)
    assert snapshot.bots == {}


def test_an_event_is_made_small_for_the_live_feed() -> None:
    event = an_event("x" * 500)

    item = item_of("evt.onebot.support.message.received.abc", event.to_json())

    assert item["type"] == "message.received"
    assert item["data"]["actor"] == "Ann"
    assert len(item["data"]["text"]) == 200
    assert item["data"]["conversation_id"] == event.conversation_token


def test_an_outcome_tells_what_will_be_said() -> None:
    outcome = Outcome(
        id="1",
        time=A_TIME,
        platform="onebot",
        bot="support",
        handled_by=HandledBy(kind="echo"),
        author=Author(kind="bot"),
        commands=(
            SendMessage(
                conversation=a_conversation(),
                components=(Text(text="hello"),),
                idempotency_key="k",
            ),
        ),
    )

    item = item_of("out.onebot.support.abc", outcome.to_json())

    assert item["data"]["text"] == "hello"
    assert item["data"]["conversation_id"] == "abc"


def test_a_dead_event_goes_back_without_its_partition() -> None:
    assert (
        original_subject("dlq.evt.onebot.b.message.received.abc.7")
        == "evt.onebot.b.message.received.abc"
    )
    assert original_subject("dlq.out.onebot.b.abc") == "out.onebot.b.abc"


def _stored(n: int, **frame: Any) -> Stored:
    return Stored("webchat.b.c", n, json.dumps(frame).encode(), {})


def test_pieces_of_a_message_that_is_complete_are_left_out() -> None:
    links = MediaLinks(GatewaySettings(secret_key=SecretStr("k")))
    stored = [
        _stored(3, kind="delta", id="m1", text="Start"),
        _stored(4, kind="message", id="m1", components=[]),
        _stored(9, kind="delta", id="m2", text="grow"),
    ]

    frames = frames_of(stored, links, FakeClock().now())

    assert [(frame["n"], frame["kind"], frame["id"]) for frame in frames] == [
        (4, "message", "m1"),
        (9, "delta", "m2"),
    ]
