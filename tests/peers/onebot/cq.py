"""The string form of OneBot v11 messages, written apart from the adapter's own."""

import re
from typing import Any

Segment = dict[str, Any]
_CODE = re.compile(r"\[CQ:([A-Za-z0-9_.-]+)((?:,[^\[\],=]+=[^\[\],]*)*)\]")


def _escape(text: str, *, comma: bool) -> str:
    text = text.replace("&", "&amp;").replace("[", "&#91;").replace("]", "&#93;")
    return text.replace(",", "&#44;") if comma else text


def _unescape(text: str) -> str:
    for coded, plain in (("&#44;", ","), ("&#91;", "["), ("&#93;", "]"), ("&amp;", "&")):
        text = text.replace(coded, plain)
    return text


def encode(segments: list[Segment]) -> str:
    """Write segments as one CQ string."""
    said = []
    for segment in segments:
        data = segment.get("data") or {}
        if segment["type"] == "text":
            said.append(_escape(str(data.get("text", "")), comma=False))
            continue
        pairs = "".join(
            f",{k}={_escape(str(v), comma=True)}" for k, v in data.items() if v is not None
        )
        said.append(f"[CQ:{segment['type']}{pairs}]")
    return "".join(said)


def decode(text: str) -> list[Segment]:
    """Read a CQ string into segments."""
    segments: list[Segment] = []
    at = 0
    for found in _CODE.finditer(text):
        if found.start() > at:
            segments.append(_text(text[at : found.start()]))
        pairs = [pair.split("=", 1) for pair in found.group(2).split(",") if pair]
        data = {key: _unescape(value) for key, value in pairs}
        segments.append({"type": found.group(1), "data": data})
        at = found.end()
    if at < len(text):
        segments.append(_text(text[at:]))
    return segments


def _text(raw: str) -> Segment:
    return {"type": "text", "data": {"text": _unescape(raw)}}


def as_segments(message: Any) -> list[Segment]:
    """Take any form of message an app may send: a string, one segment or a list."""
    if isinstance(message, str):
        return decode(message)
    if isinstance(message, dict):
        return [message]
    return [item if isinstance(item, dict) else _text(str(item)) for item in message]


def plain(segments: list[Segment]) -> str:
    """Only the text of a message."""
    return "".join(s["data"].get("text", "") for s in segments if s["type"] == "text")
