"""Who reads a stream upon hearing of a message may be too early: it is read again at once.

A plain subscriber hears a message when it is published, the stream has it when it is on the disk.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tandem_common.contract import subjects
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnFinal
from tandem_common.runtime.broker import Broker, Stored
from tandem_common.runtime.config_watch import ConfigWatch
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.runtime.turnlog import TurnLog, attach
from tandem_common.testing.servers import NatsServer

from .gateway_house import FakeWebchat, House, a_broker, a_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
SOON_S = 3
"""Far less than the 15 to 30 seconds after which everything is read again anyway."""


class EarlyBroker(Broker):
    """Its next reads come too early: what was stored last is not there yet."""

    early = 0

    def _seen(self, stored: list[Stored]) -> list[Stored]:
        if self.early and stored:
            self.early -= 1
            return stored[:-1]
        return stored

    async def read_subject(self, *args: Any, **options: Any) -> list[Stored]:
        return self._seen(await super().read_subject(*args, **options))

    async def read_last_of_each(self, *args: Any, **options: Any) -> list[Stored]:
        return self._seen(await super().read_last_of_each(*args, **options))


async def an_early_broker(nats: NatsServer) -> EarlyBroker:
    broker = EarlyBroker(ServiceSettings(nats_url=nats.url), name="early")
    await broker.start()
    await broker.declare((subjects.TURNS,), (subjects.CFG,))
    return broker


def final(turn: str, n: int) -> TurnFinal:
    return TurnFinal(turn=turn, n=n, time=datetime.now(UTC), text="done", author=Author(kind="bot"))


async def test_a_turn_that_ended_before_it_was_attached_to(nats):
    broker = await an_early_broker(nats)
    turn = new_id()
    await TurnLog(broker).write(final(turn, 0))
    broker.early = 2
    async with asyncio.timeout(SOON_S):
        assert [event.n async for event in attach(broker, turn)] == [0]
    assert broker.early == 0, "the reads were too early, or this shows nothing"
    await broker.stop()


async def test_a_gap_whose_end_is_not_stored_yet(nats):
    broker = await an_early_broker(nats)
    turn = new_id()

    async def read() -> list[int]:
        return [event.n async for event in attach(broker, turn)]

    reading = asyncio.create_task(read())
    await asyncio.sleep(SOON_S + 1)  # the reads at the beginning are over
    broker.early = 1
    # What stands before the end was lost on the way.
    await TurnLog(broker).write(final(turn, 1))
    async with asyncio.timeout(SOON_S):
        assert await reading == [1]
    assert broker.early == 0
    await broker.stop()


async def test_a_change_of_the_configuration(nats):
    broker = await an_early_broker(nats)
    known: dict[str, bytes | None] = {}

    async def change(key: str, value: bytes | None) -> None:
        known[key] = value

    watch = ConfigWatch(broker, ["bot.onebot.*"], change)
    await watch.start()
    cfg = await broker.kv(subjects.CFG)
    broker.early = 1
    await cfg.put("bot.onebot.one", b"1")
    async with asyncio.timeout(SOON_S):
        while known.get("bot.onebot.one") != b"1":
            await asyncio.sleep(0.02)
    assert broker.early == 0
    await watch.stop()
    await broker.stop()


async def test_an_answer_in_an_open_chat(nats: NatsServer, tmp_path: Path):
    async with (
        a_gateway(tmp_path, nats.url, seed_demo=True) as house,
        a_broker(nats.url) as broker,
    ):
        adapter = FakeWebchat(broker)
        await adapter.start()
        async with house.http.ws_connect("/chat/web-demo/ws") as socket:
            await socket.send_json({"kind": "hello"})
            visitor = (await socket.receive_json())["visitor"]
            await asyncio.sleep(SOON_S + 1)  # the reads at the beginning are over
            early = _make_early(house)
            await adapter.say("web-demo", visitor, "here I am")
            frame = await asyncio.wait_for(socket.receive_json(), SOON_S)
    assert frame["components"][0]["text"] == "here I am"
    assert early == ["one"]


def _make_early(house: House) -> list[str]:
    broker = house.gateway.broker
    early: list[str] = []
    read = broker.read_subject

    async def read_too_early(*args: Any, **options: Any) -> list[Stored]:
        if not early:
            early.append("one")
            return []
        return await read(*args, **options)

    broker.read_subject = read_too_early  # type: ignore[method-assign]
    return early
