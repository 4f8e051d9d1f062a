"""What was written in SQL reaches NATS whatever dies, in order and once."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tandem_common.runtime.broker import CONNECTION_ERRORS
from tandem_common.testing.servers import NatsServer, free_port
from tests.integration.gateway_house import ADMIN, ADMIN_KEY, SECRET_KEY, House, a_gateway

pytestmark = pytest.mark.integration


async def test_a_change_made_while_nats_is_away_arrives_when_it_is_back(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with a_gateway(tmp_path, nats.url) as house:
        nats.kill()
        status, _ = await house.call("POST", "/bots", {"id": "b", "platform": "openai"})
        assert status == 201
        for name in ("one", "two"):
            assert (await house.call("PATCH", "/bots/b", {"name": name}))[0] == 200

        nats.start()
        async with asyncio.timeout(20):
            while (stored := await _cfg(house, "bot.openai.b")) is None or json.loads(stored)[
                "rev"
            ] < 3:
                await asyncio.sleep(0.1)

        assert json.loads(stored)["name"] == "two"


async def _cfg(house: House, key: str) -> bytes | None:
    try:
        return await house.cfg(key)
    except CONNECTION_ERRORS:
        return None  # still away


async def test_a_kill_between_commit_and_publish_loses_nothing(
    tmp_path: Path, nats: NatsServer
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "TANDEM_NATS_URL": nats.url,
        "TANDEM_GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'gateway.db'}",
        "TANDEM_SECRET_KEY": SECRET_KEY,
        "TANDEM_GATEWAY_HTTP_PORT": str(port),
        "TANDEM_GATEWAY_BOOTSTRAP_ADMIN_KEY": ADMIN_KEY,
    }
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tandem_gateway", env=environment, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as http, asyncio.timeout(40):
        while True:
            try:
                async with http.get(f"{url}/readyz") as got:
                    if got.status == 200:
                        break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        nats.kill()  # so that the commit is certain and the publishing impossible
        body = {"id": "survivor", "platform": "openai"}
        async with http.post(f"{url}/api/v1/bots", json=body, headers=ADMIN) as got:
            assert got.status == 201
    process.send_signal(signal.SIGKILL)
    await process.wait()
    nats.start()

    async with a_gateway(tmp_path, nats.url) as house:
        assert await house.cfg("bot.openai.survivor") is not None
        _, found = await house.call("GET", "/bots/survivor")
        assert found["rev"] == 1


async def test_a_start_brings_cfg_in_line_with_sql(tmp_path: Path, nats: NatsServer) -> None:
    async with a_gateway(tmp_path, nats.url) as house:
        await house.call("POST", "/bots", {"id": "kept", "platform": "openai"})
        await house.settled()
        bucket = await house.gateway.broker.kv("CFG")
        await bucket.put("bot.openai.ghost", b'{"id":"ghost","platform":"openai","name":"g"}')
        await bucket.put("manifest.onebot", b"{}")
        await bucket.delete("bot.openai.kept")
    async with a_gateway(tmp_path, nats.url) as house:
        assert await house.cfg("bot.openai.kept") is not None
        assert await house.cfg("bot.openai.ghost") is None
        assert await house.cfg("manifest.onebot") is not None
        assert set(house.gateway.config.bots) == {"kept"}


async def test_two_gateways_on_postgresql_know_each_others_bots_and_keys(
    tmp_path: Path, nats: NatsServer, postgres_url: str
) -> None:
    options = {"database_url": postgres_url, "database_schema": f"gw_{free_port()}"}
    async with (
        a_gateway(tmp_path, nats.url, **options) as one,
        a_gateway(tmp_path, nats.url, **options) as two,
    ):
        await one.call("POST", "/bots", {"id": "b", "platform": "openai"})
        _, key = await one.call("POST", "/keys", {"name": "k", "scopes": ["chat"]})
        async with asyncio.timeout(10):
            while "b" not in two.gateway.config.bots or not two.gateway.keys.lookup(key["key"]):
                await asyncio.sleep(0.05)

        await two.call("DELETE", f"/keys/{key['id']}")
        await two.call("DELETE", "/bots/b")
        async with asyncio.timeout(10):
            while "b" in one.gateway.config.bots or one.gateway.keys.lookup(key["key"]):
                await asyncio.sleep(0.05)

        results = await asyncio.gather(
            *(
                house.call("PATCH", "/connections/c", {"tags": [str(i)]})
                if i
                else house.call("POST", "/connections", {"id": "c", "base_url": "http://x"})
                for i, house in enumerate((one, two, one, two))
            )
        )
        assert all(status in {200, 201, 404} for status, _ in results)
