"""New identifiers."""

import os
import time
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 2 << 62


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then chance."""
    chance = int.from_bytes(os.urandom(10))
    high, low = chance >> 68, chance & ((1 << 62) - 1)
    return str(
        UUID(int=(time.time_ns() // 1_000_000) << 80 | _VERSION | high << 64 | _VARIANT | low)
    )
