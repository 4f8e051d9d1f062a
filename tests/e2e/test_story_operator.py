"""A person answers in the console, in a real Chromium, on the whole house: nothing is faked.

Callers are the official SDK, a visitor's page and a bare socket; the gateway is killed under them.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, WebSocketRoute, async_playwright, expect

from tandem_common.contract import subjects
from tandem_common.contract.ids import conversation_token
from tandem_common.contract.webchat import ChatDelta
from tandem_common.runtime.ids import new_id

from .console_browser import a_browser
from .house import House
from .test_onebot_story import waiting_ticket

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
BOT = "web-demo"
WORDS = 90
PAUSE_MS = 100
_RESTART_MS = 30_000
# Notes every state the machine's bubble was ever in: doubled words must not even flash up.
_WATCH = """() => {
  window.seen = [];
  const note = () => {
    const rows = [...document.querySelectorAll('.row.theirs')];
    const said = rows.filter((row) => !row.querySelector('.welcome') && !row.querySelector('.dots'))
      .map((row) => row.querySelector('.bubble').innerText.trim());
    if (JSON.stringify(said) !== JSON.stringify(window.seen.at(-1))) window.seen.push(said);
  };
  new MutationObserver(note).observe(document.body,
    { childList: true, subtree: true, characterData: true });
}"""


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in to the console."""

    name: str
    password: str


@pytest_asyncio.fixture(name="owner", scope="session", loop_scope="session")
async def _owner(house: House) -> Account:
    """Whoever opens the link that `tandem up` printed; it works once."""
    account = Account("mei", "correct horse battery")
    async with async_playwright() as playwright, a_browser(playwright) as page:
        await page.goto(house.said["owner_link"])
        await page.get_by_label("User name").fill(account.name)
        await page.get_by_label("What others call you").fill("Mei Lin")
        await page.get_by_label("Password", exact=True).fill(account.password)
        await page.get_by_label("Password again").fill(account.password)
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        await page.goto(house.said["owner_link"])
        await expect(page.get_by_role("heading", name="Welcome")).to_have_count(0)
    return account


class Console:
    """The console of somebody signed in."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def sign_in(self, house: House, account: Account) -> None:
        await self.page.goto(f"{house.url}/console")
        await self.page.get_by_label("User name").fill(account.name)
        await self.page.get_by_label("Password").fill(account.password)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("heading", name="Inbox")).to_be_visible()

    @property
    def field(self) -> Any:
        return self.page.get_by_label("Write the answer")

    async def take(self, text: str) -> None:
        """Open and claim a question; it comes into the list by itself."""
        card = self.page.get_by_role("button", name=text)
        await expect(card).to_be_visible()
        await card.click()
        await expect(self.page.get_by_role("log").get_by_text(text)).to_be_visible()
        await self.page.get_by_role("button", name="Claim").click()
        await expect(self.page.get_by_role("article").get_by_text("You have it")).to_be_visible()

    async def say(self, text: str, *, final: bool) -> None:
        """Send something, and read that it was taken."""
        await self.field.fill(text)
        verb = "Send" if final else "Send part"
        await self.page.get_by_role("button", name=verb, exact=True).click()
        if final:
            await expect(self.page.get_by_text("Sent. The question is answered.")).to_be_visible()
        else:
            await expect(self.field).to_have_value("")


@contextlib.asynccontextmanager
async def a_console(house: House, account: Account) -> AsyncIterator[Console]:
    async with async_playwright() as playwright, a_browser(playwright) as page:
        console = Console(page)
        await console.sign_in(house, account)
        yield console


class Visit:
    """A visitor's page."""

    def __init__(self, house: House, page: Page) -> None:
        self.house, self.page = house, page

    async def begin(self) -> None:
        await self.page.goto(f"{self.house.url}/chat/{BOT}")
        await self.online()

    async def online(self, timeout_ms: int = 10_000) -> None:
        await expect(self.page.get_by_text("Connected")).to_be_visible(timeout=timeout_ms)

    async def write(self, text: str) -> None:
        await self.page.get_by_label("Write a message").fill(text)
        await self.page.keyboard.press("Enter")

    @property
    def mine(self) -> Any:
        return self.page.locator(".row.mine .bubble .said")

    @property
    def answers(self) -> Any:
        return self.page.locator(".row.theirs .bubble:not(.welcome) .said")


@contextlib.asynccontextmanager
async def a_visit(house: House) -> AsyncIterator[Visit]:
    async with async_playwright() as playwright, a_browser(playwright) as page:
        yield Visit(house, page)


async def use_rules(house: House, *rules: dict[str, Any]) -> None:
    await house.api("PUT", f"/bots/{BOT}/rules", list(rules))
    await asyncio.sleep(0.5)


def slow_echo() -> dict[str, Any]:
    return {
        "id": "slow",
        "bot": BOT,
        "priority": 10,
        "events": ["message.received"],
        "handler": {"kind": "echo", "config": {"stream": True, "delay_ms": PAUSE_MS}},
    }


