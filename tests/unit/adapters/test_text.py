"""Rendering down and cutting up."""

import pytest
from hypothesis import given, strategies as st

from tandem_adapters.rendering import markdown_as_text
from tandem_adapters.splitting import code_points, split, utf8_bytes, utf16_units


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# Title", "Title"),
        ("**b** and *i* and ~~s~~", "b and i and s"),
        ("[a](https://e.org)", "a (https://e.org)"),
        ("- one\n- two", "• one\n• two"),
        ("> said", "| said"),
        ("`**code**`", "**code**"),
        ("```py\na *b* c\n```", "a *b* c"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name", "snake_case_name"),
    ],
)
def test_marks_come_off_and_words_stay(markdown: str, text: str) -> None:
    assert markdown_as_text(markdown) == text


@given(st.text())
def test_any_text_can_be_rendered(text: str) -> None:
    markdown_as_text(text)


@pytest.mark.parametrize("measure", [code_points, utf16_units, utf8_bytes])
@given(text=st.text(alphabet="ab 😀汉\n", max_size=400), limit=st.integers(30, 120))
def test_pieces_fit_and_no_letter_is_lost(measure, text: str, limit: int) -> None:
    pieces = split(text, limit, measure)

    assert all(measure(piece) <= limit for piece in pieces)
    assert "".join(pieces).replace("\n", "") == text.replace("\n", "")


def test_a_cut_is_made_at_a_paragraph() -> None:
    first, second = split("a" * 60 + "\n\n" + "b" * 60, 100)

    assert (first, second) == ("a" * 60, "b" * 60)


def test_an_open_fence_is_closed_and_opened_again() -> None:
    code = "```py\n" + "\n".join(f"line {n}" for n in range(40)) + "\n```"
    pieces = split(code, 120)

    assert len(pieces) > 1
    assert all(piece.startswith("```py\n") for piece in pieces)
    assert all(piece.rstrip().endswith("```") for piece in pieces)
    assert all(len(piece) <= 120 for piece in pieces)
