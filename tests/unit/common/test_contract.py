"""The contract: round trips, evolution, tokens, errors."""

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.commands import COMMAND_ADAPTER
from tandem_common.contract.components import File, Image, Mention, Text, plain_text
from tandem_common.contract.entities import User
from tandem_common.contract.errors import ERRORS, TandemError, error_from
from tandem_common.contract.events import EVENT_CLASSES, MessageReceived, PlatformEvent, read_event
from tandem_common.contract.ids import conversation_token
from tandem_common.contract.rules import (
    HandlerRef,
    Rule,
    handler_config,
    is_known_pattern,
    matches_pattern,
)
from tandem_common.testing.builders import an_event


def test_an_event_survives_the_wire():
    event = an_event("hi", bot="b-1")
    assert read_event(event.to_json()) == event


def test_times_are_utc_with_milliseconds():
    assert b'"time":"2026-11-21T02:33:12.123Z"' in an_event().to_json()


def test_readers_drop_what_newer_writers_add():
    body = an_event("hi").to_json().replace(b'"dedupe_key"', b'"later":{"x":1},"dedupe_key"')
    assert isinstance(read_event(body), MessageReceived)


def test_built_values_refuse_unknown_fields():
    with pytest.raises(ValidationError):
        Text(text="x", colour="red")  # type: ignore[call-arg]


def test_unknown_event_types_are_refused():
    body = an_event().to_json().replace(b"message.received", b"message.imagined")
    with pytest.raises(ValidationError):
        read_event(body)


def test_platform_events_are_open():
    body = an_event().to_json().replace(b"message.received", b"platform.onebot.poke")
    event = read_event(body)
    assert isinstance(event, PlatformEvent)
    assert subjects.event("onebot", "b", event.type, "c") == "evt.onebot.b.platform.poke.c"


@given(st.text(), st.text(), st.text())
def test_tokens_fit_into_subjects(bot, chat, thread):
    token = conversation_token("p", bot, chat, thread)
    assert len(token) == 20
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert token == conversation_token("p", bot, chat, thread)


def test_tokens_of_neighbours_differ():
    assert conversation_token("p", "b", "1", "2") != conversation_token("p", "b", "12", "")
    assert conversation_token("p", "b", "1") != conversation_token("p", "c", "1")


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_every_event_has_a_subject_that_can_be_taken_apart(cls):
    kind = cls.model_fields["type"].default
    subject = subjects.event("onebot", "bot", kind, "abc")
    assert subjects.parse_event(f"{subject}.7").event_type == kind


def test_text_of_components():
    said = (Text(text="hi "), Mention(user=User(id="1", name="Ann")), Image(media="https://x/y"))
    assert plain_text(said) == "hi @Ann[image]"
    assert plain_text((File(media="https://x/y", name="a.pdf"),)) == "a.pdf"


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_errors_keep_their_code_across_a_wire(code):
    error = ERRORS[code]("why", field="f", retry_after_s=2.0, details={"a": 1})
    again = error_from(error.body())
    assert type(again) is type(error)
    assert (again.message, again.field, again.details) == ("why", "f", {"a": 1})
    assert isinstance(again, TandemError)


def test_commands_are_told_apart_by_kind():
    command = COMMAND_ADAPTER.validate_json('{"kind":"get_group_info","group_id":"1"}')
    assert command.kind == "get_group_info"
    with pytest.raises(ValidationError):
        COMMAND_ADAPTER.validate_json('{"kind":"sing"}')


@pytest.mark.parametrize(
    ("pattern", "event", "matches"),
    [
        ("*", "message.received", True),
        ("message.*", "message.received", True),
        ("message.*", "messages.received", False),
        ("message.received", "message.received", True),
        ("message.received", "message.edited", False),
        ("platform.*", "platform.onebot.poke", True),
    ],
)
def test_event_patterns(pattern, event, matches):
    assert matches_pattern(pattern, event) is matches


def test_patterns_that_match_nothing_are_refused():
    assert not is_known_pattern("mesage.*")
    with pytest.raises(ValidationError, match="no event is called"):
        Rule(id="r", bot="b", events=("mesage.*",), handler=HandlerRef(kind="echo"))


def test_handler_settings_name_the_wrong_field():
    with pytest.raises(ValidationError) as caught:
        handler_config(HandlerRef(kind="webhook", config={"url": "ftp://x"}))
    assert caught.value.errors()[0]["loc"] == ("url",)


def test_a_bad_pattern_says_why():
    with pytest.raises(ValidationError, match="RE2"):
        Rule.read_object(
            {"id": "r", "bot": "b", "when": {"text": {"regex": "("}}, "handler": {"kind": "echo"}}
        )
