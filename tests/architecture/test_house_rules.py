"""The rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

from tools.generate_docs import PAGES, settings_classes

ROOT = Path(__file__).parents[2]
SOURCES = [
    file
    for room in ("libs", "services")
    for file in (ROOT / room).rglob("*.py")
    if "/src/" in str(file)
]
# The table of permissions is made of patterns of subjects: it is the other half of that file.
MAY_SPELL_SUBJECTS = {"contract/subjects.py", "contract/permissions.py"}
# A bare `evt.` asks which kind a subject is of; anything more spells one.
A_SUBJECT = re.compile(
    r"^((evt|out)\..|(turn|dlq|ticket|relay|router|box|webchat|chatlive|hook|api|usage|audit)\."
    r"([*>{]|v1\.|.*[.][*>]))"
)
INDEX_HOSTS = {"https://pypi.org", "https://files.pythonhosted.org"}


def spoken(tree):
    """Yield every string of a module; the holes of an f-string are written as braces."""
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in inside:
            yield node.lineno, str(node.value)


def is_message_type(text):
    """Types that begin like a subject: of a log entry, a frame, an item of the live feed."""
    return text in {"turn.{}", "ticket.{}", "webchat.{}"}


def test_there_are_sources():
    assert len(SOURCES) > 50


def test_subjects_are_spelled_in_one_place():
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for file in SOURCES
        if not any(str(file).endswith(allowed) for allowed in MAY_SPELL_SUBJECTS)
        for line, text in spoken(ast.parse(file.read_text(encoding="utf-8")))
        if A_SUBJECT.match(text) and not is_message_type(text)
    ]
    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_says_what_the_code_says(page):
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run python -m tools.generate_docs"


def test_every_setting_is_described():
    missing = [
        f"{service}.{name}"
        for service, cls in settings_classes()
        for name, field in cls.model_fields.items()
        if not field.description
    ]
    assert missing == []


def test_the_lock_file_names_public_hosts_only():
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r"[a-z+]+://[^/\"]+", text)) == INDEX_HOSTS


def test_every_member_has_types_for_others():
    members = [p.parent for p in SOURCES if p.parent.parent.name == "src"]
    assert all((member / "py.typed").exists() for member in members)
