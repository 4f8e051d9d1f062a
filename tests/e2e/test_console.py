"""The console in a real browser: signing up, the inbox, answering, bots, rules, keys."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from tandem_common.contract import subjects
from tandem_common.contract.components import Text
from tandem_common.contract.entities import User
from tandem_common.contract.outcomes import Author
from tandem_common.contract.relay import NoteTicket, Operator, ReplyTicket
from tandem_common.testing.servers import NatsServer, nats_server
from tests.e2e.console_browser import a_browser
from tests.integration.gateway_house import (
    OWNER_TOKEN,
    FakeRelay,
    FakeRouter,
    House,
    a_broker,
    a_gateway,
    put_manifests,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
PASSWORD = "correct horse"
BOB = Operator(id="account:bob", name="Bob")


class Desk:
    """A house with its fakes, and a page of the console."""

    def __init__(self, house: House, relay: FakeRelay, router: FakeRouter, page: Page) -> None:
        self.house, self.relay, self.router, self.page = house, relay, router, page
        self.broker: Any = None
        self.nats: NatsServer

    async def ask(self, text: str, who: str = "Ann") -> Any:
        chat = who.lower()
        author = Author(kind="user", id=chat, name=who)
        self.router.say("web-demo", chat, text, author=author, at=datetime.now(UTC))
        return await self.relay.open(text, chat_id=chat, user=User(id=chat, name=who))

    async def sign_up(self, name: str = "mei", display: str = "Mei Lin") -> None:
        page = self.page
        await page.goto(f"{self.house.url}/console/welcome?token={OWNER_TOKEN}")
        await page.get_by_label("User name").fill(name)
        await page.get_by_label("What others call you").fill(display)
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_label("Password again").fill(PASSWORD)
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


@contextlib.asynccontextmanager
async def a_desk(tmp_path: Path, **context: Any) -> AsyncIterator[Desk]:
    with nats_server(tmp_path / "nats") as nats:
        async with (
            a_gateway(tmp_path, nats.url, seed_demo=True) as house,
            a_broker(nats.url) as broker,
            async_playwright() as playwright,
            a_browser(playwright, **context) as page,
        ):
            relay, router = FakeRelay(broker), FakeRouter(broker)
            await relay.start()
            await router.start()
            await put_manifests(broker)
            desk = Desk(house, relay, router, page)
            desk.broker, desk.nats = broker, nats
            yield desk


async def test_an_owner_signs_up_claims_answers_and_the_caller_hears_it_once(
    tmp_path: Path,
) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        await expect(page.get_by_text("Nobody is waiting")).to_be_visible()

        ticket = await desk.ask("Is the blue one in stock?")
        card = page.get_by_role("button", name="Is the blue one in stock?")
        await expect(card).to_be_visible()
        await expect(page).to_have_title("(1) Inbox · Tandem")

        await page.keyboard.press("j")
        await expect(
            page.get_by_role("log").get_by_text("Is the blue one in stock?")
        ).to_be_visible()
        await page.keyboard.press("c")
        await expect(page.get_by_role("article").get_by_text("You have it")).to_be_visible()
        await page.keyboard.press("r")
        await page.keyboard.type("Let me look.")
        await page.keyboard.press("Control+Shift+Enter")
        await expect(page.get_by_text("Sent. The question stays open.")).to_be_visible()
        await page.get_by_label("Write the answer").fill("Yes, two of them.")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text("Sent. The question is answered.")).to_be_visible()

        assert desk.relay.said == [(ticket.id, "Let me look."), (ticket.id, "Yes, two of them.")]
        answered = desk.relay.tickets[ticket.id]
        assert (answered.state, answered.parts[0].author.name) == ("answered", "Mei Lin")
        await page.get_by_role("tab", name="Closed").click()
        await expect(page.get_by_role("button", name="Is the blue one in stock?")).to_be_visible()


async def test_who_is_slower_sees_the_others_words_and_keeps_the_own(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        ticket = await desk.ask("Anybody?")
        await page.get_by_role("button", name="Anybody?").click()
        await page.get_by_label("Write the answer").fill("My slow answer")
        # The page hears nothing of what the other one does: as when the feed is late.
        await page.route("**/api/v1/tickets/*", lambda route: route.abort())
        reply = ReplyTicket(
            ticket=ticket.id,
            operator=BOB,
            components=(Text(text="Bob was here"),),
            final=False,
            idempotency_key="bob",
        )
        await desk.relay.reply(reply)

        await page.get_by_label("Write the answer").press("Control+Enter")

        conflict = page.get_by_role("alert").filter(has_text="Somebody was faster")
        await expect(conflict).to_contain_text("Bob was here")
        await expect(page.get_by_label("Write the answer")).to_have_value("My slow answer")
        assert [text for _, text in desk.relay.said] == ["Bob was here"]


async def test_a_note_in_between_does_not_get_in_the_way_of_an_answer(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        ticket = await desk.ask("Anybody?")
        await page.get_by_role("button", name="Anybody?").click()
        await page.get_by_label("Write the answer").fill("Here I am")
        await page.route("**/api/v1/tickets/*", lambda route: route.abort())
        note = NoteTicket(ticket=ticket.id, operator=BOB, text="vip", idempotency_key="n")
        await desk.relay.note(note)

        await page.get_by_label("Write the answer").press("Control+Enter")

        await expect(page.get_by_text("Sent. The question is answered.")).to_be_visible()
        assert desk.relay.said == [(ticket.id, "Here I am")]


async def test_a_draft_survives_a_reload_and_a_lost_answer_is_not_said_twice(
    tmp_path: Path,
) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        ticket = await desk.ask("Anybody?")
        await page.get_by_role("button", name="Anybody?").click()
        await page.get_by_label("Write the answer").fill("Kept words")
        await page.reload()
        await expect(page.get_by_label("Write the answer")).to_have_value("Kept words")

        lost: list[str] = []

        async def lose_the_first_answer(route: Any) -> None:
            if lost:
                await route.continue_()
                return
            lost.append(route.request.post_data)
            await route.fetch()  # it arrives, but the page never hears of it
            await route.abort()

        await page.route("**/reply", lose_the_first_answer)
        await page.get_by_role("button", name="Send", exact=True).click()

        await expect(page.get_by_text("Sent. The question is answered.")).to_be_visible()
        assert len(lost) == 1
        assert desk.relay.said == [(ticket.id, "Kept words")]


async def test_what_cannot_be_sent_stays_in_the_field(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        await desk.ask("Anybody?")
        await page.get_by_role("button", name="Anybody?").click()
        await page.get_by_label("Write the answer").fill("Kept words")
        await page.route("**/reply", lambda route: route.abort())
        await page.get_by_role("button", name="Send", exact=True).click()

        await expect(page.get_by_text("Not sent: your text is kept here")).to_be_visible()
        await expect(page.get_by_label("Write the answer")).to_have_value("Kept words")
        await page.unroute("**/reply")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_text("Sent. The question is answered.")).to_be_visible()
        assert [text for _, text in desk.relay.said] == ["Kept words"]


async def test_the_list_is_right_again_after_the_connection_was_lost(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        await page.context.set_offline(True)
        await page.evaluate("dispatchEvent(new Event('offline'))")
        await desk.ask("Asked while you were away")
        await page.context.set_offline(False)

        await page.reload()
        await expect(page.get_by_role("button", name="Asked while you were away")).to_be_visible()


async def test_a_bot_is_made_from_its_platforms_form_and_errors_stand_at_their_field(
    tmp_path: Path,
) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        await page.get_by_role("link", name="Bots").click()
        await page.get_by_role("button", name="New bot").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("OneBot (QQ)", exact=False).first.click()
        await dialog.get_by_label("Name", exact=True).fill("My QQ bot")
        await dialog.get_by_role("button", name="Create").click()
        token = dialog.get_by_label("Access token")
        await expect(token).to_have_attribute("aria-invalid", "true")
        await expect(dialog.get_by_text("is required.")).to_be_visible()

        await token.fill("s3cret")
        await dialog.get_by_role("button", name="Create").click()
        await expect(page.get_by_role("heading", name="My QQ bot")).to_be_visible()
        stored = desk.house.gateway.config.bots["my-qq-bot"].settings["access_token"]
        assert desk.house.gateway.sealer.open(stored) == "s3cret"

        await page.get_by_label("Heartbeat (s)").fill("45")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
        changed = desk.house.gateway.config.bots["my-qq-bot"].settings
        assert changed["heartbeat_s"] == 45
        assert desk.house.gateway.sealer.open(changed["access_token"]) == "s3cret"

        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="Bots")).to_be_visible()
        assert "my-qq-bot" not in desk.house.gateway.config.bots


async def test_rules_are_edited_tried_and_saved_and_a_wrong_one_says_where(
    tmp_path: Path,
) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        await page.goto(f"{desk.house.url}/console/bots/web-demo/rules")
        await page.get_by_role("button", name="Add a rule").click()
        form = page.locator(".rule-form")
        await form.get_by_label("Rule id").fill("help")
        await form.get_by_label("matches the expression").fill("(")
        await form.get_by_text("Echo", exact=True).click()
        await page.get_by_role("button", name="Save rules").click()
        await expect(page.get_by_role("alert")).to_contain_text("rules[1].when.text.regex")
        wrong = page.locator(".rule-form").get_by_label("matches the expression")
        await expect(wrong).to_have_attribute("aria-invalid", "true")

        await wrong.fill("")
        await page.locator(".rule-form").get_by_label("starts with").fill("/help")
        test = page.locator(".test")
        await test.get_by_label("A message").fill("/help me")
        await test.get_by_role("button", name="Test").click()
        await expect(test.get_by_role("status")).to_contain_text("“help” acts")
        await page.get_by_role("button", name="Save rules").click()
        await expect(page.get_by_text("Saved.", exact=True)).to_be_visible()

        kept = desk.house.gateway.config.rules["web-demo"].rules
        assert [rule.id for rule in sorted(kept, key=lambda r: -r.priority)] == ["echo", "help"]
        assert kept[1].when.text is not None
        assert kept[1].when.text.starts_with == "/help"


async def test_a_key_is_shown_once_and_works(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        await page.get_by_role("link", name="API keys").click()
        await page.get_by_role("button", name="New key").click()
        await page.get_by_role("dialog").get_by_label("Name", exact=True).fill("ci")
        await page.get_by_role("dialog").get_by_text("answer questions").click()
        await page.get_by_role("dialog").get_by_role("button", name="Create").click()
        raw = await page.get_by_role("dialog").locator(".copy code").inner_text()
        found = desk.house.gateway.keys.lookup(raw)
        assert found is not None
        assert found.scopes == {"chat", "operator"}
        await page.get_by_role("button", name="Done").click()
        await expect(page.get_by_role("row", name="ci")).to_be_visible()
        assert raw not in await page.content()


async def test_a_dead_letter_is_replayed_from_the_page(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        page = desk.page
        await desk.sign_up()
        dead = subjects.dead("evt.onebot.q.message.received.aaaaaaaaaaaaaaaaaaaa.3")
        headers = {subjects.HEADER_REASON: "the webhook answered 500"}
        await desk.broker.publish(dead, b'{"text": "hello"}', headers)
        await page.get_by_role("link", name="Dead letters").click()
        await page.get_by_role("button", name="the webhook answered 500").click()
        await expect(page.get_by_text('"text": "hello"')).to_be_visible()
        await page.get_by_role("button", name="Replay").click()
        await expect(page.get_by_text("No dead letters")).to_be_visible()
        stored = await desk.broker.last("EVENTS", "evt.onebot.q.message.received.>")
        assert stored is not None


async def test_on_a_phone_in_chinese_one_can_find_and_answer_a_question(tmp_path: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN", "color_scheme": "dark"}
    async with a_desk(tmp_path, **phone) as desk:
        page = desk.page
        await page.goto(f"{desk.house.url}/console/welcome?token={OWNER_TOKEN}")
        for label, text in (("用户名", "mei"), ("显示名称", "小美")):
            await page.get_by_label(label).fill(text)
        await page.get_by_label("密码", exact=True).fill(PASSWORD)
        await page.get_by_label("再次输入密码").fill(PASSWORD)
        await page.get_by_role("button", name="创建账号").click()
        old = datetime.now(UTC) - timedelta(minutes=20)
        ticket = await desk.relay.open("什么时候发货？", opened_at=old)
        await page.get_by_role("button", name="什么时候发货？").click()
        await expect(page.get_by_text("已等待 20 分钟")).to_be_visible()
        await page.get_by_label("输入回复").fill("明天。")
        await page.get_by_role("button", name="发送", exact=True).click()
        await expect(page.get_by_text("已发送，问题已回答。")).to_be_visible()

        assert desk.relay.said == [(ticket.id, "明天。")]
        assert await page.evaluate("document.documentElement.lang") == "zh-CN"
        too_wide = "document.documentElement.scrollWidth > innerWidth"
        assert await page.evaluate(too_wide) is False
        await page.get_by_role("button", name="更多").click()
        await page.get_by_role("button", name="English").click()
        await expect(page.get_by_role("heading", name="Menu")).to_be_visible()
