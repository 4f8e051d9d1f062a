"""One small function a condition: None when it holds, else why it does not."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tandem_common.contract.events import Event, MessageEdited, MessageReceived
from tandem_common.contract.message import Message
from tandem_common.contract.patterns import compiled
from tandem_common.contract.rules import Schedule, TextCondition, When

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Moment:
    """What conditions may look at besides the event."""

    now: datetime
    business_hours: Schedule


def _message(event: Event) -> Message | None:
    return event.message if isinstance(event, MessageReceived | MessageEdited) else None


def _chat_kind(when: When, event: Event, _: Moment) -> str | None:
    kind = event.conversation.chat.kind if event.conversation else None
    if not when.chat_kind or kind in when.chat_kind:
        return None
    return f"chat_kind is {kind}, not {' or '.join(when.chat_kind)}"


def _chat_id(when: When, event: Event, _: Moment) -> str | None:
    chat = event.conversation.chat.id if event.conversation else None
    if not when.chat_id or chat in when.chat_id:
        return None
    return f"chat_id {chat!r} is not listed"


def _thread_id(when: When, event: Event, _: Moment) -> str | None:
    thread = event.conversation.thread_id if event.conversation else None
    if not when.thread_id or thread in when.thread_id:
        return None
    return f"thread_id {thread!r} is not listed"


def _sender_id(when: When, event: Event, _: Moment) -> str | None:
    sender = event.actor.id if event.actor else None
    if not when.sender_id or sender in when.sender_id:
        return None
    return f"sender_id {sender!r} is not listed"


def _addressed(when: When, event: Event, _: Moment) -> str | None:
    if when.addressed is None:
        return None
    message = _message(event)
    is_addressed = message is not None and message.addressed
    if is_addressed == when.addressed:
        return None
    return f"addressed is {str(is_addressed).lower()}"


def _text(when: When, event: Event, _: Moment) -> str | None:
    if when.text is None:
        return None
    message = _message(event)
    if message is None:
        return f"{event.type} carries no text"
    return _text_differs(when.text, message.own_text or message.text)


def _text_differs(wanted: TextCondition, text: str) -> str | None:
    fold = (lambda s: s) if wanted.case_sensitive else str.casefold
    said = fold(text)
    tests: tuple[tuple[str, str | None, Callable[[str], bool]], ...] = (
        ("equal", wanted.equals, lambda w: said == fold(w)),
        ("contain", wanted.contains, lambda w: fold(w) in said),
        ("start with", wanted.starts_with, lambda w: said.startswith(fold(w))),
        (
            "match",
            wanted.regex,
            lambda w: bool(compiled(w, case_sensitive=wanted.case_sensitive).search(text)),
        ),
    )
    for verb, value, holds in tests:
        if value is not None and not holds(value):
            return f"the text does not {verb} {value!r}"
    return None


def _component(when: When, event: Event, _: Moment) -> str | None:
    if not when.component:
        return None
    message = _message(event)
    kinds = {c.kind for c in message.components} if message else set()
    if kinds & set(when.component):
        return None
    return f"no component is {' or '.join(when.component)}"


def _schedule(when: When, _: Event, moment: Moment) -> str | None:
    if when.schedule is None:
        return None
    if isinstance(when.schedule, Schedule):
        schedule, wants_open = when.schedule, not when.schedule.negate
    else:
        schedule, wants_open = moment.business_hours, when.schedule == "business_hours"
    if is_within(schedule, moment.now) == wants_open:
        return None
    return "it is outside the hours" if wants_open else "it is within the hours"


def is_within(schedule: Schedule, now: datetime) -> bool:
    """Say whether a moment lies in a schedule, in the schedule's own time zone."""
    local = now.astimezone(ZoneInfo(schedule.timezone))
    clock = f"{local:%H:%M}"
    day, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if schedule.start <= schedule.end:
        return day in schedule.days and schedule.start <= clock < schedule.end
    return (day in schedule.days and clock >= schedule.start) or (
        yesterday in schedule.days and clock < schedule.end
    )


def _sample(when: When, event: Event, _: Moment) -> str | None:
    if when.sample >= 1.0 or share_of(event.id) < when.sample:
        return None
    return f"not in the sample of {when.sample:g}"


def share_of(event_id: str) -> float:
    """Return a number in [0, 1) that is always the same for an event."""
    digest = hashlib.blake2b(event_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


CONDITIONS: tuple[Callable[[When, Event, Moment], str | None], ...] = (
    _chat_kind,
    _chat_id,
    _thread_id,
    _sender_id,
    _addressed,
    _text,
    _component,
    _schedule,
    _sample,
)
