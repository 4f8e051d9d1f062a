"""Messages on their way to QQ: what flows together, what stands alone, what is said as text."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tandem_adapters.platforms.onebot.outbound import (
    Options,
    Request,
    instead,
    plan,
    reference_of,
    with_files,
)
from tandem_common.contract.commands import MuteMember, SendMessage, SetTyping
from tandem_common.contract.components import (
    Button,
    Buttons,
    Card,
    CardField,
    Component,
    Contact,
    File,
    Forward,
    ForwardItem,
    Image,
    Link,
    Location,
    Markdown,
    Mention,
    MentionAll,
    PlatformComponent,
    Quote,
    Sticker,
    Text,
    Unknown,
    Video,
    Voice,
)
from tandem_common.contract.entities import Chat, Conversation, User
from tandem_common.contract.errors import InvalidInputError, UnsupportedError

REF = "sha256:" + "a" * 64
GROUP = Conversation(chat=Chat(id="20001", kind="group"))
PRIVATE = Conversation(chat=Chat(id="30001", kind="private"))
ANN = User(id="30001", name="Ann")


def said(
    *components: Component, place: Conversation = GROUP, options: Options | None = None, **more: Any
) -> tuple[Request, ...]:
    command = SendMessage(conversation=place, components=components, idempotency_key="k", **more)
    return plan(command, options or Options())


def short(request: Request) -> str:
    return json.dumps(request.params.get("message", request.params), ensure_ascii=False)


def a_file(kind: str) -> str:
    return json.dumps([{"type": kind, "data": {"file": REF}}])


LADDER: list[tuple[Component, str, bool]] = [
    (Text(text="a"), '[{"type": "text", "data": {"text": "a"}}]', False),
    (Markdown(text="**a**"), '[{"type": "text", "data": {"text": "a"}}]', True),
    (Sticker(id="76"), '[{"type": "face", "data": {"id": "76"}}]', False),
    (Sticker(id="x", emoji="😀"), '[{"type": "text", "data": {"text": "😀"}}]', True),
    (Image(media=REF), a_file("image"), False),
    (Voice(media=REF), a_file("record"), False),
    (Video(media=REF), a_file("video"), False),
    (Contact(id="5"), '[{"type": "contact", "data": {"type": "qq", "id": "5"}}]', False),
    (
        PlatformComponent(platform="onebot", type="dice", data={}),
        '[{"type": "dice", "data": {}}]',
        False,
    ),
    (
        Link(url="https://e.org", title="T"),
        '[{"type": "text", "data": {"text": "T\\nhttps://e.org"}}]',
        True,
    ),
    (
        Buttons(rows=((Button(label="Yes", action="y"), Button(label="No", action="n")),)),
        '[{"type": "text", "data": {"text": "1. Yes\\n2. No"}}]',
        True,
    ),
    (
        Card(title="T", fields=(CardField(name="a", value="b"),)),
        '[{"type": "text", "data": {"text": "T\\na: b"}}]',
        True,
    ),
]


@pytest.mark.parametrize(("component", "written", "is_reduced"), LADDER)
def test_each_component_has_its_rung(component: Component, written: str, is_reduced: bool) -> None:
    (request,) = said(component)

    assert request.action == "send_group_msg"
    assert short(request) == written
    assert bool(request.reduced) == is_reduced


def test_a_location_becomes_a_link() -> None:
    (request,) = said(Location(lat=1.0, lon=2.0, title="Here"))

    assert "Here" in short(request)
    assert "mlat=1.0" in short(request)


def test_mentions_are_real_in_groups_and_words_in_private() -> None:
    (group,) = said(Mention(user=ANN), MentionAll())
    (private,) = said(Mention(user=ANN), MentionAll(), place=PRIVATE)

    assert [s["data"]["qq"] for s in group.params["message"] if s["type"] == "at"] == [
        "30001",
        "all",
    ]
    assert private.params["message"] == [{"type": "text", "data": {"text": "@Ann@all"}}]


def test_voice_stands_alone_between_texts() -> None:
    requests = said(Text(text="a"), Voice(media=REF), Text(text="b"))

    assert [r.params["message"][0]["type"] for r in requests] == ["text", "record", "text"]


def test_the_answer_quotes_once_and_first() -> None:
    (request,) = said(Quote(message_id="9"), Text(text="a"), reply_to="8")
    (other,) = said(Text(text="a"), reply_to="-8")

    assert [s["type"] for s in request.params["message"]] == ["reply", "text"]
    assert other.params["message"][0] == {"type": "reply", "data": {"id": "-8"}}


def test_ids_are_numbers_and_keep_their_sign() -> None:
    (request,) = said(Text(text="a"), place=Conversation(chat=Chat(id="-5", kind="group")))

    assert request.params["group_id"] == -5
    with pytest.raises(InvalidInputError) as wrong:
        said(Text(text="a"), place=Conversation(chat=Chat(id="crew", kind="group")))
    assert wrong.value.field == "conversation.chat.id"


def test_a_message_of_nothing_is_refused() -> None:
    for components in ((), (Text(text=" "),), (Unknown(type="x"),), (Quote(message_id="1"),)):
        with pytest.raises(InvalidInputError):
            said(*components)


def test_a_file_falls_back_to_its_name() -> None:
    (request,) = said(File(media=REF, name="a.txt"))
    lower = instead(request, Options())

    assert request.action == "upload_group_file"
    assert lower is not None
    assert lower.params["message"][0]["data"]["text"] == "[a.txt]"
    assert lower.reduced


def test_a_forward_falls_back_to_its_words() -> None:
    item = ForwardItem(author=User(id="5", name="Ben"), components=(Text(text="old"),))
    (request,) = said(Forward(items=(item,)))
    lower = instead(request, Options())

    assert request.action == "send_group_forward_msg"
    assert lower is not None
    assert lower.params["message"][0]["data"]["text"] == "Ben: old"


def test_cq_strings_are_written_when_asked_for() -> None:
    (request,) = said(Text(text="a[b]"), Sticker(id="1"), options=Options(send_format="string"))

    assert request.params["message"] == "a&#91;b&#93;[CQ:face,id=1]"


@pytest.mark.parametrize("send_format", ["array", "string"])
def test_references_are_found_and_replaced(send_format: Any) -> None:
    options = Options(send_format=send_format)
    (request,) = said(Text(text="see"), Image(media=REF), options=options)

    assert reference_of(request.params) == (REF,)
    written = json.dumps(with_files(request.params, {REF: "base64://QQ=="}))
    assert "base64://QQ==" in written
    assert REF not in written


@given(st.text(alphabet="ab \n。`#", min_size=1, max_size=600).filter(str.strip))
def test_long_texts_lose_no_letter_and_keep_the_limit(text: str) -> None:
    requests = said(Text(text=text), options=Options(max_text=100))
    pieces = [s["data"]["text"] for r in requests for s in r.params["message"]]

    assert all(len(piece) <= 100 for piece in pieces)
    assert sum("".join(pieces).count(c) for c in "ab。") == sum(text.count(c) for c in "ab。")


def test_a_mute_has_bounds() -> None:
    for seconds in (0, -1, 30 * 86_400):
        with pytest.raises(InvalidInputError):
            plan(MuteMember(group_id="1", user_id="2", duration_s=seconds), Options())


def test_typing_is_private() -> None:
    with pytest.raises(UnsupportedError):
        plan(SetTyping(conversation=GROUP), Options())
