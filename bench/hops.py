"""The hop chain: a platform's frame in, the reply's frame out; durable on the way, handler `echo`.

A bare WebSocket client plays the OneBot implementation; between it and itself stand the adapter,
nats-server with `sync_interval: always`, and the router, each its own process.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop
from cryptography.fernet import Fernet

from bench.machine import about, cpu_seconds, percentiles, rss_mib
from tandem_common.contract import subjects
from tandem_common.contract.config import BotConfig
from tandem_common.contract.rules import HandlerRef
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.testing.servers import (
    NatsServer,
    free_port,
    listens,
    nats_server,
    temporal_server,
    wait_until,
)

BOT = "bench"
CALM, RATE_PER_S = 600, 100
FLOOD, CHATS = 15_000, 200


@contextlib.contextmanager
def _process(args: list[str], env: dict[str, str], port: int) -> Iterator[int]:
    with Path(env["BENCH_LOG"]).open("ab") as log:
        process = subprocess.Popen(args, env={**os.environ, **env}, stderr=log, stdout=log)
    try:
        wait_until(lambda: listens(port), " ".join(args[1:]))
        yield process.pid
    finally:
        process.terminate()
        process.wait()


class Peer:
    """An implementation that answers every action at once and notes when."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.asked: dict[str, float] = {}
        self.latencies_ms: list[float] = []
        self.order: dict[str, list[int]] = {}
        self.arrived = asyncio.Event()
        self.wanted = 0

    async def listen(self) -> None:
        async for message in self._socket:
            call = orjson.loads(message.data)
            now = time.perf_counter()
            text = _text(call["params"]["message"])
            began = self.asked.pop(text, None)
            if began is not None:
                self.latencies_ms.append((now - began) * 1000)
                chat, _, number = text.partition(" ")
                self.order.setdefault(chat, []).append(int(number))
            answer = {"status": "ok", "retcode": 0, "data": {"message_id": 1}, "echo": call["echo"]}
            await self._socket.send_str(orjson.dumps(answer).decode())
            if len(self.latencies_ms) >= self.wanted:
                self.arrived.set()

    async def say(self, chat: int) -> None:
        self._number += 1
        text = f"{chat} {self._number}"
        frame = {
            "time": 1_760_000_000,
            "self_id": 999,
            "post_type": "message",
            "message_type": "private",
            "sub_type": "friend",
            "message_id": self._number,
            "user_id": chat,
            "message": [{"type": "text", "data": {"text": text}}],
            "sender": {"user_id": chat, "nickname": "Ann"},
        }
        self.asked[text] = time.perf_counter()
        await self._socket.send_str(orjson.dumps(frame).decode())

    async def all_back(self, count: int) -> None:
        self.wanted = count
        if len(self.latencies_ms) < count:
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), 120)


def _text(message: Any) -> str:
    return "".join(part["data"].get("text", "") for part in message)


async def _configure(nats: NatsServer) -> None:
    broker = Broker(ServiceSettings(nats_url=nats.url), name="bench")
    await broker.start()
    await broker.declare(buckets=(subjects.CFG,))
    cfg = await broker.kv(subjects.CFG)
    bot = BotConfig(
        id=BOT, platform="onebot", name="Bench", default_handler=HandlerRef(kind="echo")
    )
    await cfg.put(subjects.bot_key("onebot", BOT), bot.to_json())
    await broker.stop()


async def _bench(port: int, pids: dict[str, int]) -> None:
    url = f"ws://127.0.0.1:{port}/onebot/v11/{BOT}/ws"
    headers = {"X-Self-ID": "999", "X-Client-Role": "Universal"}
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(30):
            while True:  # the port listens before the bots are known
                with contextlib.suppress(aiohttp.WSServerHandshakeError):
                    ws = await session.ws_connect(url, headers=headers)
                    break
                await asyncio.sleep(0.1)
        peer = Peer(ws)
        listening = asyncio.ensure_future(peer.listen())
        await peer.say(1)
        await peer.all_back(1)
        await asyncio.sleep(3)  # leases and transcripts settle
        peer.latencies_ms.clear()
        print(f"machine: {about()}\n")
        for i in range(CALM):
            await peer.say(i % CHATS + 1)
            await asyncio.sleep(1 / RATE_PER_S)
        await peer.all_back(CALM)
        p50, p95 = percentiles(peer.latencies_ms)
        print(f"calm, {RATE_PER_S}/s: p50 {p50:.2f} ms, p95 {p95:.2f} ms over {CALM} messages")
        peer.latencies_ms.clear()
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        began = time.perf_counter()
        for i in range(FLOOD):
            await peer.say(i % CHATS + 1)
        await peer.all_back(FLOOD)
        elapsed = time.perf_counter() - began
        print(f"flood: {FLOOD / elapsed:.0f} messages/s over {FLOOD} messages, {CHATS} chats")
        for name, pid in pids.items():
            cpu = (cpu_seconds(pid) - before[name]) / FLOOD * 1e6
            print(f"  {name}: {cpu:.0f} µs CPU a message, {rss_mib(pid):.0f} MiB")
        disordered = [chat for chat, seen in peer.order.items() if seen != sorted(seen)]
        assert not disordered, f"out of order in {disordered[:5]}"
        listening.cancel()


def main() -> None:
    """Start all, measure, stop all."""
    # `--relaxed`: the server's own default, which survives kills but not loss of power.
    is_durable = "--relaxed" not in sys.argv
    config = "jetstream { sync_interval: always }" if is_durable else ""
    print("sync_interval:", "always" if is_durable else "the server's default (2 min)")
    with (
        tempfile.TemporaryDirectory() as folder,
        nats_server(Path(folder) / "nats", config) as nats,
        temporal_server(Path(folder) / "temporal") as temporal,
    ):
        asyncio.run(_configure(nats))
        adapter_port, router_port = free_port(), free_port()
        env = {
            "TANDEM_NATS_URL": nats.url,
            "TANDEM_TEMPORAL_ADDRESS": temporal.address,
            "TANDEM_SECRET_KEY": Fernet.generate_key().decode(),
            "TANDEM_ROUTER_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/router.db",
            "TANDEM_ROUTER_HTTP_PORT": str(router_port),
            "TANDEM_ADAPTERS_HTTP_PORT": str(adapter_port),
            "TANDEM_STORAGE_SCALE": "0.3",
            "BENCH_LOG": f"{folder}/log",
        }
        adapter = [sys.executable, "-m", "tandem_adapters", "onebot"]
        router = [sys.executable, "-m", "tandem_router", "all"]
        assert nats.process is not None
        with (
            _process(router, env, router_port) as router_pid,
            _process(adapter, env, adapter_port) as adapter_pid,
        ):
            pids = {"adapter": adapter_pid, "router": router_pid, "nats-server": nats.process.pid}
            uvloop.run(_bench(adapter_port, pids))


if __name__ == "__main__":
    main()
