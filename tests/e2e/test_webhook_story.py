"""A receiver that is down for a while, and a house that does not forget."""

import asyncio

import pytest
from aiohttp import web

from tandem_common.testing.servers import free_port
from tests.peers.onebot import BEN

from .test_onebot_story import a_peer, rule

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def test_a_receiver_that_comes_back_gets_everything_in_order(house):
    """The webhook is away, the router is killed meanwhile; both messages arrive, then answers."""
    port, heard = free_port(), []

    async def answer(request: web.Request) -> web.Response:
        event = (await request.json())["event"]
        heard.append(event["message"]["components"][0]["text"])
        return web.json_response({"reply": f"late: {heard[-1]}"})

    async with a_peer(house) as peer:
        url = f"http://127.0.0.1:{port}/"
        await house.api(
            "PUT", "/bots/onebot-demo/rules", [rule("hook", "/hook", "webhook", url=url)]
        )
        await asyncio.sleep(0.5)
        await peer.say("/hook first", user_id=BEN)
        await peer.say("/hook second", user_id=BEN)
        await asyncio.sleep(1)
        house.kill("tandem_router")
        app = web.Application()
        app.router.add_post("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            sends = await peer.wait_sends(2, timeout_s=120)
        finally:
            await runner.cleanup()
        assert heard == ["/hook first", "/hook second"]
        assert [s.text for s in sends] == ["late: /hook first", "late: /hook second"]
