"""The OneBot adapter, a real process, between a faithful implementation and a real NATS."""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tandem_common.contract import subjects
from tandem_common.contract.commands import (
    ApproveFriendRequest,
    ApproveGroupInvite,
    CallPlatformApi,
    Command,
    DeleteMessage,
    DeliverTurn,
    EditMessage,
    ForwardMessage,
    GetFileUrl,
    GetFriendList,
    GetGroupInfo,
    GetGroupList,
    GetGroupMemberInfo,
    GetGroupMemberList,
    GetMessage,
    GetUserInfo,
    KickMember,
    LeaveGroup,
    MuteMember,
    React,
    SendMessage,
    SetGroupName,
    SetTyping,
    UnmuteMember,
    UploadFile,
)
from tandem_common.contract.components import Image, Quote, Text
from tandem_common.contract.errors import InvalidInputError
from tandem_common.contract.hooks import HookRequest
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnDelta, TurnFinal
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.media import MediaStore
from tandem_common.runtime.sealing import Sealer
from tandem_common.runtime.turnlog import TurnLog
from tandem_common.testing.servers import NatsServer
from tests.peers.adapter_house import (
    BOT,
    KEY,
    SECRET,
    TOKEN,
    House,
    Process,
    a_house,
    group,
    private,
    until,
)
from tests.peers.onebot import ANN, BEN, GROUP, OneBotPeer

pytestmark = pytest.mark.integration


