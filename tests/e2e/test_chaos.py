"""Everything is killed at the worst moment, again and again: nothing is lost, nothing is doubled.

2,040 messages over 120 conversations through three routers and two adapter replicas. Meanwhile
routers, adapters, the relay, the gateway and nats-server are killed with SIGKILL. The platform is a
fake outside the house that posts events until they are taken, as platforms do, and notes every
message it is made to send.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.fernet import Fernet

from tandem_common.contract import subjects
from tandem_common.contract.components import Text
from tandem_common.contract.errors import TandemError
from tandem_common.contract.relay import ListTickets, Operator, ReplyTicket, Ticket, TicketList
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.testing.servers import (
    NatsServer,
    TemporalServer,
    free_port,
    listens,
    wait_until,
)
from tests.peers.onebot import OneBotPeer

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(900)]

MESSAGES = int(os.environ.get("TANDEM_CHAOS_MESSAGES", "2040"))
CONVERSATIONS = 120
ASKING = 10
"""Conversations in which a person answers; the others are echoed."""
USERS = range(40_000, 40_000 + CONVERSATIONS)
SEED = int(os.environ.get("TANDEM_CHAOS_SEED", "20261121"))
BOT, TOKEN, SECRET = "qq", "chaos-token", "chaos-secret"
ADMIN = "tdm_chaos-admin-chaos-admin-chaos"
OPERATOR = Operator(id="op", name="Operator")


@dataclass
class Room:
    """One process of the house that is started again whenever it dies."""

    name: str
    args: list[str]
    env: dict[str, str]
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            env = {**os.environ, **self.env}
            self.process = subprocess.Popen(self.args, env=env, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.deaths += 1

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.process.kill()


@dataclass
class House:
    """Servers and rooms."""

    folder: Path
    nats: NatsServer
    temporal: TemporalServer
    peer_url: str
    gateway_port: int = field(default_factory=free_port)
    rooms: dict[str, Room] = field(default_factory=dict)

    def build(self) -> None:
        shared = {
            "TANDEM_NATS_URL": self.nats.url,
            "TANDEM_TEMPORAL_ADDRESS": self.temporal.address,
            "TANDEM_SECRET_KEY": Fernet.generate_key().decode(),
            "TANDEM_ALLOW_PRIVATE_URLS": "true",
            "TANDEM_STORAGE_SCALE": "0.2",
            "TANDEM_GATEWAY_BOOTSTRAP_ADMIN_KEY": ADMIN,
        }
        names = ("gateway", "relay", "router-1", "router-2", "router-3", "onebot-1", "onebot-2")
        for name in names:
            kind = name.partition("-")[0]
            service = "adapters" if kind == "onebot" else kind
            port = self.gateway_port if kind == "gateway" else free_port()
            # Replicas of a service share its database, as they do in production.
            env = {
                **shared,
                f"TANDEM_{service.upper()}_HTTP_PORT": str(port),
                f"TANDEM_{service.upper()}_DATABASE_URL": (
                    f"sqlite+aiosqlite:///{self.folder}/{service}.db"
                ),
            }
            args = [sys.executable, "-m", f"tandem_{service}"]
            args += {"onebot": ["onebot"], "router": ["all"]}.get(kind, [])
            self.rooms[name] = Room(name, args, env, self.folder, port)

    def start(self) -> None:
        for room in self.rooms.values():
            room.start()
        for room in self.rooms.values():
            wait_until(partial(listens, room.port), room.name, 60)

    def stop(self) -> None:
        for room in self.rooms.values():
            room.stop()


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for log in sorted(tmp_path.glob("*.log")):
        lines = [
            line
            for line in log.read_text(errors="replace").splitlines()
            if '"level": "error"' in line or "Traceback" in line
        ]
        if lines:
            print(f"== {log.name}: {len(lines)} errors, the last:\n{lines[-1][:1500]}")


async def configure(house: House) -> None:
    bot = {
        "id": BOT,
        "platform": "onebot",
        "name": "Chaos",
        "settings": {
            "access_token": TOKEN,
            "http_secret": SECRET,
            "api_url": house.peer_url,
            "call_timeout_s": 5,
        },
        "default_handler": {"kind": "echo"},
    }
    rules = [
        {
            "id": "ask",
            "bot": BOT,
            "when": {"text": {"starts_with": "ask "}},
            "handler": {"kind": "human", "config": {"while_open": "separate"}},
        }
    ]
    headers = {"Authorization": f"Bearer {ADMIN}"}
    base = f"http://127.0.0.1:{house.gateway_port}/api/v1"
    async with aiohttp.ClientSession(headers=headers) as session:
        for method, path, body in (
            ("POST", "/bots", bot),
            ("PUT", f"/bots/{BOT}/rules", rules),
        ):
            async with session.request(method, base + path, json=body) as response:
                assert response.status in (200, 201), await response.text()


class Platform:
    """Posts each conversation's messages one after the other, each until it is taken."""

    def __init__(self, peer: OneBotPeer, url: str) -> None:
        self._peer, self._url = peer, url
        self.said: dict[int, list[str]] = defaultdict(list)
        self.refused = 0
        self.left = MESSAGES
        self._message_id = 0
        peer.world.friends |= dict.fromkeys(USERS, "")

    async def talk(self, session: aiohttp.ClientSession) -> None:
        each = MESSAGES // CONVERSATIONS
        await asyncio.gather(
            *(self._converse(session, user, each, c) for c, user in enumerate(USERS))
        )

    async def _converse(
        self, session: aiohttp.ClientSession, user: int, count: int, number: int
    ) -> None:
        chance = random.Random(SEED + number)
        for i in range(count):
            await asyncio.sleep(chance.uniform(0.2, 1.2))
            prefix = "ask " if number < ASKING else "say "
            text = f"{prefix}{user} {i}"
            await self._deliver(session, user, text)
            self.said[user].append(text)
            self.left -= 1

    async def _deliver(self, session: aiohttp.ClientSession, user: int, text: str) -> None:
        self._message_id += 1
        payload = self._peer.message(text, user_id=user)
        payload["message_id"] = self._message_id
        body = json.dumps(payload).encode()
        headers = self._peer.post_headers(body)
        while True:
            try:
                timeout = aiohttp.ClientTimeout(total=5)
                async with session.post(
                    self._url, data=body, headers=headers, timeout=timeout
                ) as response:
                    if response.status == 204:
                        return
                    self.refused += 1
            except (aiohttp.ClientError, TimeoutError, OSError):
                self.refused += 1
            await asyncio.sleep(0.2)


