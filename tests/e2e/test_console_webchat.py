"""The web chat in a real browser: sending, streaming, reconnecting, the widget."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright, expect

from tandem_common.testing.servers import free_port, nats_server
from tests.e2e.console_browser import a_browser
from tests.integration.gateway_house import PNG, FakeWebchat, House, a_broker, a_gateway

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Visit:
    """A visitor's page and the adapter behind it."""

    def __init__(self, house: House, adapter: FakeWebchat, page: Page) -> None:
        self.house, self.adapter, self.page = house, adapter, page

    async def begin(self) -> None:
        await self.page.goto(f"{self.house.url}/chat/web-demo")
        await expect(self.page.get_by_text("Connected")).to_be_visible()

    async def write(self, text: str) -> None:
        await self.page.get_by_label("Write a message").fill(text)
        await self.page.keyboard.press("Enter")

    @property
    def log(self) -> Any:
        return self.page.get_by_role("log")

    @property
    def visitor(self) -> str:
        return self.adapter.taken[-1][0]


@contextlib.asynccontextmanager
async def a_visit(tmp_path: Path, **context: Any) -> AsyncIterator[Visit]:
    with nats_server(tmp_path / "nats") as nats:
        async with (
            a_gateway(tmp_path, nats.url, seed_demo=True) as house,
            a_broker(nats.url) as broker,
            async_playwright() as playwright,
            a_browser(playwright, **context) as page,
        ):
            adapter = FakeWebchat(broker)
            await adapter.start()
            yield Visit(house, adapter, page)


async def test_a_visitor_is_answered_by_a_person_and_a_reload_shows_it_all(tmp_path: Path) -> None:
    async with a_visit(tmp_path) as visit:
        await visit.begin()
        await visit.write("hello")
        await expect(visit.log.get_by_text("hello", exact=True)).to_have_count(1)
        await visit.adapter.say("web-demo", visit.visitor, "Hi, I am **Mei**")
        await expect(visit.log.get_by_text("person")).to_be_visible()
        await visit.adapter.stream("web-demo", visit.visitor, "one two three", pause_s=0.05)
        await expect(visit.log.get_by_text("one two three")).to_have_count(1)

        await visit.page.reload()

        for text in ("hello", "Hi, I am **Mei**", "one two three"):
            await expect(visit.log.get_by_text(text, exact=True)).to_have_count(1)


async def test_what_is_written_while_the_line_is_down_is_sent_once_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with a_visit(tmp_path) as visit:
        await visit.begin()
        await visit.write("first")
        await expect(visit.log.get_by_text("first", exact=True)).to_have_count(1)
        port = visit.house.gateway.settings.http_port
        server = visit.house.service.parts[-1]
        await server.stop()
        await expect(visit.page.get_by_text("No connection")).to_be_visible()
        await visit.write("second")
        await visit.write("third")
        await expect(visit.page.get_by_text("Waiting for the connection").first).to_be_visible()

        again = type(server)(server._server.config.app, "127.0.0.1", port)  # type: ignore[attr-defined, call-arg]
        await again.start()
        await expect(visit.page.get_by_text("Connected")).to_be_visible(timeout=20_000)
        await expect(visit.page.get_by_text("Waiting for the connection")).to_have_count(0)

        for text in ("first", "second", "third"):
            await expect(visit.log.get_by_text(text, exact=True)).to_have_count(1)
        said = [one.components[0].text for _, one in visit.adapter.taken]  # type: ignore[union-attr]
        assert said == ["first", "second", "third"]
        await visit.page.close()
        await again.stop()


async def test_a_picture_is_sent_and_seen(tmp_path: Path) -> None:
    async with a_visit(tmp_path) as visit:
        await visit.begin()
        file = {"name": "dot.png", "mimeType": "image/png", "buffer": PNG}
        await visit.page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
        await expect(visit.page.get_by_label("Remove the picture")).to_be_visible()
        await expect(visit.page.get_by_role("button", name="Send")).to_be_enabled()
        await visit.page.get_by_role("button", name="Send").click()
        picture = visit.log.get_by_role("img", name="dot.png")
        await expect(picture).to_be_visible()
        # The stored picture takes the place of the local one meanwhile, so look until it is there.
        await expect(picture).to_have_js_property("complete", True)
        await expect(picture).to_have_js_property("naturalWidth", 1)
        wrong = {"name": "x.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
        await visit.page.locator("input[type=file]").set_input_files(wrong)  # type: ignore[arg-type]
        await expect(visit.page.get_by_role("alert")).to_contain_text("Only PNG")


async def test_nothing_somebody_writes_runs_on_the_page(tmp_path: Path) -> None:
    async with a_visit(tmp_path) as visit:
        await visit.begin()
        await visit.write("hello")
        await expect(visit.log.get_by_text("hello", exact=True)).to_have_count(1)
        nasty = "<img src=x onerror=\"document.title='owned'\"> [x](javascript:alert(1)) <b>b</b>"
        await visit.adapter.say("web-demo", visit.visitor, nasty)

        await expect(visit.log.get_by_text(nasty)).to_be_visible()
        assert await visit.page.title() != "owned"
        assert await visit.log.locator("a[href^=javascript]").count() == 0


async def test_a_bot_that_is_off_says_so(tmp_path: Path) -> None:
    async with a_visit(tmp_path) as visit:
        await visit.begin()
        await visit.house.call("PATCH", "/bots/web-demo", {"enabled": False})
        response = await visit.page.goto(f"{visit.house.url}/chat/web-demo")
        assert response is not None
        assert response.status == 404
        await expect(visit.page.get_by_role("heading", name="not available")).to_be_visible()


async def test_the_widget_opens_a_chat_on_somebody_elses_page(tmp_path: Path) -> None:
    async with a_visit(tmp_path) as visit:
        script = (
            f'<script src="{visit.house.url}/chat/widget.js" data-bot="web-demo" async></script>'
        )

        async def shop(_: web.Request) -> web.Response:
            return web.Response(text=f"<h1>Shop</h1>{script}", content_type="text/html")

        app = web.Application()
        app.router.add_get("/", shop)
        runner = web.AppRunner(app)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        page = visit.page
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.get_by_role("button", name="Open the chat").click()
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_text("Connected")).to_be_visible()
        await frame.get_by_label("Write a message").fill("from the shop")
        await frame.get_by_label("Write a message").press("Enter")
        await expect(frame.get_by_role("log").get_by_text("from the shop")).to_be_visible()
        await frame.get_by_label("Close the chat").click()
        await expect(page.get_by_role("button", name="Open the chat")).to_be_visible()
        await runner.cleanup()

    assert visit.adapter.taken[0][1].components[0].text == "from the shop"  # type: ignore[union-attr]
