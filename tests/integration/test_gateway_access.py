"""Who comes in: sessions, CSRF, roles, invitations, the live feed's end."""

from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from tandem_common.testing.servers import NatsServer
from tests.integration.gateway_house import ADMIN, CHAT_KEY, OWNER_TOKEN, House, a_gateway

pytestmark = pytest.mark.integration
PASSWORD = "correct horse"


@pytest.fixture(name="house")
async def _house(tmp_path: Path, nats: NatsServer):
    async with a_gateway(tmp_path, nats.url, seed_demo=True) as house:
        yield house


class Browser:
    """Cookies and a CSRF token, as a page has them."""

    def __init__(self, house: House) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(base_url=house.url, cookie_jar=jar)
        self.csrf = ""

    async def call(self, method: str, path: str, body: Any = None, csrf: str | None = None):
        headers = {"X-CSRF-Token": self.csrf if csrf is None else csrf}
        async with self.http.request(method, f"/api/v1{path}", json=body, headers=headers) as got:
            answer = await got.json() if got.content_type == "application/json" else None
            if isinstance(answer, dict) and "csrf" in answer:
                self.csrf = answer["csrf"]
            return got.status, answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()


async def an_owner(house: House, browser: Browser) -> Any:
    body = {"token": OWNER_TOKEN, "name": "Ann", "password": PASSWORD, "display_name": "Ann M."}
    status, me = await browser.call("POST", "/setup", body)
    assert status == 201
    return me


