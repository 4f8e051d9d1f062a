"""A QQ group: the machine answers, a webhook answers, a person answers, in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tandem_common.testing.servers import free_port
from tests.peers.onebot import ANN, GROUP, OneBotPeer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@asynccontextmanager
async def a_receiver() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        event = (await request.json())["event"]
        said = "".join(c.get("text", "") for c in event["message"]["components"])
        return web.json_response({"reply": f"webhook heard: {said.strip()}"})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


def rule(name: str, start: str, handler: str, **config: Any) -> dict[str, Any]:
    return {
        "id": name,
        "bot": "onebot-demo",
        "priority": 10,
        "events": ["message.received"],
        "when": {"text": {"starts_with": start}},
        "handler": {"kind": handler, "config": config},
    }


@asynccontextmanager
async def a_peer(house) -> AsyncIterator[OneBotPeer]:
    token = house.said["onebot"]["access_token"]
    async with OneBotPeer(token=token) as peer:
        peer.connect(house.said["onebot"]["reverse_ws"])
        await peer.wait_connected()
        yield peer


async def waiting_ticket(house, text: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            for ticket in (await house.api("GET", "/tickets?status=open"))["items"]:
                if any(q["text"] == text for q in ticket["questions"]):
                    return ticket
            await asyncio.sleep(0.05)


async def test_webhook_and_person_answer_a_group_in_order(house):
    async with a_receiver() as url, a_peer(house) as peer:
        rules = [rule("hook", "/hook", "webhook", url=url), rule("ask", "/ask", "human")]
        await house.api("PUT", "/bots/onebot-demo/rules", rules)
        await asyncio.sleep(0.5)
        await peer.say("plain", group_id=GROUP)
        await peer.say("/hook one", group_id=GROUP)
        await peer.say("/ask two", group_id=GROUP)
        ticket = await waiting_ticket(house, "/ask two")
        reply = {"text": "a person here", "final": True, "idempotency_key": "story-1"}
        await house.api("POST", f"/tickets/{ticket['id']}/reply", reply)
        await peer.say("/hook three", group_id=GROUP)
        sends = await peer.wait_sends(4)
        assert [s.text for s in sends] == [
            "plain",
            "webhook heard: /hook one",
            "a person here",
            "webhook heard: /hook three",
        ]
        assert {s.target for s in sends} == {GROUP}
        transcript = await house.api("GET", f"/conversations/{ticket['conversation_id']}/messages")
        async with asyncio.timeout(15):
            while len(transcript["items"]) < 8 or transcript["items"][-1]["delivery"] != "sent":
                await asyncio.sleep(0.2)
                transcript = await house.api(
                    "GET", f"/conversations/{ticket['conversation_id']}/messages"
                )
        said = [(i["direction"], i["author"]["kind"]) for i in transcript["items"]]
        assert ("out", "human") in said
        assert ("out", "webhook") in said


async def test_private_chat_is_another_conversation(house):
    async with a_peer(house) as peer:
        await peer.say("psst", user_id=ANN)
        sends = await peer.wait_sends(1)
        assert (sends[0].message_type, sends[0].target, sends[0].text) == ("private", ANN, "psst")


async def test_offline_answers_wait_for_the_connection(house):
    """An answer given while QQ is away arrives when it is back."""
    async with a_peer(house) as peer:
        await house.api("PUT", "/bots/onebot-demo/rules", [rule("ask", "/ask", "human")])
        await asyncio.sleep(0.5)
        await peer.say("/ask later?", user_id=ANN)
        ticket = await waiting_ticket(house, "/ask later?")
    reply = {"text": "now", "final": True, "idempotency_key": "story-2"}
    await house.api("POST", f"/tickets/{ticket['id']}/reply", reply)
    await asyncio.sleep(1)
    async with a_peer(house) as peer:
        assert [s.text for s in await peer.wait_sends(1)] == ["now"]
