"""Cutting text that is too long for one message. Pure."""

import re
from collections.abc import Callable

_FENCE = re.compile(r"^(```[^\n]*)$", re.MULTILINE)
_BREAKS = ("\n\n", "\n", ". ", "。", " ")
_LEAST_FILL = 0.5
"""A break is taken only in the second half of a piece: no crumbs."""


def code_points(text: str) -> int:
    """Measure in code points."""
    return len(text)


def utf16_units(text: str) -> int:
    """Measure in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def utf8_bytes(text: str) -> int:
    """Measure in bytes of UTF-8."""
    return len(text.encode())


def split(text: str, limit: int, measure: Callable[[str], int] = code_points) -> tuple[str, ...]:
    """Cut text into pieces of at most `limit`, at paragraphs, lines, sentences or words.

    A code fence that is open at a cut is closed there and opened again in the next piece.
    """
    pieces: list[str] = []
    rest = text
    while measure(rest) > limit:
        head, rest = _cut(rest, limit, measure)
        pieces.append(head)
    if rest or not pieces:
        pieces.append(rest)
    return tuple(pieces)


def _cut(text: str, limit: int, measure: Callable[[str], int]) -> tuple[str, str]:
    room = _fitting(text, limit, measure)
    at = _break_before(text, room)
    fence = _open_fence(text[:at])
    if fence is None:
        return text[:at].rstrip("\n"), text[at:].lstrip("\n")
    closing, opening = "\n```", f"{fence}\n"
    if limit <= measure(closing) + 2 * measure(opening):
        return text[:at], text[at:]
    room = _fitting(text, limit - measure(closing), measure)
    at = max(_break_before(text, room), len(opening) + 1)
    return text[:at].rstrip("\n") + closing, opening + text[at:].lstrip("\n")


def _fitting(text: str, limit: int, measure: Callable[[str], int]) -> int:
    """The longest prefix that fits; at least one character, or it would never end."""
    low, high = 1, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _break_before(text: str, room: int) -> int:
    for mark in _BREAKS:
        found = text.rfind(mark, 0, room)
        if found + len(mark) > room * _LEAST_FILL and found > 0:
            return min(found + len(mark), room)
    return room


def _open_fence(text: str) -> str | None:
    fences: list[str] = _FENCE.findall(text)
    return fences[-1] if len(fences) % 2 else None