async def test_the_owner_signs_up_once_and_signs_in_again(house: House) -> None:
    async with Browser(house) as browser, Browser(house) as other:
        _, known = await browser.call("POST", "/setup/check", {"token": OWNER_TOKEN})
        assert known["role"] == "owner"
        me = await an_owner(house, browser)
        assert (me["login"], me["role"]) == ("ann", "owner")
        assert "accounts.write" in me["actions"]

        again = {"token": OWNER_TOKEN, "name": "Eve", "password": PASSWORD}
        assert (await other.call("POST", "/setup", again))[0] == 403
        wrong = {"name": "ann", "password": "wrong horse"}
        assert (await other.call("POST", "/session", wrong))[0] == 401
        assert (await other.call("POST", "/session", {"name": "ANN", "password": PASSWORD}))[
            0
        ] == 200
        assert (await other.call("DELETE", "/session"))[0] == 204
        assert (await other.call("GET", "/session"))[0] == 401


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(house: House) -> None:
    async with Browser(house) as browser:
        body = {"token": OWNER_TOKEN, "name": "ann", "password": PASSWORD}
        async with browser.http.post("/api/v1/setup", json=body) as got:
            cookie = got.headers["Set-Cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_a_write_by_cookie_needs_the_csrf_token(house: House) -> None:
    async with Browser(house) as browser:
        await an_owner(house, browser)
        body = {"id": "x", "platform": "openai"}

        for wrong in ("", "guess"):
            status, answer = await browser.call("POST", "/bots", body, csrf=wrong)
            assert (status, answer["error"]["code"]) == (403, "forbidden")
        assert (await browser.call("GET", "/bots", csrf=""))[0] == 200
        assert (await browser.call("POST", "/bots", body))[0] == 201


async def test_each_role_gets_what_the_table_says(house: House) -> None:
    async with Browser(house) as owner:
        await an_owner(house, owner)
        for role, reads_keys, writes_bots in (
            ("viewer", 403, 403),
            ("operator", 403, 403),
            ("admin", 200, 201),
        ):
            _, link = await owner.call("POST", "/accounts/invitations", {"role": role})
            token = link["url"].partition("token=")[2]
            async with Browser(house) as guest:
                body = {"token": token, "name": f"a-{role}", "password": PASSWORD}
                assert (await guest.call("POST", "/setup", body))[0] == 201
                assert (await guest.call("GET", "/bots"))[0] == 200
                assert (await guest.call("GET", "/keys"))[0] == reads_keys
                new = {"id": f"b-{role}", "platform": "openai"}
                assert (await guest.call("POST", "/bots", new))[0] == writes_bots
                invited = await guest.call("POST", "/accounts/invitations", {"role": "owner"})
                assert invited[0] == 403


async def test_a_chat_key_opens_nothing_here_and_a_wrong_one_nothing_at_all(house: House) -> None:
    for key, status in ((CHAT_KEY, 403), ("wrong", 401), ("", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        refused, answer = await house.call("GET", "/bots", headers=headers)
        assert (refused, "error" in answer) == (status, True)
    async with house.http.get("/api/v1/bots", headers={"Authorization": "Basic x"}) as got:
        assert got.status == 401
        assert got.headers["WWW-Authenticate"] == "Bearer"


async def test_guessing_passwords_is_slowed_down(house: House) -> None:
    async with Browser(house) as browser:
        await an_owner(house, browser)
        answers = []
        for _ in range(7):
            wrong = {"name": "ann", "password": "wrong horse"}
            answers.append((await browser.call("POST", "/session", wrong))[0])

        assert answers == [401] * 5 + [429] * 2
        right = {"name": "ann", "password": PASSWORD}
        assert (await browser.call("POST", "/session", right))[0] == 429


async def test_the_last_owner_cannot_be_lost_and_a_disabled_account_is_out_at_once(
    house: House,
) -> None:
    async with Browser(house) as owner, Browser(house) as guest:
        me = await an_owner(house, owner)
        mine = me["id"].removeprefix("account:")
        assert (await owner.call("PATCH", f"/accounts/{mine}", {"role": "viewer"}))[0] == 409
        assert (await owner.call("DELETE", f"/accounts/{mine}"))[0] == 409
        _, link = await owner.call("POST", "/accounts/invitations", {"role": "operator"})
        token = link["url"].partition("token=")[2]
        body = {"token": token, "name": "bob", "password": PASSWORD}
        _, bob = await guest.call("POST", "/setup", body)
        ident = bob["id"].removeprefix("account:")

        assert (await owner.call("PATCH", f"/accounts/{ident}", {"disabled": True}))[0] == 200
        assert (await guest.call("GET", "/session"))[0] == 401
        assert (await owner.call("DELETE", f"/accounts/{ident}"))[0] == 204
        assert (await owner.call("GET", "/session"))[0] == 200


async def test_a_new_password_signs_every_other_browser_out(house: House) -> None:
    async with Browser(house) as first, Browser(house) as second:
        await an_owner(house, first)
        await second.call("POST", "/session", {"name": "ann", "password": PASSWORD})

        weak = {"current": PASSWORD, "new": "short"}
        status, answer = await first.call("POST", "/session/password", weak)
        assert (status, answer["error"]["field"]) == (400, "new")
        change = {"current": PASSWORD, "new": "another horse"}
        assert (await first.call("POST", "/session/password", change))[0] == 200

        assert (await first.call("GET", "/session"))[0] == 200
        assert (await second.call("GET", "/session"))[0] == 401


async def test_what_was_done_and_by_whom_is_kept_and_told_to_the_ledger(house: House) -> None:
    await house.call("POST", "/bots", {"id": "x", "platform": "openai"})
    await house.settled()

    _, trail = await house.call("GET", "/audit")
    told = await house.gateway.broker.last("LEDGER", "audit.bot")

    assert (trail["items"][0]["action"], trail["items"][0]["target"]) == ("bot.created", "bot:x")
    assert told is not None
    assert b'"bot:x"' in told.data


async def test_pages_carry_a_policy_that_lets_no_foreign_or_inline_script_run(house: House) -> None:
    for path in ("/console/", "/console/inbox/abc", "/chat/web-demo", "/api/v1/docs"):
        async with house.http.get(path) as got:
            policy = got.headers["Content-Security-Policy"]
            body = await got.text()
        assert got.status == 200
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "<script>" not in body
    async with house.http.get("/static/../settings.py", headers=ADMIN) as got:
        assert got.status == 404
    async with house.http.get("/static/%2e%2e/settings.py") as got:
        assert got.status == 404


async def test_the_openapi_document_describes_bodies_and_needs_no_key(house: House) -> None:
    async with house.http.get("/api/v1/openapi.json") as got:
        document = await got.json()

    body = document["paths"]["/api/v1/bots"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith("/BotCreate")
    assert "BotCreate" in document["components"]["schemas"]
    assert document["paths"]["/api/v1/session"]["post"]["security"] == []
