"""Recorded payloads of platforms and the events they must become."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tandem_adapters.platforms.onebot.inbound import Context, to_events
from tandem_adapters.platforms.onebot.wire import Frame

PAYLOADS = Path(__file__).parent / "payloads"
EVENT_ID = "01900000-0000-7000-8000-000000000001"


def a_context() -> Context:
    return Context(
        bot="qq",
        self_id="10001",
        new_id=lambda: EVENT_ID,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        command_prefixes=("/",),
    )


def read(file: Path) -> list[dict[str, Any]]:
    """Translate a recorded payload."""
    frame = Frame.model_validate_json(file.read_bytes())
    events = to_events(frame, a_context())
    return [event.model_dump(mode="json", exclude_none=True) for event in events]


def payloads(platform: str) -> list[Path]:
    folder = PAYLOADS / platform
    return [f for f in sorted(folder.glob("*.json")) if not f.name.endswith(".expected.json")]


def expected(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.with_suffix(".expected.json").read_text())
    return found
