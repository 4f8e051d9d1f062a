"""A child process: its own session, its own log, and never an orphan."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .probes import Probe

LOG_LIMIT_BYTES = 20 << 20
_TAIL_LINES = 25
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """Something the house runs.

    Attributes:
        name: Shown to the reader, and the name of the log.
        argv: What is executed.
        ready: When callers may come.
        wave: Higher ones are stopped first.
        env: Added to the environment.
        timeout_s: How long it may take to be ready.
        grace_s: How long it may take to stop.
    """

    name: str
    argv: Sequence[str]
    ready: Probe
    wave: int
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0
    grace_s: float = 10.0


class Child:
    """One run of a program."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        self._process, self._log, self._log_start = process, log, log_start

    @classmethod
    async def spawn(cls, program: Program, log: Path) -> "Child":
        """Start a program; all it prints goes to the end of its log.

        Raises:
            OSError: It cannot be executed.
        """
        shorten(log)
        with log.open("ab") as output:
            start = output.tell()
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **program.env},
                # A session of its own: Ctrl-C of the terminal reaches only the parent, which
                # stops the children in their order.
                start_new_session=True,
                preexec_fn=_DieWithParent(os.getpid()),
            )
        return cls(process, log, start)

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end."""
        return await self._process.wait()

    async def stop(self, grace_s: float) -> bool:
        """End it and all it started; return whether it went by itself."""
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()
            return False
        # What it started and did not wait for is still in its group.
        self.signal(signal.SIGKILL)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def tail(self) -> str:
        """Return the last lines this run printed."""
        with self._log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(min(self._log_start, file.tell()), file.tell() - 65_536))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])


class _DieWithParent:
    """Runs in the child before its program: the kernel kills it when the parent is gone."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def __call__(self) -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != self._parent:  # the parent died in between
            os._exit(1)


def shorten(log: Path) -> None:
    """Keep a log that grew too long as `<name>.1` and begin it anew.

    The file stays the same one, so that a program that writes to it goes on doing so.
    """
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.with_name(f"{log.name}.1").write_bytes(log.read_bytes()[-LOG_LIMIT_BYTES:])
            os.truncate(log, 0)
