"""One house per data folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tandem.errors import CommandError
from tandem.strings import hint

LOCK_FILE = "up.lock"


@contextlib.contextmanager
def hold(data: Path, language: str = "en") -> Iterator[None]:
    """Keep a data folder for this process; the lock goes with the process, however it ends.

    Raises:
        CommandError: Another process has it.
    """
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = file.read().strip() or "unknown"
            raise CommandError(
                f"another `tandem up` (process {owner}) uses {data}",
                hint=hint("already_up", language),
            ) from None
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.seek(0)
        file.truncate()


def holder(data: Path) -> int | None:
    """Return the process that keeps a data folder, or None."""
    path = data / LOCK_FILE
    if not path.exists():
        return None
    with path.open("r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read().strip()
            return int(text) if text.isdigit() else 0
    return None
