"""Files of the data folder: private, and written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from tandem.errors import CommandError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def private_folder(path: Path) -> Path:
    """Make a folder only its owner may enter, or close an existing one to others.

    Raises:
        CommandError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        path.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise CommandError(
            f"the folder {path} cannot be used: {error.strerror}",
            hint="Choose another with --data, or mend its owner and permissions.",
        ) from error
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old one or the new one, never a half.

    Raises:
        CommandError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace a private file by JSON."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an absent file is an empty one.

    Raises:
        CommandError: The file is there and is not a JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise CommandError(f"{path} is not a JSON object")
    return value
