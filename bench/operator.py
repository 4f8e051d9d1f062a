"""An operator presses send: how long until the caller's first byte, idle and with many waiting.

Gateway, relay, router, nats-server (`sync_interval: always`) and Temporal are processes of their
own; databases are SQLite files with their own defaults. The time runs from writing the reply's
HTTP request to reading the first piece of the answer on the caller's stream.
"""

import asyncio
import contextlib
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import uvloop
from cryptography.fernet import Fernet

from bench.hops import _process
from bench.loadgen import request_bytes
from bench.machine import about, cpu_seconds, percentiles, rss_mib
from tandem_common.testing.servers import free_port, nats_server, temporal_server

KEY = "tdm_bench-key-bench-key-bench-key"
ADMIN = "tdm_bench-admin-bench-admin-bench"
MODEL = "desk"
WARM, SAMPLES, WAITING = 30, 100, 1_000
OPENING, PAGE = 16, 200
WATCHED_S = 20
_OPEN_FILES = 8_192


@dataclass
class Caller:
    """Somebody who asked and keeps a stream open; reads and throws away until the answer comes."""

    turn: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer: bytes = b""
    arrived: "asyncio.Future[float]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @classmethod
    async def ask(cls, gateway: str, text: str) -> "Caller":
        """Ask; returns once the gateway has begun to answer, which is when the turn is kept."""
        parts = urlsplit(gateway)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        messages = [{"role": "user", "content": text}]
        body = orjson.dumps({"model": MODEL, "messages": messages, "stream": True})
        writer.write(request_bytes(f"{gateway}/v1/chat/completions", body, KEY))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        assert " 200 " in head.partition("\r\n")[0], head
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        return cls(lines["x-tandem-turn"], reader, writer)

    async def listen(self) -> None:
        """Read to the end; note when the answer's first piece was there."""
        kept = b""
        while data := await self.reader.read(65_536):
            kept = kept[-200:] + data
            if self.answer and self.answer in kept and not self.arrived.done():
                self.arrived.set_result(time.perf_counter())
            if b"data: [DONE]" in kept:
                break
        self.writer.close()


