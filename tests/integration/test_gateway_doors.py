"""The doors for platforms and visitors: webhooks, web chat, dead letters, the live feed, turns."""

import asyncio
import contextlib
import io
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from nats.aio.msg import Msg

from tandem_common.contract import subjects
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnDelta, TurnFinal
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.turnlog import TurnLog
from tandem_common.testing.builders import an_event
from tandem_common.testing.servers import NatsServer
from tests.integration.gateway_house import (
    ADMIN,
    PNG,
    FakeRelay,
    FakeWebchat,
    House,
    a_broker,
    a_gateway,
)

pytestmark = pytest.mark.integration


@pytest.fixture(name="house")
async def _house(tmp_path: Path, nats: NatsServer):
    async with a_gateway(tmp_path, nats.url, seed_demo=True, hook_timeout_s=2) as house:
        yield house


@pytest.fixture(name="broker")
async def _broker(nats: NatsServer):
    async with a_broker(nats.url) as broker:
        yield broker


async def test_a_webhook_reaches_its_adapter_byte_for_byte_and_the_answer_comes_back(
    house: House, broker: Any
) -> None:
    taken: list[HookRequest] = []

    async def adapter(msg: Msg) -> None:
        taken.append(HookRequest.read(msg.data))
        answer = HookResponse(
            status=202,
            headers={"Content-Type": "text/plain", "Set-Cookie": "evil=1"},
            body=b64encode(b"\x00done").decode(),
        )
        await msg.respond(answer.to_json())

    await broker.nc.subscribe("hook.onebot.q", cb=adapter)
    await broker.nc.flush()
    await house.call("POST", "/bots", {"id": "q", "platform": "onebot"})
    raw = bytes(range(256))

    async with house.http.post(
        "/hooks/onebot/q/deep/path?a=1&b=2", data=raw, headers={"X-Signature": "sha1=AbC"}
    ) as got:
        body = await got.read()

    assert (got.status, body) == (202, b"\x00done")
    assert got.headers["Content-Type"].startswith("text/plain")
    assert "Set-Cookie" not in got.headers
    [request] = taken
    assert b64decode(request.body) == raw
    assert (request.method, request.path, request.query) == ("POST", "deep/path", "a=1&b=2")
    assert request.headers["x-signature"] == "sha1=AbC"
    async with house.http.put("/hooks/onebot/q", data=b"") as got:
        assert (got.status, taken[-1].method) == (202, "PUT")


async def test_a_webhook_nobody_takes_may_come_again_and_an_unknown_one_may_not(
    house: House,
) -> None:
    await house.call("POST", "/bots", {"id": "q", "platform": "onebot"})
    async with house.http.post("/hooks/onebot/q", data=b"x") as got:
        assert (got.status, got.headers["Retry-After"]) == (503, "5")
    async with house.http.post("/hooks/onebot/nobody", data=b"x") as got:
        assert got.status == 404
    async with house.http.post("/hooks/webchat/q", data=b"x") as got:
        assert got.status == 404
    # The web chat's visitors are who their cookie says, never who a header says.
    forged = {"X-Visitor-Id": "v-somebody-else"}
    async with house.http.post("/hooks/webchat/web-demo/say", data=b"{}", headers=forged) as got:
        assert got.status == 404
    await house.call("PATCH", "/bots/q", {"enabled": False})
    async with house.http.post("/hooks/onebot/q", data=b"x") as got:
        assert got.status == 404
    async with house.http.post("/hooks/onebot/q", data=io.BytesIO(b"x" * (2 << 20))) as got:
        assert got.status == 413


class Chat:
    """A visitor's browser."""

    def __init__(self, house: House) -> None:
        self.house = house
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(base_url=house.url, cookie_jar=jar)

    async def __aenter__(self) -> Self:
        async with self.http.get("/chat/web-demo") as got:
            assert got.status == 200
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    @contextlib.asynccontextmanager
    async def open(self, after: int = 0):
        async with self.http.ws_connect("/chat/web-demo/ws") as socket:
            await socket.send_json({"kind": "hello", "after": after})
            welcome = await socket.receive_json(timeout=5)
            assert welcome["kind"] == "welcome"
            self.visitor = welcome["visitor"]
            yield socket


def say(text: str, ident: str = "client-id-1") -> dict[str, Any]:
    return {"kind": "say", "id": ident, "components": [{"kind": "text", "text": text}]}


async def read(socket: Any, count: int) -> list[dict[str, Any]]:
    return [await socket.receive_json(timeout=5) for _ in range(count)]


