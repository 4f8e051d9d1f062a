"""The CQ string form: ours against the rules of the specification, and there and back."""

from hypothesis import given, strategies as st

from tandem_adapters.platforms.onebot.wire import Frame, Segment, format_cq, is_answer, parse_cq

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
values = st.text(max_size=30)
codes = st.builds(
    lambda kind, data: {"type": kind, "data": data},
    names.filter(lambda name: name != "text"),
    st.dictionaries(names, values, max_size=3),
)
texts = st.builds(lambda text: {"type": "text", "data": {"text": text}}, st.text(min_size=1))


def joined(segments: list[dict]) -> list[dict]:
    """Neighbouring texts are one in a string."""
    found: list[dict] = []
    for segment in segments:
        if found and segment["type"] == found[-1]["type"] == "text":
            text = found[-1]["data"]["text"] + segment["data"]["text"]
            found[-1] = {"type": "text", "data": {"text": text}}
        else:
            found.append(segment)
    return found


@given(st.lists(codes | texts, max_size=6))
def test_what_is_written_is_read_back(segments: list[dict]) -> None:
    read = parse_cq(format_cq(segments))

    assert [segment.model_dump() for segment in read] == joined(segments)


@given(st.text())
def test_any_string_is_a_message(text: str) -> None:
    parse_cq(text)


def test_the_four_escapes() -> None:
    assert format_cq([{"type": "text", "data": {"text": "a,[b]&"}}]) == "a,&#91;b&#93;&amp;"
    assert format_cq([{"type": "x", "data": {"k": "a,[b]&"}}]) == "[CQ:x,k=a&#44;&#91;b&#93;&amp;]"


def test_escapes_are_undone_once() -> None:
    assert parse_cq("&amp;#91;") == [Segment(type="text", data={"text": "&#91;"})]


def test_a_broken_code_is_text() -> None:
    assert parse_cq("[CQ:at,qq=1") == [Segment(type="text", data={"text": "[CQ:at,qq=1"})]


def test_numbers_may_come_as_strings() -> None:
    frame = Frame.model_validate_json('{"post_type":"message","user_id":"30001","message":"x"}')

    assert frame.user_id == 30001


def test_an_event_that_talks_of_answers_is_none() -> None:
    assert is_answer('{"status":"ok","retcode":0,"data":null,"echo":"1"}')
    assert is_answer('{"retcode":0,"data":{"post_type":"message"},"echo":"1"}')
    assert not is_answer('{"post_type":"message","raw_message":"say \\"retcode\\""}')