class Desk:
    """The operator's side of the gateway."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._number = 0

    async def connect(self) -> None:
        """Open the line replies go over, as a browser keeps one."""
        parts = urlsplit(self.gateway)
        self._reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, f"{self.gateway}/api/v1{path}", json=body) as response,
        ):
            assert response.status < 300, await response.text()
            return await response.json()

    async def tickets(self, count: int) -> dict[str, str]:
        """Return the tickets by their turns, once there are as many as callers."""
        while True:
            found: dict[str, str] = {}
            cursor = ""
            while True:
                page = await self.call("GET", f"/tickets?status=open&limit={PAGE}{cursor}")
                found |= {ticket["turn"]: ticket["id"] for ticket in page["items"]}
                if not page["next"]:
                    break
                cursor = f"&cursor={page['next']}"
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)

    async def answer(self, caller: Caller, ticket: str) -> tuple[float, float]:
        """Send the final answer; return milliseconds to the caller's byte, and to the operator's."""
        self._number += 1
        text = f"answer number {self._number:06}"
        caller.answer = text.encode()
        reply = {"text": text, "final": True, "idempotency_key": text}
        raw = request_bytes(
            f"{self.gateway}/api/v1/tickets/{ticket}/reply", orjson.dumps(reply), ADMIN
        )
        began = time.perf_counter()
        self._writer.write(raw)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head[:20], head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await self._reader.readexactly(length)
        accepted = time.perf_counter()
        arrived = await asyncio.wait_for(caller.arrived, 30)
        return (arrived - began) * 1000, (accepted - began) * 1000


async def _begin(gateway: str, count: int, label: str) -> list[Caller]:
    """Let many ask, a few at a time."""
    slots = asyncio.Semaphore(OPENING)

    async def one(number: int) -> Caller:
        async with slots:
            caller = await Caller.ask(gateway, f"question {number} {label}")
        _listening.add(task := asyncio.ensure_future(caller.listen()))
        task.add_done_callback(_listening.discard)
        return caller

    return list(await asyncio.gather(*(one(number) for number in range(count))))


_listening: set["asyncio.Task[None]"] = set()


async def _idle(desk: Desk, count: int, label: str) -> list[tuple[float, float]]:
    """One caller at a time."""
    times = []
    for number in range(count):
        [caller] = await _begin(desk.gateway, 1, f"{label} {number}")
        ticket = (await desk.tickets(1))[caller.turn]
        await asyncio.sleep(0.02)  # the workflow's start is over
        times.append(await desk.answer(caller, ticket))
    return times


async def _quiet(pids: dict[str, int]) -> float:
    """Wait until what the questions set off (timers in Temporal) is over; return how long."""
    began = time.perf_counter()
    while time.perf_counter() - began < 180:
        before = sum(cpu_seconds(pid) for pid in pids.values())
        await asyncio.sleep(3)
        if sum(cpu_seconds(pid) for pid in pids.values()) - before < 0.9:
            break
    return time.perf_counter() - began


def _say(label: str, times: list[tuple[float, float]]) -> None:
    first50, first95 = percentiles([first for first, _ in times])
    told50, told95 = percentiles([told for _, told in times])
    print(
        f"{label}: caller's first byte p50 {first50:.1f} ms, p95 {first95:.1f} ms; "
        f"operator's answer p50 {told50:.1f} ms, p95 {told95:.1f} ms ({len(times)} samples)"
    )


async def _bench(gateway: str, pids: dict[str, int]) -> None:
    print(f"machine: {about()}\n")
    desk = Desk(gateway)
    await desk.connect()
    bot = {
        "id": MODEL,
        "platform": "openai",
        "name": "Desk",
        "default_handler": {"kind": "human", "config": {"remind_every_s": 86_400}},
    }
    await desk.call("POST", "/bots", bot)
    await asyncio.sleep(5)  # leases and transcripts settle
    await _idle(desk, WARM, "warm")
    _say("idle", await _idle(desk, SAMPLES, "idle"))
    await _quiet(pids)
    memory = {name: rss_mib(pid) for name, pid in pids.items()}
    cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    waiting = await _begin(gateway, WAITING, "many")
    await desk.tickets(WAITING)
    opened = time.perf_counter() - began
    settled = await _quiet(pids)
    print(
        f"{WAITING} callers ask: all tickets open after {opened:.1f} s, "
        f"quiet again {settled:.0f} s later"
    )
    each = ", ".join(
        f"{name} {(cpu_seconds(pid) - cpu[name]) / WAITING * 1000:.0f}"
        for name, pid in pids.items()
    )
    print(f"  ms CPU a ticket, timers included: {each}")
    added = {name: rss_mib(pid) - memory[name] for name, pid in pids.items()}
    both = added["gateway"] + added["relay"]
    listed = ", ".join(f"{name} {mib:+.0f}" for name, mib in added.items())
    print(f"memory added by {WAITING} waiting: gateway + relay {both:.0f} MiB ({listed})")
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    await asyncio.sleep(WATCHED_S)
    shares = ", ".join(
        f"{name} {(cpu_seconds(pid) - before[name]) / WATCHED_S:.1%}" for name, pid in pids.items()
    )
    print(f"CPU of a core while {WAITING} wait: {shares}")
    callers = await _begin(gateway, SAMPLES, "more")
    tickets = await desk.tickets(WAITING + SAMPLES)
    await _quiet(pids)
    await desk.connect()  # the server has closed a line that was quiet
    times = []
    for caller in callers:
        times.append(await desk.answer(caller, tickets[caller.turn]))
        await asyncio.sleep(0.05)
    _say(f"with {WAITING} waiting", times)
    assert not any(caller.arrived.done() for caller in waiting)
    for task in list(_listening):
        task.cancel()
    await asyncio.gather(*_listening, return_exceptions=True)


def main() -> None:
    """Start all, measure, stop all."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_OPEN_FILES, most), most))
    with (
        tempfile.TemporaryDirectory() as folder,
        nats_server(Path(folder) / "nats", "jetstream { sync_interval: always }") as nats,
        temporal_server(Path(folder) / "temporal") as temporal,
        contextlib.ExitStack() as processes,
    ):
        ports = {name: free_port() for name in ("gateway", "relay", "router")}
        gateway = f"http://127.0.0.1:{ports['gateway']}"
        env = {
            "TANDEM_NATS_URL": nats.url,
            "TANDEM_TEMPORAL_ADDRESS": temporal.address,
            "TANDEM_SECRET_KEY": Fernet.generate_key().decode(),
            "TANDEM_PUBLIC_URL": gateway,
            "TANDEM_GATEWAY_BOOTSTRAP_API_KEY": KEY,
            "TANDEM_GATEWAY_BOOTSTRAP_ADMIN_KEY": ADMIN,
            "TANDEM_STORAGE_SCALE": "0.3",
            "TANDEM_LOG_LEVEL": os.environ.get("TANDEM_LOG_LEVEL", "WARNING"),
            "BENCH_LOG": f"{folder}/log",
        }
        for name, port in ports.items():
            env[f"TANDEM_{name.upper()}_HTTP_PORT"] = str(port)
            env[f"TANDEM_{name.upper()}_DATABASE_URL"] = f"sqlite+aiosqlite:///{folder}/{name}.db"
        assert nats.process is not None
        assert temporal.process is not None
        pids = {}
        for name, args in (("router", ("all",)), ("relay", ()), ("gateway", ())):
            command = [sys.executable, "-m", f"tandem_{name}", *args]
            pids[name] = processes.enter_context(_process(command, env, ports[name]))
        pids |= {"nats-server": nats.process.pid, "temporal": temporal.process.pid}
        uvloop.run(_bench(gateway, pids))


if __name__ == "__main__":
    main()