def long_text() -> str:
    """Words that are told apart, so that one said twice, or not at all, is seen."""
    return " ".join([f"text-{new_id()[-6:]}", *(f"w{i}." for i in range(WORDS))])


# -- the SDK and the console -----------------------------------------------------------------------


async def test_the_sdk_gets_what_the_operator_wrote_in_parts(house, owner):
    text = f"is the blue one in stock {new_id()[-6:]}"
    async with (
        a_console(house, owner) as console,
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as client,
    ):
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="human", messages=[{"role": "user", "content": text}]
            )
        )
        await console.take(text)
        await console.say("Let me look.", final=False)
        assert not asking.done()
        await console.say("Yes, two of them.", final=True)
        answer = await asyncio.wait_for(asking, 10)
        await console.page.get_by_role("tab", name="Closed").click()
        await expect(console.page.get_by_role("button", name=text)).to_be_visible()
    assert answer.choices[0].message.content == "Let me look.\n\nYes, two of them."
    assert answer.choices[0].finish_reason == "stop"


async def test_a_streaming_sdk_gets_each_part_when_it_is_sent(house, owner):
    text = f"stream to me {new_id()[-6:]}"
    pieces: asyncio.Queue[str] = asyncio.Queue()
    ends: list[str | None] = []

    async def listen(client: openai.AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model="human", messages=[{"role": "user", "content": text}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                pieces.put_nowait(chunk.choices[0].delta.content)
            if chunk.choices and chunk.choices[0].finish_reason:
                ends.append(chunk.choices[0].finish_reason)

    async with (
        a_console(house, owner) as console,
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as client,
    ):
        listening = asyncio.create_task(listen(client))
        await console.take(text)
        said = []
        for part, final in (("First 一", False), ("Second\nwith a line", False), ("Third", True)):
            assert pieces.empty()
            await console.say(part, final=final)
            # It is there before anything more was written, not at the end.
            said.append(await asyncio.wait_for(pieces.get(), 5))
        await asyncio.wait_for(listening, 10)
    assert pieces.empty()
    assert "".join(said) == "First 一\n\nSecond\nwith a line\n\nThird"
    assert ends == ["stop"]


async def test_words_written_while_the_last_ones_are_on_their_way_stay(house, owner):
    text = f"slow line {new_id()[-6:]}"
    may_pass = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_pass.wait()
        await route.continue_()

    async with (
        a_console(house, owner) as console,
        openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as client,
    ):
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="human", messages=[{"role": "user", "content": text}]
            )
        )
        await console.take(text)
        await console.page.route("**/reply", hold)
        await console.field.fill("First.")
        await console.page.keyboard.press("Control+Shift+Enter")
        await console.field.fill("Second.")
        may_pass.set()
        await expect(console.page.get_by_text("Sent. The question stays open.")).to_be_visible()
        await expect(console.field).to_have_value("Second.")
        await console.say("Second.", final=True)
        answer = await asyncio.wait_for(asking, 10)
    assert answer.choices[0].message.content == "First.\n\nSecond."


# -- a visitor and the console ---------------------------------------------------------------------


async def test_a_visitor_is_answered_from_the_console(house, owner):
    await use_rules(house)
    text = f"when do you open {new_id()[-6:]}"
    async with a_console(house, owner) as console, a_visit(house) as visit:
        await visit.begin()
        await visit.write(text)
        await expect(visit.mine).to_have_text([text])
        await console.take(text)
        await console.say("One moment.", final=False)
        await expect(visit.answers).to_have_text(["One moment."])
        await console.say("At nine.", final=True)
        await expect(visit.answers).to_have_text(["One moment.", "At nine."])
        await expect(visit.page.get_by_text("Mei Lin")).to_be_visible()
        await expect(visit.page.get_by_text("person").first).to_be_visible()

        await visit.page.reload()

        await expect(visit.answers).to_have_text(["One moment.", "At nine."])
        await expect(visit.mine).to_have_text([text])


async def test_a_message_is_kept_once_although_the_page_was_reloaded_before_the_ack(house):
    """The page never hears that it was stored; the reloaded page says it again, it is there once."""
    await use_rules(house)
    text = f"did you get this {new_id()[-6:]}"
    says: list[str] = []
    is_deaf = True

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def to_server(message: Any) -> None:
            if json.loads(message)["kind"] == "say":
                says.append(json.loads(message)["id"])
            server.send(message)

        def to_page(message: Any) -> None:
            # From the moment the visitor has written, nothing comes back before the reload.
            if not (is_deaf and says):
                route.send(message)

        route.on_message(to_server)
        server.on_message(to_page)

    async with a_visit(house) as visit:
        await visit.page.route_web_socket("**/ws", between)
        await visit.begin()
        await visit.write(text)
        ticket = await waiting_ticket(house, text)
        await expect(visit.page.get_by_text("Sending…")).to_be_visible()
        is_deaf = False
        await visit.page.reload()
        await visit.online()
        await expect(visit.mine).to_have_text([text])
        await expect(visit.page.get_by_text("Sending…")).to_have_count(0)
        await asyncio.sleep(1)
        await expect(visit.mine).to_have_text([text])
    assert len(set(says)) == 1, "a repeat is the same message"
    kept = await house.api("GET", f"/tickets/{ticket['id']}")
    assert [question["text"] for question in kept["questions"]] == [text]
    await house.api("POST", f"/tickets/{ticket['id']}/close")


