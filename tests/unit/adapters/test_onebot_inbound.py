"""What has to be fetched before a message can be read, and what becomes of it."""

import pytest

from tandem_adapters.platforms.onebot.inbound import (
    Extras,
    components,
    forward_ids,
    to_events,
    wanted_files,
)
from tandem_adapters.platforms.onebot.wire import Fetched, Frame, Kept, Segment
from tests.contract.payload_table import a_context

REF = "sha256:" + "0" * 64


def a_segment(kind: str, **data: str) -> Segment:
    return Segment(type=kind, data=data)


@pytest.mark.parametrize(
    ("segment", "kind"),
    [("image", "image"), ("record", "voice"), ("video", "video"), ("file", "file")],
)
def test_media_are_what_was_fetched(segment: str, kind: str) -> None:
    message = [a_segment(segment, file="a.bin", url="https://x.example/?rkey=s", summary="[s]")]

    (wanted,) = wanted_files(message)
    (read,) = components(message, a_context(), Extras(files={0: Fetched(REF, "image/png", 3)}))

    assert wanted.url == "https://x.example/?rkey=s"
    assert read.kind == kind
    assert read.media == REF  # type: ignore[union-attr]
    assert "rkey" not in read.model_dump_json()


@pytest.mark.parametrize("file", ["/app/data/a.png", "file:///a.png", "a.png", "base64://AA=="])
def test_paths_inside_the_implementation_are_not_fetched(file: str) -> None:
    assert wanted_files([a_segment("image", file=file)]) == ()


def test_a_forward_is_asked_for_only_when_it_is_not_here() -> None:
    here = Segment(type="forward", data={"id": "1", "content": [{"message": "x", "user_id": 2}]})

    assert forward_ids([here, a_segment("forward", id="2")]) == ("2",)


def test_an_answer_to_somebody_else_is_not_addressed() -> None:
    frame = Frame.model_validate(
        {
            "post_type": "message",
            "message_type": "group",
            "group_id": 1,
            "user_id": 2,
            "message_id": 3,
            "message": "[CQ:reply,id=9]no",
        }
    )
    theirs, ours = (
        Kept.model_validate({"sender": {"user_id": who, "nickname": "N"}, "message": "said"})
        for who in (30001, 10001)
    )

    (to_them,) = to_events(frame, a_context(), Extras(quoted=theirs))
    (to_us,) = to_events(frame, a_context(), Extras(quoted=ours))

    assert not to_them.message.addressed  # type: ignore[union-attr]
    assert to_us.message.addressed  # type: ignore[union-attr]
    assert to_us.message.components[0].excerpt == "said"  # type: ignore[union-attr]