async def test_a_visitor_speaks_leaves_and_gets_everything_since(house: House, broker: Any) -> None:
    adapter = FakeWebchat(broker)
    await adapter.start()
    async with Chat(house) as chat:
        async with chat.open() as socket:
            await socket.send_json(say("hello"))
            first = await read(socket, 2)
            kinds = {frame["kind"]: frame for frame in first}
            assert kinds["ack"]["client_id"] == "client-id-1"
            assert kinds["message"]["client_id"] == "client-id-1"
            place = kinds["message"]["n"]
            visitor = chat.visitor
        await adapter.say("web-demo", visitor, "one")
        await adapter.say("web-demo", visitor, "two")

        async with chat.open(after=place) as socket:
            assert chat.visitor == visitor
            since = await read(socket, 2)
            assert [frame["components"][0]["text"] for frame in since] == ["one", "two"]
            assert since[0]["n"] < since[1]["n"]
            await adapter.say("web-demo", visitor, "live")
            [live] = await read(socket, 1)
            assert live["components"][0]["text"] == "live"
            await adapter.typing("web-demo", visitor)
            [typing] = await read(socket, 1)
            assert (typing["kind"], typing["who"]) == ("typing", "Mei")
        async with chat.open(after=0) as socket:
            assert len(await read(socket, 4)) == 4
    async with Chat(house) as other, other.open() as socket:
        await adapter.say("web-demo", visitor, "private")
        with pytest.raises(TimeoutError):
            await socket.receive_json(timeout=0.3)


async def test_the_same_message_sent_twice_is_taken_once(house: House, broker: Any) -> None:
    adapter = FakeWebchat(broker)
    await adapter.start()
    async with Chat(house) as chat:
        acks = []
        for _ in range(2):
            async with chat.open() as socket:
                await socket.send_json(say("once"))
                while (frame := await socket.receive_json(timeout=5))["kind"] != "ack":
                    pass
                acks.append(frame["id"])

    assert acks[0] == acks[1]
    assert len(adapter.taken) == 1


async def test_streamed_pieces_arrive_as_they_come_and_a_reload_shows_the_whole(
    house: House, broker: Any
) -> None:
    adapter = FakeWebchat(broker)
    await adapter.start()
    async with Chat(house) as chat:
        async with chat.open() as socket:
            streaming = asyncio.create_task(
                adapter.stream("web-demo", chat.visitor, "a b c", pause_s=0.1)
            )
            frames = await read(socket, 4)
            await streaming
        assert [frame["kind"] for frame in frames] == ["delta", "delta", "delta", "message"]
        assert len({frame["id"] for frame in frames}) == 1
        async with chat.open() as socket:
            [whole] = await read(socket, 1)
            assert (whole["kind"], whole["components"][0]["text"]) == ("message", "a b c")


async def test_bad_frames_are_refused_and_the_socket_stays_open(house: House, broker: Any) -> None:
    adapter = FakeWebchat(broker)
    await adapter.start()
    async with Chat(house) as chat, chat.open() as socket:
        for raw in ("{", "[]", '{"kind": "nope"}', json.dumps({**say("x"), "extra": 1})):
            await socket.send_str(raw)
            [refusal] = await read(socket, 1)
            assert (refusal["kind"], refusal["error"]["code"]) == ("error", "invalid_input"), raw
        adapter.refuse = HookResponse(
            status=503,
            body=b64encode(
                b'{"error": {"code": "capacity", "message": "full", "retryable": true}}'
            ).decode(),
        )
        await socket.send_json(say("x", "client-id-2"))
        [refusal] = await read(socket, 1)
        assert (refusal["client_id"], refusal["error"]["code"]) == ("client-id-2", "capacity")
        assert refusal["error"]["retryable"] is True
        adapter.refuse = None
        await socket.send_json(say("x", "client-id-2"))
        kinds = {frame["kind"] for frame in await read(socket, 2)}
        assert kinds == {"ack", "message"}


async def test_a_visitor_who_floods_is_slowed_down(house: House, broker: Any) -> None:
    await FakeWebchat(broker).start()
    async with Chat(house) as chat, chat.open() as socket:
        for i in range(14):
            await socket.send_json(say("x", f"client-id-{i:03}"))
        codes: list[str] = []
        while len(codes) < 14:
            frame = await socket.receive_json(timeout=5)
            if frame["kind"] in {"ack", "error"}:
                codes.append(frame.get("error", {}).get("code", "ack"))

    assert codes[:10] == ["ack"] * 10
    assert "rate_limited" in codes


async def test_another_sites_page_cannot_use_a_visitors_cookie(house: House) -> None:
    async with Chat(house) as chat:
        headers = {"Origin": "https://evil.example"}
        async with chat.http.ws_connect("/chat/web-demo/ws", headers=headers) as socket:
            message = await socket.receive(timeout=5)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4403)
        async with chat.http.post("/chat/web-demo/media", data=PNG, headers=headers) as got:
            assert got.status == 403
        async with chat.http.ws_connect("/chat/nobody/ws") as socket:
            message = await socket.receive(timeout=5)
            assert message.data == 4404


