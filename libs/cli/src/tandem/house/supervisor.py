"""Starts programs behind gates, keeps them running, and stops them in waves."""

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from tandem.errors import CommandError
from tandem.strings import hint

from .process import Child, Program, shorten

_POLL_S = 0.05
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 15.0
_STABLE_AFTER_S = 30.0
_LOG_CHECK_S = 60.0


class Listener(Protocol):
    """Is told what happens to the programs."""

    def ready(self, name: str, seconds: float) -> None:
        """A program is ready."""

    def exited(self, name: str, code: int, delay_s: float) -> None:
        """A program ended by itself and is started again after a while."""

    def killed(self, name: str) -> None:
        """A program did not stop when asked."""


class Supervisor:
    """Keeps programs running until it is told to stop."""

    def __init__(self, logs: Path, listener: Listener, language: str = "en") -> None:
        self._logs, self._listener, self._language = logs, listener, language
        self._programs: dict[str, Program] = {}
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._janitor: asyncio.Task[None] | None = None

    def log_of(self, name: str) -> Path:
        """Return the log of a program."""
        return self._logs / f"{name}.log"

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the programs that run."""
        return {name: child.pid for name, child in self._children.items()}

    async def start(self, programs: Iterable[Program]) -> None:
        """Start programs side by side and return when all of them are ready.

        Raises:
            CommandError: One ended, or was not ready in time.
        """
        self._janitor = self._janitor or asyncio.create_task(self._keep_logs_short())
        starting = [asyncio.create_task(self._start(program)) for program in programs]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)

    async def stop(self) -> None:
        """Stop everything: the last wave first, each wave together."""
        for task in (*self._keepers.values(), *([self._janitor] if self._janitor else [])):
            task.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        left = sorted(self._programs.values(), key=lambda p: -p.wave)
        for _, wave in itertools.groupby(left, key=lambda p: p.wave):
            await asyncio.gather(*(self._stop(program) for program in wave))

    def kill(self) -> None:
        """End everything at once."""
        for child in self._children.values():
            child.signal(signal.SIGKILL)

    async def _start(self, program: Program) -> None:
        began = time.monotonic()
        child = await self._spawn(program)
        if not await self._until_ready(program, child, began):
            raise self._failure(program, child)
        self._listener.ready(program.name, time.monotonic() - began)
        self._keepers[program.name] = asyncio.create_task(self._keep(program, child))

    async def _spawn(self, program: Program) -> Child:
        self._programs[program.name] = program
        try:
            child = await Child.spawn(program, self.log_of(program.name))
        except OSError as error:
            raise CommandError(
                f"{program.name} cannot be executed: {program.argv[0]}: {error.strerror}",
                hint="Install it again: make clean && make run",
            ) from error
        self._children[program.name] = child
        return child

    async def _until_ready(self, program: Program, child: Child, began: float) -> bool:
        while child.exit_code is None and time.monotonic() - began < program.timeout_s:
            if await program.ready():
                return True
            await asyncio.sleep(_POLL_S)
        return False

    def _failure(self, program: Program, child: Child) -> CommandError:
        code = child.exit_code
        why = (
            f"was not ready in {program.timeout_s:.0f} s"
            if code is None
            else f"ended with {code} before it was ready"
        )
        return CommandError(
            f"{program.name} {why} (log: {self.log_of(program.name)})",
            hint=hint("start_failed", self._language),
            detail=child.tail(),
        )

    async def _keep(self, program: Program, child: Child) -> None:
        delay = _FIRST_DELAY_S
        while True:
            began = time.monotonic()
            code = await child.wait()
            child.signal(signal.SIGKILL)  # what it left behind must not meet its successor
            if time.monotonic() - began > _STABLE_AFTER_S:
                delay = _FIRST_DELAY_S
            self._listener.exited(program.name, code, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)
            began = time.monotonic()
            child = await self._spawn(program)
            if await self._until_ready(program, child, began):
                self._listener.ready(program.name, time.monotonic() - began)

    async def _stop(self, program: Program) -> None:
        child = self._children.pop(program.name, None)
        if child is not None and not await child.stop(program.grace_s):
            self._listener.killed(program.name)

    async def _keep_logs_short(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_S)
            for name in self._programs:
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(shorten, self.log_of(name))
