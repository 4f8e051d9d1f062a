"""Server-sent events, as text."""

from collections.abc import AsyncIterator
from typing import Any

from pydantic_core import to_json
from starlette.responses import StreamingResponse

HEARTBEAT_S = 15.0
BEAT = b": beat\n\n"


def block(data: Any, *, event: str | None = None, ident: str | int | None = None) -> bytes:
    """Write one event."""
    head = "".join(
        f"{name}: {value}\n"
        for name, value in (("id", ident), ("event", event))
        if value is not None
    )
    return head.encode() + b"data: " + to_json(data) + b"\n\n"


def stream(blocks: AsyncIterator[bytes]) -> StreamingResponse:
    """Answer with a stream that no proxy may hold back."""
    return StreamingResponse(
        blocks,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
