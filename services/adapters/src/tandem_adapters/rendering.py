"""Saying in plain text what a platform cannot show: the lower rungs of the ladder. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tandem_common.contract.components import Component, plain_text

_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE), r"\1"),
    (re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)"), r"\1 \2"),
    (re.compile(r"\[([^\]]+)\]\(([^)\s]+)[^)]*\)"), r"\1 (\2)"),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", re.DOTALL), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
    (re.compile(r"^(\s*)[*+-]\s+", re.MULTILINE), r"\1• "),
    (re.compile(r"^>\s?", re.MULTILINE), "| "),
)
_CODE = re.compile(r"(```[^\n]*\n.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)


@dataclass(frozen=True)
class Said:
    """A component said as text, and what was lost on the way; None: nothing was."""

    text: str
    reduced: str | None = None


def markdown_as_text(markdown: str) -> str:
    """Take the marks off Markdown; code keeps every character."""
    pieces = _CODE.split(markdown)
    return "".join(
        _bare_code(piece) if at % 2 else _bare_prose(piece) for at, piece in enumerate(pieces)
    )


def _bare_prose(text: str) -> str:
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    return text


def _bare_code(text: str) -> str:
    if not text.startswith("```"):
        return text[1:-1]
    inner = text.partition("\n")[2]
    return inner.removesuffix("```").rstrip("\n")


def _lines(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


def _buttons(c: Any) -> Said:
    labels = [button for row in c.rows for button in row]
    said = [
        f"{number}. {b.label}" + (f" {b.url}" if b.url else "")
        for number, b in enumerate(labels, start=1)
    ]
    return Said("\n".join(said), "buttons are listed as text")


def _card(c: Any) -> Said:
    fields = [f"{field.name}: {field.value}" for field in c.fields]
    return Said(_lines(c.title, c.text, *fields, c.url), "the card is shown as text")


def _media(c: Any) -> Said:
    name = c.alt or c.name or c.kind
    place = c.media if c.media.startswith("http") else None
    return Said(_lines(f"[{name}]", place), f"the {c.kind} is named, not shown")


def _forward(c: Any) -> Said:
    said = [f"{item.author.name or item.author.id}: {as_text(item.components)}" for item in c.items]
    return Said("\n".join(said), "the forward is shown as text")


def _link(c: Any) -> Said:
    return Said(_lines(c.title, c.description, c.url), "the link is shown as text")


def _location(c: Any) -> Said:
    url = f"https://www.openstreetmap.org/?mlat={c.lat}&mlon={c.lon}#map=16/{c.lat}/{c.lon}"
    return Said(_lines(c.title, url), "the location is shown as a link")


def _contact(c: Any) -> Said:
    who = f"{c.name} ({c.id})" if c.name else c.id
    return Said(f"[{c.contact_kind} {who}]", "the contact is shown as text")


SAID: dict[str, Callable[[Any], Said]] = {
    "text": lambda c: Said(c.text),
    "markdown": lambda c: Said(markdown_as_text(c.text), "formatting is shown as plain text"),
    "mention": lambda c: Said(f"@{c.user.name or c.user.id}", "the mention is plain text"),
    "mention_all": lambda _: Said("@all", "the mention is plain text"),
    "quote": lambda c: Said(f"> {c.excerpt}\n" if c.excerpt else "", "the quote is plain text"),
    "sticker": lambda c: Said(c.emoji or f"[{c.name or 'sticker'}]", "the sticker is named"),
    "link": _link,
    "location": _location,
    "contact": _contact,
    "image": _media,
    "voice": _media,
    "video": _media,
    "file": _media,
    "forward": _forward,
    "buttons": _buttons,
    "card": _card,
    "platform": lambda c: Said("", f"a {c.platform} component is left out"),
    "unknown": lambda c: Said("", f"an unknown component ({c.type}) is left out"),
}
"""Every kind of component as text."""


def say(component: Component) -> Said:
    """Say one component as text."""
    return SAID[component.kind](component)


def as_text(components: Sequence[Component]) -> str:
    """Say components as text, without placeholders' reasons."""
    return "".join(say(c).text for c in components) or plain_text(tuple(components))
