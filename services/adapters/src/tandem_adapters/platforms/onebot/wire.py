"""The fields we read of OneBot v11's frames, and its CQ string form."""

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_CODE = re.compile(r"\[CQ:([A-Za-z0-9_.-]+)((?:,[^\[\],=]+=[^\[\],]*)*),?\]")
_UNESCAPED = (("&#44;", ","), ("&#91;", "["), ("&#93;", "]"), ("&amp;", "&"))

_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


class Segment(BaseModel):
    """One piece of a message."""

    model_config = ConfigDict(extra="ignore")

    type: str
    data: dict[str, Any] = Field(default_factory=dict)

    def word(self, *names: str) -> str:
        """Return the first of these fields that is there, as a string."""
        for name in names:
            value = self.data.get(name)
            if value is not None and value != "":
                return str(value)
        return ""


def escape(text: str, *, in_code: bool) -> str:
    """Escape text for a CQ string; inside a code the comma, too, has a meaning."""
    text = text.replace("&", "&amp;").replace("[", "&#91;").replace("]", "&#93;")
    return text.replace(",", "&#44;") if in_code else text


def unescape(text: str) -> str:
    """Undo `escape`."""
    for coded, plain in _UNESCAPED:
        text = text.replace(coded, plain)
    return text


def parse_cq(text: str) -> list[Segment]:
    """Read a CQ string; what is no well-formed code is text."""
    segments: list[Segment] = []
    at = 0
    for found in _CODE.finditer(text):
        if found.start() > at:
            segments.append(_text(text[at : found.start()]))
        pairs = (pair.split("=", 1) for pair in found.group(2).split(",") if pair)
        data = {key: unescape(value) for key, value in pairs}
        segments.append(Segment(type=found.group(1), data=data))
        at = found.end()
    if at < len(text):
        segments.append(_text(text[at:]))
    return segments


def _text(raw: str) -> Segment:
    return Segment(type="text", data={"text": unescape(raw)})


def format_cq(segments: list[dict[str, Any]]) -> str:
    """Write segments as one CQ string."""
    return "".join(_coded(segment) for segment in segments)


def _coded(segment: dict[str, Any]) -> str:
    data = segment.get("data") or {}
    if segment["type"] == "text":
        return escape(str(data.get("text", "")), in_code=False)
    pairs = "".join(
        f",{name}={escape(str(value), in_code=True)}"
        for name, value in data.items()
        if value is not None
    )
    return f"[CQ:{segment['type']}{pairs}]"


def _as_segments(value: Any) -> Any:
    if isinstance(value, str):
        return parse_cq(value)
    return [value] if isinstance(value, dict) else value


Message = Annotated[list[Segment], BeforeValidator(_as_segments)]
"""An array, a CQ string, or a single segment."""


class Sender(BaseModel):
    """Who said it, as far as the implementation knows."""

    model_config = ConfigDict(extra="ignore")

    user_id: int | None = None
    nickname: _Text = ""
    card: _Text = ""
    role: _Text = ""
    title: _Text = ""


class Status(BaseModel):
    """What a heartbeat says of the account."""

    model_config = ConfigDict(extra="ignore")

    online: bool | None = None
    good: bool | None = None


class Like(BaseModel):
    """One emoji on a message."""

    model_config = ConfigDict(extra="ignore")

    emoji_id: _Text = ""
    count: int | None = None


class Frame(BaseModel):
    """Anything an implementation says: an event (`post_type`) or an answer (`echo`)."""

    model_config = ConfigDict(extra="allow")

    post_type: str | None = None
    time: int = 0
    self_id: int | None = None
    message_type: str | None = None
    notice_type: str | None = None
    request_type: str | None = None
    meta_event_type: str | None = None
    sub_type: str | None = None
    user_id: int | None = None
    group_id: int | None = None
    group_name: str | None = None
    operator_id: int | None = None
    target_id: int | None = None
    message_id: int | None = None
    message: Message = Field(default_factory=list)
    sender: Sender = Field(default_factory=Sender)
    duration: int | None = None
    comment: _Text = ""
    flag: _Text = ""
    status: Status | str | None = None
    interval: int | None = None
    likes: list[Like] = Field(default_factory=list)
    is_add: bool = True
    name_new: _Text = ""
    echo: Any = None


class Answer(BaseModel):
    """The answer to an action."""

    model_config = ConfigDict(extra="ignore")

    status: str = "ok"
    retcode: int = 0
    data: Any = None
    message: Any = None
    wording: _Text = ""
    echo: Any = None

    @property
    def reason(self) -> str:
        """What the implementation says went wrong."""
        said = self.wording or (self.message if isinstance(self.message, str) else "")
        return said or f"retcode {self.retcode}"


class Kept(BaseModel):
    """A message as `get_msg` gives it."""

    model_config = ConfigDict(extra="ignore")

    time: int = 0
    message_type: str | None = None
    message_id: int | None = None
    group_id: int | None = None
    user_id: int | None = None
    sender: Sender = Field(default_factory=Sender)
    message: Message = Field(default_factory=list)


class Wanted(NamedTuple):
    """A file of a message that has to be fetched before its address expires."""

    at: int
    """Place of its segment in the message."""
    url: str
    name: str


class Fetched(NamedTuple):
    """A file that was fetched."""

    media: str
    mime: str
    size_bytes: int


def is_answer(text: str) -> bool:
    """Tell an answer from an event without parsing it.

    Only answers have this key, and inside a JSON string its quotes would be escaped.
    """
    return '"retcode"' in text
