"""What receivers are told and may answer."""

import json

import pytest

from tandem_common.contract.components import Image, Mention, Text, Voice
from tandem_common.contract.entities import User
from tandem_common.contract.errors import UpstreamError
from tandem_common.contract.rules import WebhookConfig
from tandem_common.testing.builders import a_conversation, a_message, an_event
from tandem_router.webhooks.format import read_answer, request_body

PLAIN = WebhookConfig(url="https://example.com/hook")
LANGBOT = WebhookConfig(url="https://example.com/hook", format="langbot")


def test_the_event_is_told_as_the_contract_has_it():
    event = an_event("hi")
    body = json.loads(request_body(event, PLAIN, "r1"))
    assert body["event"] == json.loads(event.to_json())
    assert (body["type"], body["rule"], body["turn"]) == ("message.received", "r1", event.id)


def test_langbots_body_is_as_its_receivers_know_it():
    said = (
        Text(text="hi "),
        Mention(user=User(id="1", name="bot")),
        Image(media="https://x/y.png"),
        Voice(media="https://x/y.ogg"),
    )
    event = an_event(message=a_message(components=said), conversation=a_conversation("5", "group"))
    body = json.loads(request_body(event, LANGBOT, None))
    assert body["event_type"] == "bot.group_message"
    assert body["data"]["group"] == {"id": "5", "name": "Crew"}
    assert body["data"]["sender"] == {"id": "77", "name": "Ann"}
    kinds = [part["type"] for part in body["data"]["message"]]
    assert kinds == ["Source", "Plain", "At", "Image", "Voice"]
    private = json.loads(request_body(an_event(), LANGBOT, None))
    assert private["event_type"] == "bot.person_message"
    assert "group" not in private["data"]


@pytest.mark.parametrize("body", [b"", b"  ", b"OK", b"{}", b'{"skip_pipeline": true}'])
def test_nothing_is_wanted(body):
    assert read_answer(body, an_event(), "k") == ()


def test_the_short_form_and_actions_in_order():
    event = an_event()
    body = {
        "reply": "one",
        "actions": [
            {"kind": "send_message", "text": "two"},
            {"kind": "reply", "text": "three"},
            {"kind": "call_platform_api", "action": "poke", "params": {"user_id": 1}},
            {"kind": "approve_friend_request", "request_id": "f1"},
        ],
    }
    commands = read_answer(json.dumps(body).encode(), event, "k")
    assert [c.kind for c in commands] == [
        "send_message",
        "send_message",
        "send_message",
        "call_platform_api",
        "approve_friend_request",
    ]
    keys = [c.idempotency_key for c in commands if c.kind == "send_message"]
    assert keys == ["k:0", "k:1", "k:2"]
    third = commands[2]
    assert third.kind == "send_message"
    assert third.reply_to == event.message.id
    assert third.conversation == event.conversation


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"actions": [{"kind": "dance"}]}', "actions[0]"),
        (b'{"actions": [{"kind": "send_message"}]}', "actions[0]"),
        (b'{"actions": 3}', "actions"),
        (b'{"reply": ', "not understood"),
    ],
)
def test_what_is_not_understood_is_said(body, said):
    with pytest.raises(UpstreamError) as caught:
        read_answer(body, an_event(), "k")
    assert said in caught.value.message
