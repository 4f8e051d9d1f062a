"""`tandem up` from the first check to the last stop."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from tandem.api import Api
from tandem.declared import apply_declared, read_declared
from tandem.errors import CommandError
from tandem.settings import CliSettings
from tandem_common.runtime.logging import configure_logging

from . import credentials, lock, programs
from .bots import BotWatch
from .files import private_folder
from .follow import LogFollower
from .ports import ADAPTERS, Ports, require_free
from .programs import House
from .ready import ReadyFiles, facts
from .screen import Screen
from .supervisor import Supervisor

_BOTS_APPEAR_S = 15.0
_PARENT_CHECK_S = 1.0
_PORTS_FREE_S = 2.0
_INTERRUPTED = 130


@dataclass(frozen=True)
class UpOptions:
    """What the reader asked for.

    Attributes:
        data: Folder of everything the house keeps.
        port_base: First port.
        ready_file: Written when everything is ready.
        config: Declared configuration to apply.
        verbose: Show all logs.
    """

    data: Path
    port_base: int
    ready_file: Path | None = None
    config: Path | None = None
    verbose: bool = False


def run(options: UpOptions, settings: CliSettings, console: Console) -> int:
    """Start the house, keep it until a signal, stop it; return the exit code.

    Raises:
        CommandError: It could not be started.
    """
    # The screen is for the reader; what the watch on NATS says about reconnects is not.
    configure_logging("up", "CRITICAL")
    options = replace(options, data=private_folder(options.data.absolute()).resolve())
    declared = read_declared(options.config) if options.config else None
    with lock.hold(options.data, settings.language):
        ports = Ports(options.port_base)
        _wait_for_ports(ports, settings.language)
        house = House(
            data=options.data,
            ports=ports,
            credentials=credentials.ensure(options.data),
            environ=dict(os.environ),
            log_level=settings.log_level,
        )
        return asyncio.run(Up(house, options, settings, console).live(declared))


def _wait_for_ports(ports: Ports, language: str) -> None:
    """Give the children of a house that was just killed a moment to be gone."""
    deadline = time.monotonic() + _PORTS_FREE_S
    while True:
        try:
            return require_free(ports, language)
        except CommandError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Up:
    """One life of the house."""

    def __init__(
        self, house: House, options: UpOptions, settings: CliSettings, console: Console
    ) -> None:
        self._house, self._settings = house, settings
        self._screen = Screen(console, settings.language)
        self._logs = private_folder(options.data / "logs")
        self._supervisor = Supervisor(self._logs, self._screen, settings.language)
        self._files = ReadyFiles(options.data, options.ready_file)
        self._follower = LogFollower(self._logs, console) if options.verbose else None
        self._running_adapters: set[str] = set()
        self._stop = asyncio.Event()

    async def live(self, declared: dict[str, object] | None) -> int:
        """Start, wait for a signal, stop.

        Raises:
            CommandError: It could not be started; everything is stopped again.
        """
        self._listen_to_signals()
        self._files.remove()
        self._screen.starting(str(self._house.data))
        async with self._side_tasks():
            working = asyncio.create_task(self._work(declared))
            stopping = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
                was_ready = self._files.written
            finally:
                working.cancel()
                stopping.cancel()
                outcome = await asyncio.gather(working, return_exceptions=True)
                await self._end()
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return 0 if was_ready else _INTERRUPTED

    async def _work(self, declared: dict[str, object] | None) -> None:
        await self._supervisor.start(programs.servers(self._house))
        await self._supervisor.start(programs.services(self._house))
        await self._supervisor.start([programs.gateway(self._house)])
        async with self._api() as api:
            if declared is not None:
                await apply_declared(api, declared)
                self._screen.line("  [green]✓[/] configuration applied")
            expected = await _platforms_with_bots(api)
        async with self._watch() as watch:
            await self._until_known(watch, expected)
            await self._start_adapters(watch.platforms)
            self._files.write(self._house)
            self._screen.closing(facts(self._house))
            await self._follow_bots(watch)

    async def _until_known(self, watch: BotWatch, expected: frozenset[str]) -> None:
        """Wait until what the gateway stored has reached the bucket the adapters read."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BOTS_APPEAR_S):
                while not expected <= watch.platforms:
                    await watch.changed()

    async def _start_adapters(self, platforms: frozenset[str]) -> None:
        new = platforms - self._running_adapters
        self._running_adapters |= new
        await self._supervisor.start(programs.adapter(self._house, name) for name in sorted(new))

    async def _follow_bots(self, watch: BotWatch) -> None:
        while True:
            platforms = await watch.changed()
            before = set(self._running_adapters)
            try:
                await self._start_adapters(platforms)
            except CommandError as error:  # the others go on; the next change tries again
                self._running_adapters = before
                self._screen.trouble(error)

    def _api(self) -> Api:
        return Api(self._house.gateway_url, self._house.credentials.bootstrap.admin_key)

    @contextlib.asynccontextmanager
    async def _watch(self) -> AsyncIterator[BotWatch]:
        nkey_file = self._house.credentials.nkey_files["admin"]
        watch = BotWatch(self._house.nats_url, str(nkey_file))
        await watch.start()
        try:
            yield watch
        finally:
            await watch.stop()

    @contextlib.asynccontextmanager
    async def _side_tasks(self) -> AsyncIterator[None]:
        tasks = []
        if self._follower is not None:
            tasks.append(asyncio.create_task(self._follower.run()))
        if self._settings.follow_parent:
            tasks.append(asyncio.create_task(self._follow_parent()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow_parent(self) -> None:
        parent = os.getppid()
        while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells when a parent is gone
            await asyncio.sleep(_PARENT_CHECK_S)
        self._stop.set()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._stop.is_set():  # asked twice: at once
            self._supervisor.kill()
        self._stop.set()

    async def _end(self) -> None:
        began = time.monotonic()
        self._screen.stopping()
        self._files.remove()
        await self._supervisor.stop()
        if self._follower is not None:
            self._follower.show_new()
        self._screen.stopped(time.monotonic() - began)


async def _platforms_with_bots(api: Api) -> frozenset[str]:
    bots = await api.items("/api/v1/bots")
    enabled = {bot["platform"] for bot in bots if bot.get("enabled", True)}
    return frozenset(enabled & set(ADAPTERS))