@pytest.fixture
async def house(nats: NatsServer, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(nats, tmp_path, "onebot") as made:
        token = Sealer(KEY).seal(TOKEN)
        await made.put_bot(access_token=token, http_secret=SECRET, call_timeout_s=1.0)
        yield made


@pytest.fixture
async def adapter(house: House) -> Process:
    return await house.adapter()


@pytest.fixture
async def peer() -> AsyncIterator[OneBotPeer]:
    async with OneBotPeer(token=TOKEN, secret=SECRET, heartbeat_s=0.5) as made:
        yield made


@pytest.fixture
async def line(house: House, adapter: Process, peer: OneBotPeer) -> OneBotPeer:
    """A peer whose line stands."""
    peer.connect(adapter.ws)
    await peer.wait_connected()
    await house.event("bot.online")
    return peer


def texts(peer: OneBotPeer) -> list[str]:
    return [sent.text for sent in peer.sends]


# -- in ------------------------------------------------------------------------------------------


async def test_what_is_said_becomes_an_event_once(house: House, line: OneBotPeer) -> None:
    payload = line.message("hello", user_id=ANN, group_id=GROUP)

    await line.emit(payload)
    await line.emit(payload)
    await line.say("again", user_id=ANN)
    await house.event("message.received", 2)
    events = await house.events("message.received")

    assert [event.message.text for event in events] == ["hello", "again"]  # type: ignore[union-attr]
    assert events[0].conversation == group(GROUP)
    assert events[0].actor is not None
    assert events[0].actor.id == str(ANN)
    assert not events[0].message.addressed  # type: ignore[union-attr]
    assert events[1].message.addressed  # type: ignore[union-attr]


async def test_messages_of_a_chat_stay_in_order_though_a_picture_is_slow(
    house: House, line: OneBotPeer
) -> None:
    async def picture(_: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(body=b"\x89PNG\r\n\x1a\nrest", content_type="image/png")

    runner = web.AppRunner(web.Application())
    runner.app.router.add_get("/pic", picture)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/pic?rkey=secret"

    await line.say([{"type": "image", "data": {"file": "a.png", "url": url}}], user_id=ANN)
    await line.say("after", user_id=ANN)
    await line.say("elsewhere", user_id=BEN)
    await house.event("message.received", 3)
    events = await house.events("message.received")
    await runner.cleanup()

    said = {event.conversation.chat.id: [] for event in events if event.conversation}  # type: ignore[var-annotated]
    for event in events:
        said[event.conversation.chat.id].append(event.message.components[0])  # type: ignore[union-attr]
    assert [c.kind for c in said[str(ANN)]] == ["image", "text"]
    assert said[str(ANN)][0].media.startswith("sha256:")
    assert events[0].conversation is not None
    assert events[0].conversation.chat.id == str(BEN)
    assert "secret" not in json.dumps([event.model_dump(mode="json") for event in events])


async def test_an_answer_to_the_bots_message_is_addressed_to_it(
    house: House, line: OneBotPeer
) -> None:
    await house.say("ask me", group(GROUP))
    (sent,) = await line.wait_sends(1)
    reply = {"type": "reply", "data": {"id": str(sent.message_id)}}

    await line.say([reply, {"type": "text", "data": {"text": "why"}}], group_id=GROUP)
    event: Any = await house.event("message.received")

    assert event.message.addressed
    quote = event.message.components[0]
    assert isinstance(quote, Quote)
    assert quote.excerpt == "ask me"
    assert quote.author is not None
    assert quote.author.name == "Bot"


async def test_broken_frames_are_ignored_and_the_line_stays(house: House, line: OneBotPeer) -> None:
    for text in ("{", "[]", "null", '"x"', '{"post_type": 7}', '{"post_type":"message"}', "\x00"):
        await line.emit_raw(text)
    await line.emit_raw('{"retcode": 0, "echo": "nobody asked"}')
    await line.say("still here")
    event: Any = await house.event("message.received")

    assert event.message.text == "still here"
    assert line.connections == 1


async def test_a_wrong_or_missing_token_is_refused(adapter: Process) -> None:
    async with OneBotPeer(token="wrong") as wrong, OneBotPeer() as none:
        wrong.connect(adapter.ws)
        none.connect(adapter.ws)
        await until(lambda: wrong.refusals and none.refusals, "refusals")

        assert wrong.refusals[0] == 403
        assert none.refusals[0] == 401
    assert TOKEN not in adapter.log


async def test_the_token_may_stand_in_the_address(house: House, adapter: Process) -> None:
    async with OneBotPeer() as peer:
        peer.connect(f"{adapter.ws}?access_token={TOKEN}")
        await peer.wait_connected()
        await peer.say("let in")
        await house.event("message.received")


async def test_a_frame_too_long_costs_only_its_own_line(house: House, line: OneBotPeer) -> None:
    with contextlib.suppress(ConnectionError):
        await line.emit_raw('{"post_type":"' + "x" * (33 << 20) + '"}')
    await until(lambda: line.connections == 2, "a new line")
    await line.say("back")

    event: Any = await house.event("message.received")
    assert event.message.text == "back"


async def test_a_posted_event_is_stored_before_it_is_answered(
    house: House, adapter: Process, peer: OneBotPeer
) -> None:
    body = json.dumps(peer.message("by post")).encode()
    signed = HookRequest(
        method="POST",
        headers={k.lower(): v for k, v in peer.post_headers(body).items()},
        body=b64encode(body).decode(),
    )
    forged = signed.model_copy(update={"body": b64encode(body + b" ").decode()})
    unsigned = signed.model_copy(update={"headers": {"x-self-id": "10001"}})

    statuses = [(await house.hook(request)).status for request in (forged, unsigned, signed)]
    events = await house.events("message.received")

    assert adapter.process is not None
    assert statuses == [403, 401, 204]
    assert [event.message.text for event in events] == ["by post"]  # type: ignore[union-attr]


async def test_a_full_event_stream_answers_503_and_holds_the_socket_back(
    house: House, line: OneBotPeer
) -> None:
    config = (await house.broker.js.stream_info(subjects.EVENTS)).config
    await house.broker.js.update_stream(config.evolve(max_msgs=len(await house.events())))
    body = json.dumps(line.message("posted")).encode()
    request = HookRequest(
        method="POST",
        headers={k.lower(): v for k, v in line.post_headers(body).items()},
        body=b64encode(body).decode(),
    )

    refused = await house.hook(request)
    await line.say("waits")
    await asyncio.sleep(0.5)
    held = await house.events("message.received")
    await house.broker.js.update_stream(config)
    event: Any = await house.event("message.received")

    assert refused.status == 503
    assert held == []
    assert event.message.text == "waits"


async def test_three_missed_beats_make_the_bot_offline_and_a_new_line_online(
    house: House, line: OneBotPeer
) -> None:
    await line.emit(line.heartbeat())
    line.knobs.silent = True
    offline: Any = await house.event("bot.offline")
    line.knobs.silent = False
    await line.drop_line()
    await house.event("bot.online", 2)

    assert "heartbeats" in offline.reason


async def test_a_logged_out_account_is_offline_until_it_is_back(
    house: House, line: OneBotPeer
) -> None:
    await line.emit(line.notice("bot_offline", user_id=line.self_id, tag="kicked", message="x"))
    await house.event("bot.offline")
    await house.say("later", private(ANN))
    await asyncio.sleep(0.7)
    assert line.sends == [] or texts(line) == ["later"]
    await line.emit(line.heartbeat())
    await line.wait_sends(1)

    assert texts(line) == ["later"]


# -- out -----------------------------------------------------------------------------------------


async def test_outcomes_leave_in_order_and_once(house: House, line: OneBotPeer) -> None:
    for number in range(40):
        await house.say(f"{number}", private(ANN) if number % 2 else group(GROUP))
    await line.wait_sends(40)
    await asyncio.sleep(0.2)

    for target, parity in ((GROUP, 0), (ANN, 1)):
        said = [sent.text for sent in line.sends if sent.target == target]
        assert said == [str(n) for n in range(40) if n % 2 == parity]


async def test_a_picture_leaves_as_bytes(house: House, line: OneBotPeer) -> None:
    data = b"\x89PNG\r\n\x1a\nrest"
    reference = await MediaStore(house.broker).put(data)

    await house.send(private(ANN), (Text(text="see "), Image(media=reference)))
    (sent,) = await line.wait_sends(1)

    assert sent.segments[1]["data"]["file"] == "base64://" + b64encode(data).decode()


async def test_a_refused_message_fails_alone(house: House, line: OneBotPeer) -> None:
    line.knobs.failures["send_private_msg"] = [(1200, "你已被禁言")]

    await house.say("refused", private(ANN))
    await house.say("taken", private(ANN))
    failed: Any = await house.event("delivery.failed")
    await line.wait_sends(1)

    assert texts(line) == ["taken"]
    assert failed.error.code == "forbidden"


async def test_a_rate_limit_is_waited_out_in_order(house: House, line: OneBotPeer) -> None:
    await house.put_bot(access_token=TOKEN, call_timeout_s=1.0)
    line.knobs.failures["send_private_msg"] = [(1200, "操作过于频繁")]

    await line.wait_connected()
    await house.say("first", private(ANN))
    await house.say("second", private(ANN))
    await line.wait_sends(2, 20)

    assert texts(line) == ["first", "second"]
    assert await house.events("delivery.unknown") == []


async def test_an_answer_that_never_came_is_reported_and_not_repeated(
    house: House, line: OneBotPeer
) -> None:
    line.knobs.drop_replies = 1

    await house.say("once", private(ANN))
    await house.say("next", private(ANN))
    unknown: Any = await house.event("delivery.unknown")
    await line.wait_sends(2)

    assert texts(line) == ["once", "next"]
    assert unknown.error.code == "unknown_outcome"


async def test_what_is_said_while_nobody_is_connected_waits(
    house: House, adapter: Process, peer: OneBotPeer
) -> None:
    for number in range(5):
        await house.say(str(number), private(ANN))
    peer.connect(adapter.ws)
    await peer.wait_sends(5)

    assert texts(peer) == ["0", "1", "2", "3", "4"]
    assert await house.events("delivery") == []


async def test_a_turn_is_delivered_whole_though_the_adapter_died_meanwhile(
    house: House, adapter: Process, line: OneBotPeer
) -> None:
    turn, log = new_id(), TurnLog(house.broker)
    await house.do(private(ANN), DeliverTurn(turn=turn, conversation=private(ANN)), turn=turn)
    now = (await house.events())[0].time
    await log.write(TurnDelta(turn=turn, n=0, time=now, text="hel"))
    await asyncio.sleep(0.5)
    await adapter.kill()
    second = await house.adapter()
    line.connect(second.ws)
    author = Author(kind="bot", name="echo")
    await log.write(TurnFinal(turn=turn, n=1, time=now, author=author, text="hello **you**"))
    await line.wait_sends(1, 20)

    assert texts(line) == ["hello you"]
    assert await house.events("delivery") == []


async def test_a_changed_bot_reconnects_alone_and_a_removed_one_hangs_up(
    house: House, line: OneBotPeer
) -> None:
    await house.put_bot(access_token="another")
    await until(lambda: 403 in line.refusals, "the old token refused")
    line.token = "another"
    await house.event("bot.online", 2)
    await house.put_bot(enabled=False)
    await until(lambda: 404 in line.refusals, "nobody there")


# -- crashes -------------------------------------------------------------------------------------


async def test_killed_in_the_middle_of_a_send_nothing_is_lost_or_doubled(
    house: House, adapter: Process, line: OneBotPeer
) -> None:
    second = await house.adapter()
    await house.say("before", private(ANN))
    await line.wait_sends(1)
    line.knobs.reply_delay_s = 30
    await house.say("in doubt", private(ANN))
    await house.say("after", private(ANN))
    await line.wait_sends(2)

    await adapter.kill()
    line.knobs.reply_delay_s = 0
    await line.drop_line()
    line.connect(second.ws)
    unknown: Any = await house.event("delivery.unknown")
    await line.wait_sends(3, 20)
    await asyncio.sleep(0.5)

    assert texts(line) == ["before", "in doubt", "after"]
    assert unknown.out_sequence == 2


@pytest.mark.chaos
@pytest.mark.timeout(120)
async def test_adapters_killed_under_load_lose_and_double_nothing(
    house: House, adapter: Process, peer: OneBotPeer
) -> None:
    second = await house.adapter()
    peer.connect(adapter.ws, second.ws)
    count = 400

    async def talk() -> None:
        for number in range(count):
            await house.say(str(number), private(ANN if number % 2 else BEN))
            await asyncio.sleep(0.01)

    talking = asyncio.create_task(talk())
    for victim in (adapter, second, adapter):
        await asyncio.sleep(1.0)
        await victim.kill()
        await victim.start()
    await talking
    unknown = 0
    for _ in range(600):
        unknown = len(await house.events("delivery.unknown"))
        if len(peer.sends) >= count or len(peer.sends) + unknown >= count:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)

    for target, parity in ((BEN, 0), (ANN, 1)):
        said = [int(sent.text) for sent in peer.sends if sent.target == target]
        assert said == sorted(set(said))
        missing = set(range(parity, count, 2)) - set(said)
        assert len(missing) <= unknown
    assert await house.events("delivery.failed") == []


# -- calls ---------------------------------------------------------------------------------------


async def test_every_kind_of_call_reaches_the_platform(house: House, line: OneBotPeer) -> None:
    said = await line.say("hi", user_id=BEN, group_id=GROUP)
    friend = line.friend_request(30077)
    invite = line.group_request("invite", ANN, 20077)
    here = group(GROUP)
    reference = await MediaStore(house.broker).put(b"file")
    line.actions.file_url = f"http://127.0.0.1:{0}/"
    changing: list[Command] = [
        SendMessage(conversation=here, components=(Text(text="yo"),), idempotency_key="k"),
        React(conversation=here, message_id=str(said), reaction="76"),
        ForwardMessage(conversation=here, message_id=str(said), to=private(ANN)),
        UploadFile(conversation=here, media=reference, name="a.txt"),
        SetGroupName(group_id=str(GROUP), name="New"),
        MuteMember(group_id=str(GROUP), user_id=str(BEN), duration_s=60),
        UnmuteMember(group_id=str(GROUP), user_id=str(BEN)),
        KickMember(group_id=str(GROUP), user_id=str(BEN)),
        ApproveFriendRequest(request_id=friend["flag"]),
        ApproveGroupInvite(request_id=f"invite:{invite['flag']}"),
        DeleteMessage(conversation=here, message_id=str(said)),
        CallPlatformApi(action="send_like", params={"user_id": ANN, "times": 1}),
    ]
    reading: list[Command] = [
        GetGroupInfo(group_id=str(GROUP)),
        GetGroupList(),
        GetGroupMemberList(group_id=str(GROUP)),
        GetGroupMemberInfo(group_id=str(GROUP), user_id=str(BEN)),
        GetUserInfo(user_id=str(ANN)),
        GetFriendList(),
        GetMessage(message_id=str(said)),
        SetTyping(conversation=private(ANN)),
        CallPlatformApi(action="get_login_info"),
    ]

    for command in (*reading, *changing, LeaveGroup(group_id=str(GROUP))):
        key = None if command in reading else new_id()
        result = await house.call(command, key)
        assert result.ok, (command.kind, result.error)

    members = line.world.groups
    assert members == {}
    assert line.world.friends[30077] == ""
    assert line.world.requests[invite["flag"]]["answer"] is True
    assert line.input_status_of(ANN) == 1


async def test_answers_speak_the_contract(house: House, line: OneBotPeer) -> None:
    listed = await house.call(GetGroupMemberList(group_id=str(GROUP)))
    read = await house.call(GetGroupInfo(group_id=str(GROUP)))

    owner = next(m for m in listed.data if m["user"]["id"] == str(ANN))
    assert owner["role"] == "owner"
    assert owner["display_name"] == "Ann of the crew"
    assert read.data["id"] == str(GROUP)
    assert read.data["member_count"] == 3
    assert line.connections == 1


async def test_a_repeated_call_is_done_once(house: House, line: OneBotPeer) -> None:
    command = SendMessage(
        conversation=private(ANN), components=(Text(text="once"),), idempotency_key="x"
    )

    first, second = await house.call(command, "same"), await house.call(command, "same")

    assert first == second
    assert texts(line) == ["once"]


async def test_calls_are_refused_with_a_reason(house: House, line: OneBotPeer) -> None:
    edit = EditMessage(conversation=private(ANN), message_id="1", components=(Text(text="x"),))
    refused = {
        "edit": await house.call(edit, "a"),
        "undeclared": await house.call(CallPlatformApi(action="get_cookies"), "b"),
        "no key": await house.call(LeaveGroup(group_id=str(GROUP))),
        "no number": await house.call(GetUserInfo(user_id="ann")),
        "not found": await house.call(GetUserInfo(user_id="999")),
    }
    line.actions.extensions = False
    lacking = React(conversation=group(GROUP), message_id="1", reaction="1")
    refused["lacking"] = await house.call(lacking, "c")

    codes = {name: r.error.code for name, r in refused.items() if r.error}
    assert codes == {
        "edit": "unsupported",
        "undeclared": "unsupported",
        "no key": InvalidInputError.code,
        "no number": InvalidInputError.code,
        "not found": "not_found",
        "lacking": "unsupported",
    }
    assert GROUP in line.world.groups


async def test_a_call_without_a_line_finds_nobody(house: House, adapter: Process) -> None:
    from nats.errors import NoRespondersError  # noqa: PLC0415

    assert adapter.process is not None
    with pytest.raises(NoRespondersError):
        await house.call(GetFriendList())


async def test_a_file_comes_back_from_our_store(house: House, line: OneBotPeer) -> None:
    async def file(_: web.Request) -> web.Response:
        return web.Response(body=b"content")

    runner = web.AppRunner(web.Application())
    runner.app.router.add_get("/f", file)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    line.actions.file_url = f"http://127.0.0.1:{runner.addresses[0][1]}/f"

    result = await house.call(GetFileUrl(file_id="/1", conversation=group(GROUP)))
    await runner.cleanup()

    assert result.ok
    media = await MediaStore(house.broker).get(result.data["media"])
    assert media.data == b"content"


async def test_only_http_is_enough(house: House, adapter: Process, peer: OneBotPeer) -> None:
    await house.put_bot(
        access_token=TOKEN, http_secret=SECRET, api_url=await peer.serve_api(), call_timeout_s=2.0
    )
    await house.event("bot.online")
    await house.say("over http", private(ANN))
    await peer.wait_sends(1)

    assert adapter.process is not None
    assert texts(peer) == ["over http"]


# -- the process ---------------------------------------------------------------------------------


async def test_an_unknown_platform_is_said_clearly() -> None:
    import sys  # noqa: PLC0415

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tandem_adapters", "icq", stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()

    assert process.returncode == 2
    assert "'icq'" in said.decode()
    assert "onebot" in said.decode()


async def test_health_and_metrics_are_served(adapter: Process) -> None:
    base = f"http://127.0.0.1:{adapter.port}"
    async with aiohttp.ClientSession() as http:
        for path in ("/healthz", "/readyz"):
            async with http.get(base + path) as answer:
                assert answer.status == 200
        async with http.get(f"{base}/metrics") as answer:
            assert "tandem_events_published_total" in await answer.text()


async def test_manifest_and_status_are_told(house: House, line: OneBotPeer) -> None:
    cfg = await house.broker.kv(subjects.CFG)
    manifest = json.loads((await cfg.get(subjects.manifest_key("onebot"))).value or b"{}")
    cursors = await house.broker.kv(subjects.CURSORS)
    status = json.loads(
        (await cursors.get(subjects.cursor_key("onebot", BOT, "status"))).value or b"{}"
    )

    assert manifest["name"] == "onebot"
    assert manifest["settings_schema"]["properties"]["access_token"]["secret"] is True
    assert status["online"] is True
    assert line.connections == 1


async def test_stopping_finishes_what_is_in_hand(
    house: House, adapter: Process, line: OneBotPeer
) -> None:
    line.knobs.reply_delay_s = 0.4
    await house.say("last words", private(ANN))
    await line.wait_sends(1)
    await adapter.stop()
    second = await house.adapter()
    line.knobs.reply_delay_s = 0
    line.connect(second.ws)
    await house.say("next", private(ANN))
    await line.wait_sends(2)

    assert texts(line) == ["last words", "next"]
    assert await house.events("delivery.unknown") == []
