"""The keyed consumer by itself: order per key, no stall, dead letters, hand-over."""

import asyncio
from collections import defaultdict

import pytest

from tandem_common.contract import subjects
from tandem_common.contract.errors import UnavailableError
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.keyed import Delivery, GiveUpError, KeyedConfig, KeyedConsumer
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.testing.clock import FakeClock

pytestmark = pytest.mark.integration

STREAM = subjects.TICKETS


@pytest.fixture(name="broker")
async def _broker(nats):
    broker = Broker(ServiceSettings(nats_url=nats.url, storage_scale=0.05), name="test")
    await broker.start()
    await broker.declare((STREAM, subjects.DLQ))
    yield broker
    await broker.stop()


class Handler:
    """Notes what it handles; fails where it is told to."""

    def __init__(self):
        self.seen = defaultdict(list)
        self.failures = defaultdict(list)
        self.count = 0
        self.told_dead = []

    async def handle(self, delivery: Delivery) -> None:
        key, number = delivery.subject.rpartition(".")[2], int(delivery.data)
        if self.failures[number]:
            raise self.failures[number].pop(0)
        self.seen[key].append(number)
        self.count += 1

    async def on_dead(self, delivery: Delivery, reason: str) -> None:
        self.told_dead.append((int(delivery.data), reason))

    async def until(self, count: int, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while self.count < count:
                await asyncio.sleep(0.01)


def consumer(broker, handler, clock=None):
    return KeyedConsumer(
        broker,
        KeyedConfig(
            name="tickets",
            stream=STREAM,
            filter_of=lambda _: subjects.all_tickets(),
            key_of=lambda subject: subject.rpartition(".")[2],
            poison_pauses_s=(0.01, 0.01),
        ),
        handler.handle,
        lambda: frozenset({"all"}),
        on_dead=handler.on_dead,
        clock=clock,
    )


async def say(broker, key, number):
    await broker.js.publish(subjects.open_ticket(key), str(number).encode())


async def test_a_backlog_is_worked_off_without_waiting_for_a_tick(broker):
    """More than is held in hand at once: room that becomes free is filled at once.

    The consumer's clock never moves, so whatever waits for its next look never comes.
    """
    for number in range(2_000):
        await say(broker, f"k{number % 50}", number)
    handler = Handler()
    part = consumer(broker, handler, clock=FakeClock())
    await part.start()
    await handler.until(2_000)
    await part.stop()
    for numbers in handler.seen.values():
        assert numbers == sorted(numbers)


async def test_what_was_left_goes_to_the_next_in_order(broker):
    first, second = Handler(), Handler()
    one = consumer(broker, first)
    await one.start()
    await say(broker, "a", 1)
    await first.until(1)
    await one.stop()
    await say(broker, "a", 2)
    await say(broker, "a", 3)
    two = consumer(broker, second)
    await two.start()
    await second.until(2)
    await two.stop()
    assert (first.seen["a"], second.seen["a"]) == ([1], [2, 3])


async def test_poison_is_buried_and_the_key_goes_on(broker):
    handler = Handler()
    handler.failures[1] = [ValueError("bad")] * 3
    handler.failures[2] = [GiveUpError("hopeless")]
    handler.failures[3] = [ValueError("once")]
    handler.failures[4] = [UnavailableError("away")] * 8
    part = consumer(broker, handler)
    await part.start()
    for number in range(1, 6):
        await say(broker, "a", number)
    await handler.until(3)
    await part.stop()
    assert handler.seen["a"] == [3, 4, 5]
    assert handler.told_dead == [(1, "bad"), (2, "hopeless")]
    dead = await broker.read_subject(subjects.DLQ, subjects.ALL_DEAD)
    assert [message.headers[subjects.HEADER_REASON] for message in dead] == ["bad", "hopeless"]


async def test_two_members_share_and_one_takes_over(broker, nats):
    handlers = [Handler(), Handler()]
    other = Broker(ServiceSettings(nats_url=nats.url), name="other")
    await other.start()
    parts = [consumer(broker, handlers[0]), consumer(other, handlers[1])]
    for part in parts:
        await part.start()
    async with asyncio.timeout(20):
        while sum(len(part.held) for part in parts) != 1:
            await asyncio.sleep(0.05)
    owner = 0 if parts[0].held else 1
    await say(broker, "a", 1)
    await handlers[owner].until(1)
    await parts[owner].stop()
    await say(broker, "a", 2)
    await handlers[1 - owner].until(1)
    assert handlers[1 - owner].seen["a"] == [2]
    await parts[1 - owner].stop()
    await other.stop()
