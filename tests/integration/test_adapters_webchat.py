"""The web chat's adapter, a real process: what visitors say in, what is answered stored."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tandem_common.contract import subjects
from tandem_common.contract.commands import (
    DeleteMessage,
    DeliverTurn,
    EditMessage,
    React,
    SendMessage,
    SetTyping,
)
from tandem_common.contract.components import Component, Image, Mention, Text
from tandem_common.contract.entities import User
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.ids import conversation_token
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnDelta, TurnFinal
from tandem_common.contract.webchat import CHAT_FRAME_ADAPTER, Ack, ChatTyping, Say
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.turnlog import TurnLog
from tandem_common.testing.servers import NatsServer
from tests.peers.adapter_house import BOT, House, a_house, private, until

pytestmark = pytest.mark.integration
VISITOR = "v-1"
PLACE = private(VISITOR)


@pytest.fixture
async def house(nats: NatsServer, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(nats, tmp_path, "webchat") as made:
        await made.put_bot(title="Hi")
        await made.adapter()
        await made.event("bot.online")
        yield made


async def say(
    house: House, *components: Component, ident: str = "client-id-1", visitor: str = VISITOR
) -> HookResponse:
    body = Say(id=ident, components=components).to_json()
    headers = {"x-visitor-id": visitor} if visitor else {}
    request = HookRequest(method="POST", path="say", headers=headers, body=b64encode(body).decode())
    return await house.hook(request)


async def frames(house: House) -> list[Any]:
    token = conversation_token("webchat", BOT, VISITOR)
    stored = await house.broker.read_subject(subjects.WEBCHAT, subjects.webchat(BOT, token))
    return [CHAT_FRAME_ADAPTER.validate_json(message.data) for message in stored]


async def some_frames(house: House, count: int) -> list[Any]:
    async def there() -> bool:
        return len(await frames(house)) >= count

    await until(there, f"{count} frames")
    return await frames(house)


async def test_a_repeated_message_is_one_event_one_frame_and_acknowledged_twice(
    house: House,
) -> None:
    first = await say(house, Text(text="hello"))
    second = await say(house, Text(text="hello"))

    event: Any = await house.event("message.received")
    assert first.status == second.status == 200
    assert Ack.read(b64decode(first.body)).client_id == "client-id-1"
    assert len(await house.events("message.received")) == 1
    assert event.conversation.chat.id == VISITOR
    assert event.message.addressed
    (frame,) = await frames(house)
    assert frame.client_id == "client-id-1"
    assert frame.author.kind == "user"


async def test_what_a_visitor_may_not_send_is_refused(house: House) -> None:
    refused = [
        await say(house, Mention(user=User(id="1"))),
        await say(house, Image(media="https://example.org/x.png")),
        await say(house, Text(text="x" * 20_001)),
        await say(house, Text(text=" ")),
        await say(house, Text(text="who"), visitor=""),
        await house.hook(HookRequest(method="POST", path="say", headers={}, body="bm8=")),
        await house.hook(HookRequest(method="POST", path="sing", headers={}, body="")),
    ]

    assert [r.status for r in refused] == [400, 400, 400, 400, 401, 401, 400]
    assert await frames(house) == []
    assert await house.events("message.received") == []


async def test_said_edited_and_deleted_in_order(house: House) -> None:
    sent = SendMessage(
        conversation=PLACE, components=(Text(text="a"),), idempotency_key="message-1"
    )
    edit = EditMessage(conversation=PLACE, message_id="message-1", components=(Text(text="b"),))
    delete = DeleteMessage(conversation=PLACE, message_id="message-1")

    await house.do(PLACE, sent, edit, delete)
    found = await some_frames(house, 3)

    assert [frame.kind for frame in found] == ["message", "edited", "deleted"]
    assert len({frame.id for frame in found}) == 1


async def test_a_turn_grows_and_ends_whole(house: House) -> None:
    turn, log, now = new_id(), TurnLog(house.broker), datetime.now(UTC)
    await house.do(PLACE, DeliverTurn(turn=turn, conversation=PLACE), turn=turn)
    for n, word in enumerate(("hel", "lo ", "you")):
        await log.write(TurnDelta(turn=turn, n=n, time=now, text=word))
        await asyncio.sleep(0.05)
    author = Author(kind="bot", name="echo")
    await log.write(TurnFinal(turn=turn, n=3, time=now, author=author, text="hello you"))

    async def whole() -> bool:
        return any(frame.kind == "message" for frame in await frames(house))

    await until(whole, "the whole answer")
    found = await frames(house)
    assert "".join(f.text for f in found if f.kind == "delta") in "hello you"
    assert found[-1].components[0].text == "hello you"
    assert {frame.id for frame in found} == {found[-1].id}


@pytest.mark.chaos
async def test_a_killed_adapter_says_everything_once_and_in_order(house: House) -> None:
    (process,) = house.processes

    async def talk() -> None:
        for number in range(100):
            await house.say(str(number), PLACE)
            await asyncio.sleep(0.01)

    talking = asyncio.create_task(talk())
    for _ in range(2):
        await asyncio.sleep(0.4)
        await process.kill()
        await process.start()
    await talking
    await some_frames(house, 100)
    await asyncio.sleep(0.3)

    assert [int(f.components[0].text) for f in await frames(house)] == list(range(100))


async def test_typing_is_told_and_not_stored(house: House) -> None:
    heard: list[ChatTyping] = []

    async def hear(msg: Any) -> None:
        heard.append(ChatTyping.read(msg.data))

    token = conversation_token("webchat", BOT, VISITOR)
    await house.broker.nc.subscribe(subjects.webchat_typing(BOT, token), cb=hear)
    await house.broker.nc.flush()

    result = await house.call(SetTyping(conversation=PLACE, who="Ann"))
    await until(lambda: heard, "typing")

    assert result.ok
    assert heard[0].who == "Ann"
    assert await frames(house) == []


async def test_what_a_web_chat_cannot_is_refused(house: House) -> None:
    result = await house.call(React(conversation=PLACE, message_id="1", reaction="x"), "key")

    assert result.error is not None
    assert result.error.code == "unsupported"
