"""The fake OneBot implementation is believed by NoneBot, somebody else's app side."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tandem_common.testing.servers import free_port
from tests.peers.onebot import ANN, BEN, GROUP, OneBotPeer

pytestmark = pytest.mark.integration
TOKEN = "house-token"
SECRET = "post-secret"


class App:
    """NoneBot in its own process, and what it told us."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port
        self.told: list[dict[str, Any]] = []

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/onebot/v11/ws"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}/onebot/v11/http"

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """Wait until the app told something with these fields."""
        async with asyncio.timeout(20):
            while True:
                for line in self.told:
                    if all(line.get(key) == value for key, value in wanted.items()):
                        return line
                assert self.process.stdout
                raw = await self.process.stdout.readline()
                assert raw, "the app ended"
                if raw.startswith(b"{"):
                    self.told.append(json.loads(raw))


async def an_app(api_root: str = "") -> App:
    port = free_port()
    env = os.environ | {"PEER_PORT": str(port), "PEER_TOKEN": TOKEN, "PEER_SECRET": SECRET}
    if api_root:
        env["PEER_API_ROOTS"] = json.dumps({"10001": api_root})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.peers.onebot.nonebot_app",
        stdout=asyncio.subprocess.PIPE,
        env=env,
    )
    app = App(process, port)
    await app.until(kind="started")
    async with asyncio.timeout(10):
        while not await listening(port):
            await asyncio.sleep(0.02)
    return app


async def listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture
async def app() -> AsyncIterator[App]:
    running = await an_app()
    yield running
    running.process.terminate()
    await running.process.communicate()


@pytest.fixture(params=["array", "string"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[OneBotPeer]:
    async with OneBotPeer(token=TOKEN, secret=SECRET, message_format=request.param) as made:
        yield made


async def test_an_app_connects_talks_and_reads_back(app: App, peer: OneBotPeer) -> None:
    peer.connect(app.ws)

    bot = await app.until(kind="bot")
    await peer.say("hello, [world] & co", user_id=ANN)
    spoken = await app.until(kind="spoken")

    assert bot["login"]["nickname"] == "Bot"
    assert spoken["text"] == "hello, [world] & co"
    assert peer.sends[0].text == "you said hello, [world] & co"
    assert "you said hello" in spoken["back"]
    assert (await app.until(kind="error"))["cls"] in {"ActionFailed", "ApiNotAvailable"}


async def test_every_event_is_typed(app: App, peer: OneBotPeer) -> None:
    peer.connect(app.ws)
    await app.until(kind="bot")
    first = await peer.say("one", user_id=BEN, group_id=GROUP)
    quoting = [
        {"type": "reply", "data": {"id": str(first)}},
        {"type": "at", "data": {"qq": str(peer.self_id)}},
        {"type": "text", "data": {"text": " two"}},
    ]
    await peer.say(quoting, user_id=ANN, group_id=GROUP)
    spoken = await app.until(kind="spoken", text="two")
    member = {"group_id": GROUP, "user_id": BEN, "operator_id": ANN}
    for notice in (
        peer.notice("group_increase", sub_type="approve", **member),
        peer.notice("group_decrease", sub_type="kick", **member),
        peer.notice("group_ban", sub_type="ban", duration=60, **member),
        peer.notice("group_admin", sub_type="set", group_id=GROUP, user_id=BEN),
        peer.notice("friend_add", user_id=BEN),
        peer.recall(first, ANN),
        peer.notice("notify", sub_type="poke", group_id=GROUP, user_id=ANN, target_id=BEN),
        peer.heartbeat(),
    ):
        await peer.emit(notice)

    for cls in (
        "GroupMessageEvent",
        "GroupIncreaseNoticeEvent",
        "GroupDecreaseNoticeEvent",
        "GroupBanNoticeEvent",
        "GroupAdminNoticeEvent",
        "FriendAddNoticeEvent",
        "GroupRecallNoticeEvent",
        "PokeNotifyEvent",
        "HeartbeatMetaEvent",
        "LifecycleMetaEvent",
    ):
        await app.until(kind="event", cls=cls)
    assert spoken["reply"] == "one"


async def test_requests_are_approved(app: App, peer: OneBotPeer) -> None:
    peer.connect(app.ws)
    await app.until(kind="bot")
    friend = peer.friend_request(30009, "let me in")
    group = peer.group_request("add", 30010, GROUP, "me too")

    await peer.emit(friend)
    await peer.emit(group)
    await app.until(kind="approved", flag=friend["flag"])
    await app.until(kind="approved", flag=group["flag"])

    assert 30009 in peer.world.friends
    assert 30010 in peer.world.groups[GROUP].members


async def test_a_wrong_token_is_refused(app: App) -> None:
    async with OneBotPeer(token="wrong") as peer:
        peer.connect(app.ws)
        async with asyncio.timeout(10):
            while not peer.refusals:
                await asyncio.sleep(0.01)

        assert peer.refusals[0] == 403
        assert not peer.connected.is_set()


async def test_posted_events_are_signed_and_calls_go_over_http() -> None:
    async with OneBotPeer(token=TOKEN, secret=SECRET) as peer:
        app = await an_app(await peer.serve_api())
        try:
            forged = await peer.post(app.http, peer.message("evil"), forge=True)
            taken = await peer.post(app.http, peer.message("by post"))
            spoken = await app.until(kind="spoken")
        finally:
            app.process.terminate()
            await app.process.communicate()

    assert (forged, taken) == (403, 204)
    assert spoken["text"] == "by post"
    assert [sent.text for sent in peer.sends] == ["you said by post"]
