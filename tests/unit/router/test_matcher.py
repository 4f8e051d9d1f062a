"""Rules: every condition, order, and the reasons that are given."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tandem_common.contract.components import Image, Mention, Text
from tandem_common.contract.entities import User
from tandem_common.contract.events import GroupMemberJoined
from tandem_common.contract.rules import Rule, Schedule
from tandem_common.testing.builders import A_TIME, a_conversation, a_message, an_event
from tandem_router.routing.conditions import Moment, is_within, share_of
from tandem_router.routing.matcher import decide

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MOMENT = Moment(MONDAY_NOON, Schedule())


def rule(**fields: Any) -> Rule:
    return Rule.read_object({"id": "r", "bot": "support", "handler": {"kind": "echo"}, **fields})


def reason(event: Any, **fields: Any) -> str:
    return decide(event, [rule(**fields)], MOMENT).verdicts[0].reason


GROUP = an_event(
    "hi there",
    conversation=a_conversation("-5", "group", "9"),
    message=a_message("Hi There", addressed=False),
)
JOINED = GroupMemberJoined(
    id=GROUP.id,
    time=A_TIME,
    platform="onebot",
    bot="support",
    dedupe_key="j",
    conversation=GROUP.conversation,
    member=User(id="3"),
)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({}, "matches"),
        ({"chat_kind": ["group"]}, "matches"),
        ({"chat_kind": ["private"]}, "chat_kind is group, not private"),
        ({"chat_id": ["-5"]}, "matches"),
        ({"chat_id": ["-6"]}, "chat_id '-5' is not listed"),
        ({"thread_id": ["9"]}, "matches"),
        ({"thread_id": ["8"]}, "thread_id '9' is not listed"),
        ({"sender_id": ["77"]}, "matches"),
        ({"sender_id": ["78"]}, "sender_id '77' is not listed"),
        ({"addressed": False}, "matches"),
        ({"addressed": True}, "addressed is false"),
        ({"text": {"equals": "hi there"}}, "matches"),
        ({"text": {"equals": "hi there", "case_sensitive": True}}, "does not equal"),
        ({"text": {"contains": "THERE"}}, "matches"),
        ({"text": {"starts_with": "hi"}}, "matches"),
        ({"text": {"starts_with": "/help"}}, "does not start with '/help'"),
        ({"text": {"regex": "^hi.*re$"}}, "matches"),
        ({"text": {"regex": "^hi$"}}, "does not match"),
        ({"component": ["image", "text"]}, "matches"),
        ({"component": ["image"]}, "no component is image"),
        ({"schedule": "business_hours"}, "matches"),
        ({"schedule": "off_hours"}, "it is within the hours"),
        ({"schedule": {"start": "13:00", "end": "14:00"}}, "it is outside the hours"),
        ({"schedule": {"start": "13:00", "end": "14:00", "negate": True}}, "matches"),
        ({"sample": 0.0}, "not in the sample of 0"),
    ],
)
def test_conditions_and_their_reasons(when, said):
    assert said in reason(GROUP, when=when)


def test_a_rule_for_another_event_says_so():
    assert reason(JOINED) == "the rule is for message.received, not group.member_joined"
    assert reason(JOINED, events=["group.*"], when={"text": {"contains": "x"}}) == (
        "group.member_joined carries no text"
    )


def test_a_disabled_rule_never_matches():
    assert reason(GROUP, enabled=False) == "the rule is disabled"


def test_text_conditions_look_past_the_mention():
    said = (Mention(user=User(id="1", name="bot")), Text(text=" /help me"))
    event = an_event(message=a_message(components=said))
    assert reason(event, when={"text": {"starts_with": "/help"}}) == "matches"
    picture = an_event(message=a_message(components=(Image(media="https://x/y.png"),)))
    assert reason(picture, when={"component": ["image"]}) == "matches"


def winners(*rules: Rule) -> list[str]:
    return [r.id for r in decide(GROUP, rules, MOMENT).winners]


def test_priority_then_specificity_then_age():
    wide = rule(id="wide", events=["*"])
    family = rule(id="family", events=["message.*"])
    exact = rule(id="exact")
    old = rule(id="old", created_at="2026-01-01T00:00:00.000Z")
    young = rule(id="young", created_at="2026-02-01T00:00:00.000Z")
    urgent = rule(id="urgent", events=["*"], priority=1)
    assert winners(wide, family, exact) == ["exact"]
    assert winners(wide, family) == ["family"]
    assert winners(young, old) == ["old"]
    assert winners(exact, urgent) == ["urgent"]


def test_continue_lets_the_next_act_too():
    first = rule(id="a", priority=2, then="continue")
    second = rule(id="b", priority=1)
    third = rule(id="c")
    assert winners(first, second, third) == ["a", "b"]
    verdicts = decide(GROUP, [first, second, third], MOMENT).verdicts
    assert verdicts[2].reason == "but b comes first"


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_they_are_stored_in_does_not_matter(order):
    rules = [rule(id=name, priority=ord(name) % 3) for name in order]
    assert winners(*rules) == ["b"]


@pytest.mark.parametrize(
    ("now", "inside"),
    [
        (datetime(2026, 11, 23, 8, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 9, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 17, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 18, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 22, 12, 0, tzinfo=UTC), False),
    ],
)
def test_business_hours(now, inside):
    assert is_within(Schedule(), now) is inside


def test_hours_past_midnight_belong_to_the_day_they_began():
    night = Schedule(days=("fri",), start="22:00", end="02:00")
    assert is_within(night, datetime(2026, 11, 27, 23, 0, tzinfo=UTC))
    assert is_within(night, datetime(2026, 11, 28, 1, 0, tzinfo=UTC))
    assert not is_within(night, datetime(2026, 11, 28, 23, 0, tzinfo=UTC))


def test_hours_follow_the_time_zone():
    berlin = Schedule(timezone="Europe/Berlin")
    assert is_within(berlin, datetime(2026, 11, 23, 8, 30, tzinfo=UTC))
    assert is_within(berlin, datetime(2026, 7, 20, 7, 30, tzinfo=UTC))


@given(st.uuids().map(str))
def test_a_sample_is_always_alike(event_id):
    assert 0 <= share_of(event_id) < 1
    assert share_of(event_id) == share_of(event_id)