# -- the gateway dies ------------------------------------------------------------------------------


async def test_a_growing_answer_survives_the_gateways_death(house):
    """`kill -9` while pieces arrive: the page comes back by itself; every word stands there once."""
    await use_rules(house, slow_echo())
    text = long_text()
    async with a_visit(house) as visit:
        await visit.begin()
        await visit.page.evaluate(_WATCH)
        await visit.write(text)
        await expect(visit.answers).to_contain_text("w10.")
        assert await visit.answers.inner_text() != text
        house.kill("tandem_gateway")
        await expect(visit.page.get_by_text("No connection")).to_be_visible()
        await visit.online(_RESTART_MS)
        await expect(visit.answers).to_have_text([text], timeout=30_000)
        await asyncio.sleep(1)
        await expect(visit.answers).to_have_text([text])
        await expect(visit.mine).to_have_text([text])
        states: list[list[str]] = await visit.page.evaluate("window.seen")
    assert all(len(said) <= 1 for said in states), "one answer, never two bubbles"
    grown = [said[0].rstrip("▍ ") for said in states if said]
    assert len(grown) > 5
    assert all(text.startswith(said) for said in grown)
    assert grown == sorted(grown, key=len), "nothing that was shown is taken away"


@dataclass
class Line:
    """A bare socket of a visitor who keeps the place like any client."""

    house: House
    session: aiohttp.ClientSession
    place: int = 0

    async def frames(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what comes until the line breaks."""
        url = f"{self.house.url}/chat/{BOT}/ws"
        async with self.session.ws_connect(url) as socket:
            self.socket = socket
            await socket.send_json({"kind": "hello", "after": self.place})
            async for message in socket:
                frame = json.loads(message.data)
                if "n" in frame:
                    assert frame["n"] > self.place, "a frame came twice or out of order"
                    self.place = frame["n"]
                yield frame

    async def say(self, text: str) -> None:
        say = {"kind": "say", "id": new_id(), "components": [{"kind": "text", "text": text}]}
        await self.socket.send_json(say)


async def _until(
    line: Line, frames: AsyncIterator[dict[str, Any]], enough: Any
) -> list[dict[str, Any]]:
    found = []
    async with asyncio.timeout(60):
        async for frame in frames:
            found.append(frame)
            if enough(found):
                break
    return found


def _is_answer(frame: dict[str, Any]) -> bool:
    return bool(frame["kind"] == "message" and frame["author"]["kind"] != "user")


async def test_a_socket_resumes_by_n_across_the_gateways_death(house):
    await use_rules(house, slow_echo())
    text = long_text()
    # aiohttp keeps no cookie of an address without being told.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(f"{house.url}/chat/{BOT}") as page:
            assert page.status == 200
        line = Line(house, session)
        frames = line.frames()
        welcome = (await _until(line, frames, lambda found: True))[0]
        assert welcome["kind"] == "welcome"
        await line.say(text)
        before = await _until(
            line, frames, lambda found: sum(f["kind"] == "delta" for f in found) >= 10
        )
        house.kill("tandem_gateway")
        before += await _until(line, frames, lambda found: False)
        place = line.place
        await house.until_ready()

        after = await _until(line, line.frames(), lambda found: _is_answer(found[-1]))

    assert after[0]["kind"] == "welcome"
    assert (after[0]["visitor"], after[0]["after"]) == (welcome["visitor"], place)
    shown = [frame for frame in before + after if "n" in frame]
    mine = [frame for frame in shown if frame["kind"] == "message" and not _is_answer(frame)]
    assert [frame["components"][0]["text"] for frame in mine] == [text]
    deltas = [frame for frame in shown if frame["kind"] == "delta"]
    assert any(frame["n"] > place for frame in deltas), "it was still being written"
    assert {frame["id"] for frame in deltas} == {shown[-1]["id"]}
    assert shown[-1]["components"][0]["text"] == text
    grown = "".join(frame["text"] for frame in deltas)
    assert text.startswith(grown)
    async with house.broker() as broker:
        conversation = conversation_token("webchat", BOT, welcome["visitor"])
        stored = await broker.read_subject(subjects.WEBCHAT, subjects.webchat(BOT, conversation))
    # Nothing is missing but pieces that were read together with the whole message.
    kept = {message.sequence: ChatDelta.read(message.data).text for message in stored[1:-1]}
    left_out = [n for n in kept if n not in {frame["n"] for frame in deltas}]
    assert left_out == sorted(kept)[len(deltas) :]
    assert grown + "".join(kept[n] for n in left_out) == text
