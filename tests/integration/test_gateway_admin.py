"""The admin API on a real nats-server: what is written, what is refused, what is told."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tandem_common.testing.servers import NatsServer, free_port
from tests.integration.gateway_house import (
    ONEBOT_SCHEMA,
    FakeRelay,
    FakeRouter,
    a_broker,
    a_gateway,
    manifest_json,
)

pytestmark = pytest.mark.integration

RULE = {"id": "help", "when": {"text": {"starts_with": "/help"}}, "handler": {"kind": "echo"}}
HOOK = {
    "id": "hook",
    "handler": {
        "kind": "webhook",
        "config": {"url": "https://x.example/", "secret": "whsec_c2VjcmV0"},
    },
}


async def test_a_bot_is_made_read_changed_and_deleted_and_cfg_says_the_same(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with a_gateway(tmp_path, nats.url) as house:
        status, made = await house.call("POST", "/bots", {"id": "b", "platform": "openai"})
        assert (status, made["name"], made["rev"]) == (201, "b", 1)

        status, changed = await house.call("PATCH", "/bots/b", {"enabled": False})
        assert (status, changed["rev"], changed["status"]["state"]) == (200, 2, "disabled")
        assert house.gateway.config.bots["b"].enabled is False
        await house.settled()
        stored = await house.cfg("bot.openai.b")
        assert stored is not None
        assert json.loads(stored)["enabled"] is False

        status, same = await house.call("PATCH", "/bots/b", {"enabled": False})
        assert same["rev"] == 2

        assert (await house.call("DELETE", "/bots/b"))[0] == 204
        await house.settled()
        assert await house.cfg("bot.openai.b") is None
        assert (await house.call("GET", "/bots/b"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/bots", {"platform": "openai"}, "id"),
        ("POST", "/bots", {"id": "Ä", "platform": "openai"}, "id"),
        ("POST", "/bots", {"id": "x", "platform": "openai", "typo": 1}, "typo"),
        (
            "POST",
            "/bots",
            {"id": "x", "platform": "openai", "settings": {"typo": 1}},
            "settings.typo",
        ),
        (
            "POST",
            "/bots",
            {
                "id": "x",
                "platform": "openai",
                "default_handler": {"kind": "echo", "config": {"delay_ms": -1}},
            },
            "default_handler.config.delay_ms",
        ),
        (
            "PUT",
            "/bots/echo/rules",
            {"rules": [RULE, {**RULE, "id": "r", "when": {"text": {"regex": "("}}}]},
            "rules[1].when.text.regex",
        ),
        ("PUT", "/bots/echo/rules", [RULE, RULE], "rules[1].id"),
        ("PUT", "/bots/echo/rules", [{**RULE, "bot": "other"}], "rules[0].bot"),
        ("PUT", "/bots/echo/rules", [{**RULE, "events": ["nope.x"]}], "rules[0].events"),
        ("PUT", "/bots/echo/rules", [{"id": "r"}], "rules[0].handler"),
        ("PUT", "/bots/echo/rules", ["text"], "rules[0]"),
        ("PUT", "/bots/echo/rules", {"rules": 5}, "rules"),
        ("POST", "/connections", {"id": "c", "base_url": "ftp://x"}, "base_url"),
        ("POST", "/keys", {"name": "", "scopes": ["chat"]}, "name"),
        ("POST", "/keys", {"name": "k", "scopes": ["root"]}, "scopes[0]"),
        ("POST", "/keys", {"name": "k", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ("GET", "/bots?limit=0", None, "limit"),
        ("GET", "/tickets?status=odd", None, "status"),
        ("POST", "/bots/echo/rules/test", {"event": {"type": "message.received"}}, "event.id"),
        (
            "POST",
            "/apply",
            {"bots": [{"id": "a", "platform": "openai", "settings": {"x": 1}}]},
            "bots[0].settings.x",
        ),
        ("POST", "/apply", {"rules": {"nobody": []}}, "rules.nobody"),
    ],
)
async def test_bad_input_is_400_and_names_the_field(
    gateway_house: Any, method: str, path: str, body: Any, field: str
) -> None:
    status, answer = await gateway_house.call(method, path, body)

    assert (status, answer["error"]["code"]) == (400, "invalid_input"), answer
    assert answer["error"]["field"] == field


@pytest.fixture(name="gateway_house")
async def _gateway_house(tmp_path: Path, nats: NatsServer):
    async with a_gateway(tmp_path, nats.url, seed_demo=True) as house:
        yield house


async def test_broken_bodies_and_unknown_addresses_get_clear_answers(gateway_house: Any) -> None:
    house = gateway_house
    for raw in (b"{", b"\xff", b"[1,", b'"text"', b"null", b"[]"):
        async with house.http.post(
            "/api/v1/bots", data=raw, headers={"Authorization": "Bearer admin-key-0123456789"}
        ) as got:
            assert got.status == 400, raw
            assert (await got.json())["error"]["code"] == "invalid_input"
    for method, path, status in (
        ("GET", "/bots/nobody", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/bots", 405),
        ("DELETE", "/keys/nobody", 404),
        ("GET", "/connections/nobody", 404),
        ("GET", "/tickets/nobody", 404),
        ("GET", "/turns/nobody", 404),
        ("GET", "/turns/nobody/events", 404),
        ("GET", "/conversations/nobody", 404),
        ("GET", "/dlq/nobody", 404),
        ("GET", "/dlq/77", 404),
        ("GET", "/platforms/nobody", 404),
    ):
        got_status, answer = await house.call(method, path)
        assert got_status == status, (path, answer)
        assert answer["error"]["code"]


async def test_a_body_over_the_limit_is_413_announced_or_not(gateway_house: Any) -> None:
    async def chunks():
        for _ in range(80):
            yield b"x" * 65_536

    headers = {"Authorization": "Bearer admin-key-0123456789"}
    async with gateway_house.http.post(
        "/api/v1/bots", data=io.BytesIO(b"x" * 5_000_000), headers=headers
    ) as announced:
        assert announced.status == 413
    async with gateway_house.http.post("/api/v1/bots", data=chunks(), headers=headers) as silent:
        assert silent.status == 413
        assert (await silent.json())["error"]["code"] == "too_large"


async def test_rules_keep_their_secrets_and_their_age(gateway_house: Any) -> None:
    house = gateway_house
    _, first = await house.call("PUT", "/bots/echo/rules", {"rules": [HOOK]})
    shown = first["rules"][0]
    assert shown["handler"]["config"]["secret"] == "********"

    shown["description"] = "changed"
    _, second = await house.call("PUT", "/bots/echo/rules", {"rules": [shown, RULE]})

    assert second["rules"][0]["created_at"] == first["rules"][0]["created_at"]
    kept = house.gateway.config.rules["echo"].rules[0].handler.config["secret"]
    assert house.gateway.sealer.open(kept) == "whsec_c2VjcmV0"
    await house.settled()
    in_cfg = await house.cfg("rules.openai.echo")
    assert in_cfg is not None
    assert b"whsec" not in in_cfg


async def test_a_stale_if_match_is_412_and_changes_nothing(gateway_house: Any) -> None:
    house = gateway_house
    status, answer = await house.call(
        "PATCH", "/bots/echo", {"name": "x"}, headers={"If-Match": '"9"'}
    )
    assert (status, answer["error"]["code"]) == (412, "conflict")

    status, changed = await house.call(
        "PATCH", "/bots/echo", {"name": "x"}, headers={"If-Match": '"1"'}
    )
    assert (status, changed["name"]) == (200, "x")


async def test_a_repeated_post_with_the_same_key_happens_once(gateway_house: Any) -> None:
    house, key = gateway_house, {"Idempotency-Key": "abc"}
    body = {"name": "once", "scopes": ["chat"]}

    _, first = await house.call("POST", "/keys", body, headers=key)
    _, again = await house.call("POST", "/keys", body, headers=key)
    status, other = await house.call("POST", "/keys", {**body, "name": "x"}, headers=key)
    _, keys = await house.call("GET", "/keys")

    assert first == again
    assert (status, other["error"]["code"]) == (409, "conflict")
    assert [one["name"] for one in keys["items"]].count("once") == 1
    assert all("key" not in one for one in keys["items"])


async def test_a_fresh_key_opens_and_a_revoked_one_does_not(gateway_house: Any) -> None:
    house = gateway_house
    _, made = await house.call("POST", "/keys", {"name": "k", "scopes": ["operator"]})
    headers = {"Authorization": f"Bearer {made['key']}"}

    assert (await house.call("GET", "/bots", headers=headers))[0] == 200
    assert (await house.call("POST", "/bots", {"id": "n", "platform": "x"}, headers=headers))[
        0
    ] == 403
    assert (await house.call("DELETE", f"/keys/{made['id']}"))[0] == 204
    assert (await house.call("GET", "/bots", headers=headers))[0] == 401


async def test_secret_settings_are_write_only_from_before_the_schema_was_known(
    gateway_house: Any,
) -> None:
    house = gateway_house
    body = {
        "id": "q",
        "platform": "onebot",
        "settings": {"access_token": "t0ken", "heartbeat_s": 5},
    }
    _, made = await house.call("POST", "/bots", body)
    assert (made["settings_checked"], made["settings"]["access_token"]) == (False, "********")

    await house.gateway.manifests.apply(
        "manifest.onebot", manifest_json("onebot", "OneBot", "OneBot", "🐧", ONEBOT_SCHEMA)
    )
    _, known = await house.call("GET", "/bots/q")
    assert known["settings_checked"] is True

    stars = {"settings": {"access_token": "********", "heartbeat_s": 9}}
    status, changed = await house.call("PATCH", "/bots/q", stars)
    assert (status, changed["settings"]) == (200, stars["settings"])
    kept = house.gateway.config.bots["q"].settings["access_token"]
    assert house.gateway.sealer.open(kept) == "t0ken"

    status, refused = await house.call("PATCH", "/bots/q", {"settings": {"heartbeat_s": 0}})
    assert (status, refused["error"]["field"]) == (400, "settings.access_token")
    status, refused = await house.call(
        "PATCH", "/bots/q", {"settings": {"access_token": "********", "heartbeat_s": 0}}
    )
    assert (status, refused["error"]["field"]) == (400, "settings.heartbeat_s")


async def test_a_declared_configuration_is_applied_whole_or_not_at_all(gateway_house: Any) -> None:
    house = gateway_house
    declared: dict[str, Any] = {
        "bots": [
            {"id": "echo", "platform": "openai", "name": "E", "rules": [RULE]},
            {"id": "new", "platform": "webchat"},
        ],
        "connections": [{"id": "up", "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-1"}],
    }
    _, dry = await house.call("POST", "/apply", {**declared, "dry_run": True, "prune": True})
    assert dry["applied"] is False
    assert {(c["kind"], c["id"], c["action"]) for c in dry["changes"]} == {
        ("bot", "echo", "update"),
        ("rules", "echo", "create"),
        ("bot", "new", "create"),
        ("connection", "up", "create"),
        ("bot", "human", "delete"),
        ("bot", "web-demo", "delete"),
    }
    assert (await house.call("GET", "/bots/new"))[0] == 404

    broken = {
        **declared,
        "bots": [*declared["bots"], {"id": "bad", "platform": "openai", "settings": {"x": 1}}],
    }
    assert (await house.call("POST", "/apply", broken))[0] == 400
    assert (await house.call("GET", "/bots/new"))[0] == 404

    _, done = await house.call("POST", "/apply", {**declared, "prune": True})
    assert done["applied"] is True
    _, again = await house.call("POST", "/apply", {**declared, "prune": True})
    assert again["changes"] == []
    assert set(house.gateway.config.bots) == {"echo", "new"}
    await house.settled()
    assert await house.cfg("bot.openai.human") is None
    assert await house.cfg("bot.webchat.new") is not None


async def test_a_connection_is_checked_through_the_guarded_client(gateway_house: Any) -> None:
    house = gateway_house
    seen: list[str | None] = []

    async def models(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"data": [{"id": "m2"}, {"id": "m1"}]})

    app = web.Application()
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    body = {"id": "up", "base_url": f"http://127.0.0.1:{port}/v1/", "api_key": "sk-secret"}
    _, made = await house.call("POST", "/connections", body)
    assert made["api_key"] == "********"

    _, good = await house.call("POST", "/connections/up/check")
    _, listed = await house.call("GET", "/connections/up/models")
    await runner.cleanup()
    _, bad = await house.call("POST", "/connections/up/check")

    assert (good["ok"], good["models"]) == (True, 2)
    assert listed["items"] == ["m1", "m2"]
    assert seen[0] == "Bearer sk-secret"
    assert (bad["ok"], bad["error"]["code"]) == (False, "upstream_error")
    await house.settled()
    stored = await house.cfg("connection.up")
    assert stored is not None
    assert b"sk-secret" not in stored


async def test_a_demo_bot_somebody_deleted_stays_deleted(tmp_path: Path, nats: NatsServer) -> None:
    async with a_gateway(tmp_path, nats.url, seed_demo=True) as house:
        _, listed = await house.call("GET", "/bots")
        assert [bot["id"] for bot in listed["items"]] == ["echo", "human", "web-demo"]
        await house.call("DELETE", "/bots/human")
    async with a_gateway(tmp_path, nats.url, seed_demo=True) as house:
        _, listed = await house.call("GET", "/bots")
        assert [bot["id"] for bot in listed["items"]] == ["echo", "web-demo"]


async def test_tickets_conversations_and_rule_tests_go_to_their_services(
    gateway_house: Any, nats: NatsServer
) -> None:
    house = gateway_house
    status, away = await house.call("GET", "/tickets")
    assert (status, away["error"]["code"]) == (503, "unavailable")
    async with a_broker(nats.url) as broker:
        relay, router = FakeRelay(broker), FakeRouter(broker)
        await relay.start()
        await router.start()
        ticket = await relay.open("how?")

        _, listed = await house.call("GET", "/tickets?assignee=none")
        assert [one["id"] for one in listed["items"]] == [ticket.id]
        _, claimed = await house.call("POST", f"/tickets/{ticket.id}/claim")
        assert claimed["assignee"]["name"] == "bootstrap admin"
        _, mine = await house.call("GET", "/tickets?assignee=me")
        assert len(mine["items"]) == 1

        path = f"/tickets/{ticket.id}/reply"
        say = {
            "text": "so",
            "final": False,
            "expected_rev": claimed["rev"],
            "idempotency_key": "k1",
        }
        _, once = await house.call("POST", path, say)
        _, twice = await house.call("POST", path, {**say})
        assert once["rev"] == twice["rev"]
        assert relay.said == [(ticket.id, "so")]

        stale = {"text": "late", "expected_rev": 1}
        status, conflict = await house.call("POST", path, stale)
        assert status == 409
        assert conflict["error"]["details"]["ticket"]["parts"][0]["text"] == "so"
        _, noted = await house.call("POST", f"/tickets/{ticket.id}/note", {"text": "vip"})
        assert noted["notes"][0]["text"] == "vip"
        assert (await house.call("POST", f"/tickets/{ticket.id}/typing", {}))[0] == 200
        _, closed = await house.call("POST", f"/tickets/{ticket.id}/close")
        assert closed["state"] == "declined"

        _, tested = await house.call(
            "POST",
            "/bots/web-demo/rules/test",
            {
                "event": {
                    "id": ticket.id,
                    "type": "message.received",
                    "time": "2026-11-21T02:33:12.123Z",
                    "dedupe_key": "x",
                    "message": {"id": "1", "components": [{"kind": "text", "text": "/echo hi"}]},
                }
            },
        )
        assert tested["winners"] == ["echo"]