async def answer_tickets(broker: Broker, done: asyncio.Event) -> None:
    """The operator: answers each question once, and tries again until it is taken."""
    while not done.is_set():
        with contextlib.suppress(TandemError):
            listed = await broker.request(
                subjects.service_op("relay", "list"),
                ListTickets(limit=200),
                TicketList,
                timeout_s=3,
            )
            for ticket in listed.items:
                text = f"re: {ticket.questions[0].text}"
                reply = ReplyTicket(
                    ticket=ticket.id,
                    operator=OPERATOR,
                    components=(Text(text=text),),
                    final=True,
                    idempotency_key="once",
                )
                await broker.request(
                    subjects.service_op("relay", "reply"), reply, Ticket, timeout_s=3
                )
        await asyncio.sleep(0.2)


async def rage(house: House, platform: Platform) -> Counter[str]:
    """Kill something every second or so until all was said."""
    chance = random.Random(SEED)
    deaths: Counter[str] = Counter()
    victims = [name for name in house.rooms if name != "gateway"]
    nats_at = {MESSAGES * 2 // 3, MESSAGES // 3}
    gateway_at = {MESSAGES // 2}
    while platform.left > MESSAGES // 20:
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        if any(platform.left < mark for mark in nats_at):
            nats_at.discard(max(nats_at))
            house.nats.kill()
            deaths["nats-server"] += 1
            await asyncio.sleep(chance.uniform(0.1, 1.0))
            await asyncio.to_thread(house.nats.start)
            continue
        if any(platform.left < mark for mark in gateway_at):
            gateway_at.clear()
            name = "gateway"
        else:
            name = chance.choice(victims)
        room = house.rooms[name]
        room.kill()
        deaths[name] += 1
        await asyncio.sleep(0.3)
        room.start()
    return deaths


def expected_of(texts: list[str]) -> list[str]:
    return [f"re: {t}" if t.startswith("ask ") else t for t in texts]


async def unknown_deliveries(broker: Broker) -> int:
    stored = await broker.read_subject(subjects.EVENTS, "evt.onebot.*.delivery.unknown.*.*")
    return len(stored)


async def test_nothing_is_lost_and_nothing_is_doubled(folder):
    nats, temporal = NatsServer(folder / "nats"), TemporalServer(folder / "temporal")
    nats.start()
    temporal.start()
    async with OneBotPeer(token=TOKEN, secret=SECRET) as peer:
        house = House(folder, nats, temporal, await peer.serve_api())
        house.build()
        try:
            await asyncio.to_thread(house.start)
            await configure(house)
            await _chaos(house, peer)
        finally:
            house.stop()
            temporal.stop()
            nats.stop()


async def _chaos(house: House, peer: OneBotPeer) -> None:
    broker = Broker(ServiceSettings(nats_url=house.nats.url), name="test")
    await broker.start()
    done = asyncio.Event()
    answering = asyncio.create_task(answer_tickets(broker, done))
    url = f"http://127.0.0.1:{house.gateway_port}/hooks/onebot/{BOT}"
    platform = Platform(peer, url)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        talking = asyncio.create_task(platform.talk(session))
        deaths = await rage(house, platform)
        await talking
    wanted = {user: expected_of(texts) for user, texts in platform.said.items()}
    total = sum(len(texts) for texts in wanted.values())
    unknown = await _until_settled(broker, peer, total)
    done.set()
    await answering
    report = judge(wanted, peer.sends)
    await broker.stop()
    print(
        f"{total} messages, {len(wanted)} conversations, kills {dict(deaths)}, "
        f"posts refused and repeated {platform.refused}: lost {report.lost - unknown if report.lost > unknown else 0}, "
        f"doubled {report.doubled}, out of order {report.disordered}, "
        f"unknown reported {unknown}, of them not sent {report.lost}"
    )
    assert total == MESSAGES // CONVERSATIONS * CONVERSATIONS
    assert sum(deaths.values()) >= 5, "the test must have killed something"
    assert report.doubled == 0, report.examples
    assert report.disordered == 0, report.examples
    assert report.lost <= unknown, f"{report.lost} lost, {unknown} reported: {report.examples}"


async def _until_settled(broker: Broker, peer: OneBotPeer, total: int) -> int:
    """Wait until everything was sent or reported, and then for what should not come."""
    for _ in range(300):
        unknown = await unknown_deliveries(broker)
        if len({s.text for s in peer.sends}) + unknown >= total:
            break
        await asyncio.sleep(0.5)
    else:
        raise AssertionError(f"stalled: {await where_it_is(broker, peer, total)}")
    await asyncio.sleep(5)
    return await unknown_deliveries(broker)


async def where_it_is(broker: Broker, peer: OneBotPeer, total: int) -> str:
    """Say at which hop messages are, for whoever has to find out why."""
    events = await broker.read_subject(subjects.EVENTS, "evt.onebot.*.message.received.*.*")
    outcomes = await broker.read_subject(subjects.out_stream("onebot"), "out.onebot.>")
    dead = await broker.read_subject(subjects.DLQ, subjects.ALL_DEAD)
    sent = len({s.text for s in peer.sends})
    leases = await broker.read_last_of_each(f"KV_{subjects.LEASES}", f"$KV.{subjects.LEASES}.>")
    return (
        f"{total} said, {len(events)} events, {len(outcomes)} outcomes, {sent} sent, "
        f"{len(dead)} dead letters, leases {sorted(s.subject.split('.', 2)[2] for s in leases)}"
    )


@dataclass
class Report:
    """What the platform saw."""

    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    examples: list[str] = field(default_factory=list)


def judge(wanted: dict[int, list[str]], sends: list[Any]) -> Report:
    got: dict[int, list[str]] = defaultdict(list)
    for sent in sends:
        got[sent.target].append(sent.text)
    report = Report()
    for user, texts in wanted.items():
        counts = Counter(got[user])
        missing = [t for t in texts if t not in counts]
        report.lost += len(missing)
        report.doubled += sum(n - 1 for n in counts.values())
        # A person may answer separate tickets in any order; the machine may not.
        if not texts[0].startswith("re: "):
            seen = [t for t in texts if t in counts]
            first = list(dict.fromkeys(got[user]))
            report.disordered += sum(a != b for a, b in zip(seen, first, strict=True))
        if missing or max(counts.values(), default=0) > 1:
            report.examples.append(f"{user}: missing {missing[:3]}, got {got[user][:8]}")
    return report


def test_the_judge_sees_what_is_wrong():
    """A judge that finds nothing must be one that could."""

    @dataclass
    class Sent:
        target: int
        text: str

    wanted = {1: ["a", "b", "c"]}
    right = [Sent(1, "a"), Sent(1, "b"), Sent(1, "c")]
    assert (judge(wanted, right).lost, judge(wanted, right).doubled) == (0, 0)
    assert judge(wanted, right[:2]).lost == 1
    assert judge(wanted, [*right, right[0]]).doubled == 1
    assert judge(wanted, [right[1], right[0], right[2]]).disordered == 2
