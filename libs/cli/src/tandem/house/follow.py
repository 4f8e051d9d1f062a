"""Shows the logs of all programs side by side, as they grow."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

_POLL_S = 0.1
_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "red")


@dataclass
class _Place:
    offset: int
    rest: bytes = b""


class LogFollower:
    """Prints each new line of each log with the program's name before it."""

    def __init__(self, logs: Path, console: Console) -> None:
        self._logs, self._console = logs, console
        self._places = {log: _Place(log.stat().st_size) for log in logs.glob("*.log")}

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            self.show_new()
            await asyncio.sleep(_POLL_S)

    def show_new(self) -> None:
        """Print what was added since the last time."""
        for log in sorted(self._logs.glob("*.log")):
            for line in self._new_lines(log):
                colour = _COLOURS[sum(log.stem.encode()) % len(_COLOURS)]
                head = Text(f"{log.stem:>16} | ", style=colour)
                self._console.print(head + Text(line), soft_wrap=True, highlight=False)

    def _new_lines(self, log: Path) -> list[str]:
        place = self._places.setdefault(log, _Place(0))
        with log.open("rb") as file:
            if file.seek(0, os.SEEK_END) < place.offset:  # it was shortened
                place.offset, place.rest = 0, b""
            file.seek(place.offset)
            added = file.read()
            place.offset = file.tell()
        *lines, place.rest = (place.rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
