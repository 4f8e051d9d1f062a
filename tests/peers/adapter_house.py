"""Adapter processes for tests: real ones, on a real nats-server, that can be killed."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.fernet import Fernet

from tandem_common.contract import subjects
from tandem_common.contract.commands import ApiRequest, Command, CommandResult, SendMessage
from tandem_common.contract.components import Component, Text
from tandem_common.contract.config import BotConfig
from tandem_common.contract.entities import Chat, Conversation
from tandem_common.contract.events import Event, read_event
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.outcomes import Author, HandledBy, Outcome
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.outlog import OutLog
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.testing.servers import NatsServer, free_port

BOT = "qq"
TOKEN = "house-token"
SECRET = "post-secret"
KEY = Fernet.generate_key().decode()


class Process:
    """One adapter process."""

    def __init__(self, platform: str, nats: NatsServer, log: Path) -> None:
        self.platform, self.port, self._log = platform, free_port(), log
        self._env = os.environ | {
            "TANDEM_NATS_URL": nats.url,
            "TANDEM_SECRET_KEY": KEY,
            "TANDEM_ADAPTERS_HTTP_PORT": str(self.port),
            "TANDEM_ALLOW_PRIVATE_URLS": "true",
            "TANDEM_LOG_LEVEL": "INFO",
        }
        self.process: asyncio.subprocess.Process | None = None

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/onebot/v11/{BOT}/ws"

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tandem_adapters",
                self.platform,
                env=self._env,
                stderr=log,
                stdout=log,
            )
        await until(self.is_ready, "the adapter", 20)

    async def is_ready(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"http://127.0.0.1:{self.port}/readyz") as answer,
            ):
                return answer.status == 200
        return False

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    async def kill(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    async def stop(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.terminate()
            await asyncio.wait_for(self.process.wait(), 15)


async def until(ready: Callable[[], Any], what: str, timeout_s: float = 10) -> None:
    """Wait for a condition, awaited or not."""
    async with asyncio.timeout(timeout_s) as limit:
        try:
            while True:
                found = ready()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            if limit.expired():
                raise AssertionError(f"{what} not in {timeout_s} s") from None
            raise


class House:
    """What the adapters talk to: streams, configuration, outcomes."""

    def __init__(self, nats: NatsServer, folder: Path, platform: str) -> None:
        self.nats, self.folder, self.platform = nats, folder, platform
        settings = ServiceSettings(nats_url=nats.url)
        self.broker = Broker(settings, name="test")
        self.outlog = OutLog(self.broker)
        self.processes: list[Process] = []

    async def start(self) -> None:
        await self.broker.start()
        await self.broker.declare(
            (subjects.EVENTS, subjects.out_stream(self.platform), subjects.TURNS, subjects.DLQ),
            (subjects.CFG, subjects.SENT, subjects.CURSORS),
            media=True,
        )

    async def stop(self) -> None:
        for process in self.processes:
            await process.kill()
        await self.broker.stop()

    async def adapter(self) -> Process:
        number = len(self.processes)
        process = Process(self.platform, self.nats, self.folder / f"adapter-{number}.log")
        self.processes.append(process)
        await process.start()
        return process

    async def put_bot(self, bot: str = BOT, *, enabled: bool = True, **settings: Any) -> None:
        config = BotConfig(
            id=bot, platform=self.platform, name=bot, settings=settings, enabled=enabled
        )
        key = subjects.bot_key(self.platform, bot)
        await (await self.broker.kv(subjects.CFG)).put(key, config.to_json())

    async def events(self, kind: str = "") -> list[Event]:
        """Everything stored in EVENTS so far, in order."""
        info = await self.broker.js.stream_info(subjects.EVENTS)
        found = []
        for sequence in range(info.state.first_seq or 1, (info.state.last_seq or 0) + 1):
            with contextlib.suppress(Exception):
                message = await self.broker.js.get_msg(subjects.EVENTS, sequence)
                found.append(read_event(message.data or b""))
        return [event for event in found if event.type.startswith(kind)]

    async def event(self, kind: str, count: int = 1) -> Event:
        """Wait for so many events of a kind and return the last."""
        await until(lambda: self._has(kind, count), f"{count} {kind}")
        return (await self.events(kind))[count - 1]

    async def _has(self, kind: str, count: int) -> bool:
        return len(await self.events(kind)) >= count

    async def say(self, text: str, place: Conversation, **fields: Any) -> int:
        """Store an outcome that says one text."""
        return await self.send(place, (Text(text=text),), **fields)

    async def send(self, place: Conversation, said: tuple[Component, ...], **fields: Any) -> int:
        ident = new_id()
        command = SendMessage(conversation=place, components=said, idempotency_key=ident, **fields)
        return await self.do(place, command)

    async def do(self, place: Conversation, *commands: Command, turn: str | None = None) -> int:
        ident = new_id()
        outcome = Outcome(
            id=ident,
            time=datetime.now(UTC),
            platform=self.platform,
            bot=BOT,
            conversation=place,
            turn=turn,
            handled_by=HandledBy(kind="test"),
            author=Author(kind="bot"),
            commands=commands,
        )
        return await self.outlog.append(outcome, ident)

    async def call(self, command: Command, key: str | None = None) -> CommandResult:
        """Make a platform API call."""
        subject = subjects.api(self.platform, BOT, command.kind)
        request = ApiRequest(command=command, idempotency_key=key)
        msg = await self.broker.nc.request(subject, request.to_json(), timeout=10)
        return CommandResult.read(msg.data)

    async def hook(self, request: HookRequest) -> HookResponse:
        """Hand a webhook to the adapter, as the gateway does."""
        subject = subjects.hook(self.platform, BOT)
        msg = await self.broker.nc.request(subject, request.to_json(), timeout=10)
        return HookResponse.read(msg.data)


@contextlib.asynccontextmanager
async def a_house(nats: NatsServer, folder: Path, platform: str) -> AsyncIterator[House]:
    """Run a house for a test."""
    house = House(nats, folder, platform)
    await house.start()
    try:
        yield house
    finally:
        await house.stop()


def private(chat: int | str, thread: str = "") -> Conversation:
    return Conversation(chat=Chat(id=str(chat), kind="private"), thread_id=thread)


def group(chat: int | str) -> Conversation:
    return Conversation(chat=Chat(id=str(chat), kind="group"))