async def test_a_picture_is_kept_and_served_only_by_a_signed_link(house: House) -> None:
    async with Chat(house) as chat:
        async with chat.http.post("/chat/web-demo/media", data=PNG) as got:
            kept = await got.json()
        assert (got.status, kept["mime"]) == (201, "image/png")
        async with house.http.get(kept["url"]) as got:
            assert (await got.read(), got.content_type) == (PNG, "image/png")
            assert "sandbox" in got.headers["Content-Security-Policy"]
        async with house.http.get(kept["url"][:-3] + "000") as got:
            assert got.status == 403
        async with house.http.get(f"/media/{kept['media'][7:]}") as got:
            assert got.status == 403
        for data, status in (
            (b"<svg onload=alert(1)>", 400),
            (b"", 400),
            (io.BytesIO(b"x" * 11_000_000), 413),
        ):
            async with chat.http.post("/chat/web-demo/media", data=data) as got:
                assert got.status == status
    async with house.http.post("/chat/web-demo/media", data=PNG) as got:
        assert got.status == 403
    path = f"/api/v1/media/{kept['media'][7:]}"
    async with house.http.get(path, headers=ADMIN) as got:
        assert await got.read() == PNG
    async with house.http.get(path) as got:
        assert got.status == 401


async def test_while_nats_is_away_reads_say_so_and_nothing_is_a_500(
    house: House, nats: NatsServer
) -> None:
    nats.kill()
    answers = {
        path: await house.call("GET", path)
        for path in ("/dlq", "/tickets", "/conversations", f"/media/{'a' * 64}", "/bots", "/keys")
    }

    assert {path: status for path, (status, _) in answers.items()} == {
        "/dlq": 503,
        "/tickets": 503,
        "/conversations": 503,
        f"/media/{'a' * 64}": 503,
        "/bots": 200,
        "/keys": 200,
    }
    async with house.http.get("/readyz") as got:
        assert got.status == 503
    nats.start()


async def test_a_dead_letter_is_listed_replayed_once_and_gone(house: House, broker: Any) -> None:
    event = an_event("hello", bot="echo", platform="onebot")
    subject = subjects.event("onebot", "echo", event.type, event.conversation_token)
    headers = {
        subjects.HEADER_REASON: "it broke",
        subjects.HEADER_ATTEMPTS: "5",
        subjects.HEADER_MSG_ID: "first",
        subjects.HEADER_TYPE: event.type,
    }
    await broker.publish(subjects.dead(f"{subject}.7"), event.to_json(), headers)
    await broker.publish(subjects.dead(f"{subject}.8"), b"not json", {})

    _, page = await house.call("GET", "/dlq?limit=1")
    assert (page["total"], page["next"]) == (2, "1")
    [letter] = page["items"]
    assert (letter["subject"], letter["reason"], letter["attempts"]) == (subject, "it broke", 5)
    _, whole = await house.call("GET", f"/dlq/{letter['id']}")
    assert whole["body"]["message"]["components"][0]["text"] == "hello"

    status, replayed = await house.call("POST", f"/dlq/{letter['id']}/replay")
    assert (status, replayed["subject"]) == (200, subject)
    stored = await broker.last("EVENTS", f"{subject}.*")
    assert stored is not None
    assert stored.data == event.to_json()
    assert stored.headers[subjects.HEADER_REPLAY_OF] == "1"
    assert subjects.HEADER_REASON not in stored.headers
    assert (await house.call("POST", f"/dlq/{letter['id']}/replay"))[0] == 404
    assert (await house.call("DELETE", "/dlq/2"))[0] == 204
    _, page = await house.call("GET", "/dlq")
    assert page["items"] == []


async def _blocks(got: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            line = (await got.content.readline()).decode()
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
    return found


async def test_the_live_feed_tells_what_passes_and_only_what_was_asked_for(
    house: House, broker: Any
) -> None:
    relay = FakeRelay(broker)
    await relay.start()
    async with (
        house.http.get("/api/v1/events", headers=ADMIN) as all_of_it,
        house.http.get("/api/v1/events?types=ticket.", headers=ADMIN) as tickets,
    ):
        await _blocks(all_of_it, 1)
        await _blocks(tickets, 1)
        await broker.publish_event(an_event("hello"))
        ticket = await relay.open("how?")

        told = await _blocks(all_of_it, 2)
        [only] = await _blocks(tickets, 1)

    assert {item["type"] for item in told} == {"message.received", "ticket.opened"}
    assert (only["type"], only["data"]["id"]) == ("ticket.opened", ticket.id)


async def test_a_turn_is_followed_from_where_one_left_and_can_be_given_up(
    house: House, broker: Any
) -> None:
    turn, now = new_id(), datetime.now(UTC)
    log = TurnLog(broker)
    for n, word in enumerate(("a ", "b ")):
        await log.write(TurnDelta(turn=turn, n=n, time=now, text=word))

    url = f"/api/v1/turns/{turn}/events?starting_after=0"
    async with house.http.get(url, headers=ADMIN) as got:
        assert (await _blocks(got, 1))[0]["text"] == "b "
        await log.write(TurnFinal(turn=turn, n=2, time=now, author=Author(kind="bot"), text="a b"))
        assert (await _blocks(got, 1))[0]["kind"] == "final"
        assert await asyncio.wait_for(got.content.read(), 5) in {b"", b"\n"}

    status, _ = await house.call("POST", f"/turns/{turn}/cancel", {"reason": "enough"})
    asked = await broker.last("TICKETS", subjects.cancel_ticket(turn))
    assert status == 202
    assert asked is not None
    assert json.loads(asked.data)["reason"] == "enough"
