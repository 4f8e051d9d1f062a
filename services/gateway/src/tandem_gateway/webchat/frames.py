"""Stored frames on their way to a browser."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from tandem_common.runtime.broker import Stored
from tandem_gateway.media_links import MediaLinks

Frame = dict[str, Any]


def frames_of(stored: Sequence[Stored], links: MediaLinks, now: datetime) -> list[Frame]:
    """Return stored frames with their place `n`, and URLs beside media.

    Pieces of messages that are complete further on are left out: a reload shows whole messages.
    """
    frames: list[Frame] = []
    for message in stored:
        frame = from_json(message.data)
        frames.append({**links.with_urls(frame, now), "n": message.sequence})
    complete = {frame["id"] for frame in frames if frame.get("kind") == "message"}
    return [
        frame for frame in frames if frame.get("kind") != "delta" or frame.get("id") not in complete
    ]
