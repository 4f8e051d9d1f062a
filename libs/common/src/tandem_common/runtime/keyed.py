"""The ordered consumer: every message of a key in order, by one live owner, lost by nobody.

A stream is read in *shards* (a partition of EVENTS, the outcomes of a bot). Invariants:

1. A shard has one owner: a lease in LEASES (expires after `ttl_s`, renewed at a quarter of it).
   Members are spread by rendezvous hashing with a cap.
2. The owner reads through its own durable, whose name carries the lease's epoch and which starts
   right after what its predecessor had acknowledged. Nobody else can take its deliveries, and what
   the predecessor left comes again at once and in order.
3. Messages of one key are handled strictly in series, keys side by side.
4. A message is acknowledged when `handle` returns. A message that fails for a reason of its own is
   tried again (`POISON_PAUSES_S`), then it goes to the dead letters and its key goes on. While a
   dependency is away the message waits, uncounted.

The lease makes it efficient; that a late owner does no harm is the handler's business
(compare-and-set on outcomes, the sent-ledger).
"""

import asyncio
import contextlib
import json
import random
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import (
    APIError,
    BadRequestError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NotFoundError,
)
from nats.js.kv import KeyValue
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.errors import CapacityError, TandemError, UnavailableError

from . import metrics, tracing
from .broker import CONNECTION_ERRORS, Broker
from .clock import Clock, SystemClock
from .ids import new_id
from .logging import get_logger
from .streams import LEASE_TTL_S

log = get_logger(__name__)

ACK_WAIT_S = 60.0
POISON_PAUSES_S = (1.0, 5.0, 30.0, 120.0)
"""Between five attempts."""
WAITING_PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
"""While a dependency is away; the last one repeats."""
_HEARTBEAT_S = 1.0
_PULL_EXPIRES_S = 30.0
_IN_HAND = 512
_INACTIVE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the owner's hand."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    sequence: int
    """Its place in the stream."""


Handle = Callable[[Delivery], Awaitable[None]]
OnDead = Callable[[Delivery, str], Awaitable[None]]
"""Told, with the reason, after a message was put with the dead letters; may be told twice."""


class GiveUpError(Exception):
    """Raised by a handler when trying again cannot help."""


@dataclass
class _Shard:
    """What the owner of a shard holds."""

    name: str
    durable: str
    revision: int
    renewed: float
    inbox: str = ""
    subscription: Subscription | None = None
    asked: int = 0
    last_heard: float = 0.0
    is_stopping: bool = False
    in_hand: dict[int, None] = field(default_factory=dict)
    queues: dict[str, deque[Msg]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    puller: asyncio.Task[None] | None = None


@dataclass(frozen=True)
class KeyedConfig:
    """What a keyed consumer reads and how."""

    name: str
    """Prefix of durables and leases, the same in all replicas."""
    stream: str
    filter_of: Callable[[str], str]
    """From a shard's name to the subjects it stands for."""
    key_of: Callable[[str], str]
    """From a message's subject to the key within which order matters."""
    concurrency: int = 128
    ttl_s: float = LEASE_TTL_S
    poison_pauses_s: tuple[float, ...] = POISON_PAUSES_S


def assign(members: Mapping[str, frozenset[str]], me: str) -> set[str]:
    """Say which shards are mine: rendezvous hashing with a cap, so loads are even and moves few.

    Args:
        members: Every live member and the shards it could own.
        me: One of them.
    """
    shards = sorted(set().union(*members.values()))
    cap = -(-len(shards) // max(1, len(members)))
    load = dict.fromkeys(members, 0)
    mine: set[str] = set()
    for shard in shards:
        able = sorted(
            (m for m in members if shard in members[m]),
            key=lambda m: (-zlib.crc32(f"{m}/{shard}".encode()), m),
        )
        owner = next((m for m in able if load[m] < cap), able[0])
        load[owner] += 1
        if owner == me:
            mine.add(shard)
    return mine


class KeyedConsumer:
    """See the module. A part of a service: `start`, `stop`."""

    def __init__(  # noqa: PLR0913 - wiring
        self,
        broker: Broker,
        config: KeyedConfig,
        handle: Handle,
        shards: Callable[[], frozenset[str]],
        *,
        on_dead: OnDead | None = None,
        on_taken: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._broker, self._config, self._handle = broker, config, handle
        self._eligible, self._on_dead, self._on_taken = shards, on_dead, on_taken
        self._clock = clock or SystemClock()
        self._timer = metrics.HANDLE_SECONDS.labels(config.name)
        self._handled = metrics.HANDLED.labels(config.name, "ok")
        self._me = new_id().replace("-", "")
        self._held: dict[str, _Shard] = {}
        self._slots = asyncio.Semaphore(config.concurrency)
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._main: asyncio.Task[None] | None = None
        self._leases: KeyValue
        self._epochs: KeyValue
        self._members: KeyValue

    @property
    def held(self) -> frozenset[str]:
        """The shards this process owns now."""
        return frozenset(self._held)

    def wake(self) -> None:
        """Look at the shards again at once: what this member may own has changed."""
        self._wake.set()

    async def start(self) -> None:
        """Join the members and begin to take shards."""
        await self._broker.declare(
            buckets=(
                subjects.LEASES,
                subjects.EPOCHS,
                subjects.MEMBERS,
            )
        )
        self._leases = await self._broker.kv(subjects.LEASES)
        self._epochs = await self._broker.kv(subjects.EPOCHS)
        self._members = await self._broker.kv(subjects.MEMBERS)
        watch = f"$KV.{subjects.LEASES}.{self._config.name}.*"
        await self._broker.nc.subscribe(watch, cb=self._on_lease)
        self._broker.on_reconnect(self._on_reconnect)
        self._main = asyncio.create_task(self._run(), name=f"keyed {self._config.name}")

    async def stop(self) -> None:
        """Finish what is in hand and hand the shards over at once."""
        self._is_stopping = True
        self._wake.set()
        if self._main is not None:
            self._main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._main
        await asyncio.gather(*(self._release(shard) for shard in list(self._held.values())))
        with contextlib.suppress(*CONNECTION_ERRORS, APIError):
            await self._members.delete(self._member_key(self._me))

    async def _on_lease(self, msg: Msg) -> None:
        # A deleted lease was handed over; another member need not wait for its next round.
        if msg.headers and msg.headers.get("KV-Operation") in ("DEL", "PURGE"):
            self._wake.set()

    def _on_reconnect(self) -> None:
        for shard in self._held.values():
            shard.asked = 0
        self._wake.set()

    # -- leases --------------------------------------------------------------------------------

    def _member_key(self, member: str) -> str:
        return f"{self._config.name}.{member}"

    async def _run(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            try:
                await self._round()
            except CONNECTION_ERRORS as error:
                log.warning("lease_round_failed", consumer=self._config.name, error=repr(error))
            except APIError as error:
                log.warning("lease_round_refused", consumer=self._config.name, error=str(error))
            self._drop_stale()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._config.ttl_s / 4)

    async def _round(self) -> None:
        eligible = self._eligible()
        await self._members.put(self._member_key(self._me), json.dumps(sorted(eligible)).encode())
        members = {**await self._other_members(), self._me: eligible}
        wanted = assign(members, self._me)
        for shard in [s for s in self._held.values() if s.name not in wanted]:
            await self._release(shard)
        await asyncio.gather(*(self._renew(shard) for shard in list(self._held.values())))
        missing = [name for name in wanted if name not in self._held]
        random.shuffle(missing)
        for name in missing:
            await self._try_take(name)
        metrics.SHARDS_HELD.labels(self._config.name).set(len(self._held))

    async def _other_members(self) -> dict[str, frozenset[str]]:
        prefix = f"$KV.{subjects.MEMBERS}.{self._config.name}."
        info = await self._broker.js.stream_info(
            f"KV_{subjects.MEMBERS}", subjects_filter=f"{prefix}*"
        )
        found: dict[str, frozenset[str]] = {}
        for subject in info.state.subjects or {}:
            member = subject.removeprefix(prefix)
            with contextlib.suppress(KeyNotFoundError):
                entry = await self._members.get(self._member_key(member))
                found[member] = frozenset(json.loads(entry.value or b"[]"))
        return found

    async def _renew(self, shard: _Shard) -> None:
        began = self._clock.monotonic()
        key = subjects.lease_key(self._config.name, shard.name)
        try:
            shard.revision = await self._leases.update(key, self._me.encode(), shard.revision)
            shard.renewed = began
        except (KeyWrongLastSequenceError, BadRequestError):
            log.warning("lease_lost", consumer=self._config.name, shard=shard.name)
            self._close(shard)

    async def _try_take(self, name: str) -> None:
        key = subjects.lease_key(self._config.name, name)
        began = self._clock.monotonic()
        try:
            revision = await self._leases.create(key, self._me.encode())
        except (KeyWrongLastSequenceError, BadRequestError):
            return
        durable = await self._own_durable(name)
        if durable is None:
            return
        if self._on_taken is not None:
            self._on_taken()
        shard = _Shard(name=name, durable=durable, revision=revision, renewed=began)
        await self._open(shard)
        self._held[name] = shard
        metrics.TAKEOVERS.labels(self._config.name).inc()
        log.info("shard_taken", consumer=self._config.name, shard=name, durable=durable)

    async def _own_durable(self, name: str) -> str | None:
        """Make this lease's durable, starting where the predecessor's acknowledgements end."""
        key = subjects.lease_key(self._config.name, name)
        old, epoch, revision, start = await self._predecessor(key)
        # The random tail keeps a take-over that died half way from blocking the next one.
        durable = f"{subjects.durable(self._config.name, name, epoch)}-{new_id()[-6:]}"
        config = ConsumerConfig(
            durable_name=durable,
            filter_subject=self._config.filter_of(name),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=2 * _IN_HAND,
            inactive_threshold=_INACTIVE_S,
        )
        if start > 1:
            config.deliver_policy = DeliverPolicy.BY_START_SEQUENCE
            config.opt_start_seq = start
        await self._broker.js.add_consumer(self._config.stream, config)
        value = json.dumps({"durable": durable, "epoch": epoch, "start": start}).encode()
        try:
            if revision is None:
                await self._epochs.create(key, value)
            else:
                await self._epochs.update(key, value, revision)
        except (KeyWrongLastSequenceError, BadRequestError):
            await self._delete_durable(durable)
            return None
        if old:
            await self._delete_durable(old)
        return durable

    async def _predecessor(self, key: str) -> tuple[str | None, int, int | None, int]:
        try:
            entry = await self._epochs.get(key)
        except KeyNotFoundError:
            return None, 1, None, 1
        known: dict[str, Any] = json.loads(entry.value or b"{}")
        start = int(known["start"])
        with contextlib.suppress(NotFoundError):
            info = await self._broker.js.consumer_info(self._config.stream, known["durable"])
            floor = info.ack_floor.stream_seq if info.ack_floor else 0
            start = max(start, floor + 1)
        return known["durable"], int(known["epoch"]) + 1, entry.revision, start

    async def _delete_durable(self, durable: str) -> None:
        with contextlib.suppress(NotFoundError):
            await self._broker.js.delete_consumer(self._config.stream, durable)

    def _drop_stale(self) -> None:
        limit = self._config.ttl_s * 0.8
        for shard in list(self._held.values()):
            if self._clock.monotonic() - shard.renewed > limit:
                log.warning("lease_too_old", consumer=self._config.name, shard=shard.name)
                self._close(shard)

    async def _release(self, shard: _Shard) -> None:
        """Graceful: take nothing new, finish what is in hand, give the lease back."""
        self._close(shard)
        if shard.tasks:
            await asyncio.wait(shard.tasks, timeout=self._config.ttl_s)
        with contextlib.suppress(*CONNECTION_ERRORS, APIError):
            # Acknowledgements must be at the server before a successor asks for the ack floor.
            await self._broker.nc.flush(1)
            await self._leases.delete(
                subjects.lease_key(self._config.name, shard.name), last=shard.revision
            )

    def _close(self, shard: _Shard) -> None:
        # Running handlers end by themselves: cutting one in mid-send would leave an unknown
        # outcome where there need be none.
        self._held.pop(shard.name, None)
        shard.is_stopping = True
        if shard.puller is not None:
            shard.puller.cancel()
        for queue in shard.queues.values():
            queue.clear()
        if shard.subscription is not None:
            task = asyncio.ensure_future(_unsubscribe(shard.subscription))
            shard.tasks.add(task)
            task.add_done_callback(shard.tasks.discard)

    # -- reading -------------------------------------------------------------------------------

    async def _open(self, shard: _Shard) -> None:
        shard.inbox = self._broker.nc.new_inbox()
        shard.last_heard = self._clock.monotonic()

        async def take(msg: Msg) -> None:
            await self._take_in(shard, msg)

        shard.subscription = await self._broker.nc.subscribe(shard.inbox, cb=take)
        await self._pull(shard)
        shard.puller = asyncio.create_task(self._keep_pulling(shard))

    async def _keep_pulling(self, shard: _Shard) -> None:
        """Ask again when the server has gone quiet: a pull dies with the server."""
        while not shard.is_stopping:
            await self._clock.sleep(_HEARTBEAT_S)
            if self._clock.monotonic() - shard.last_heard > 3 * _HEARTBEAT_S:
                shard.asked = 0
                shard.last_heard = self._clock.monotonic()
            await self._pull(shard)

    async def _pull(self, shard: _Shard) -> None:
        """Ask for as many as there is room for, a quarter at least, so that requests are few."""
        room = _IN_HAND - len(shard.in_hand) - shard.asked
        if room < _IN_HAND // 4 or shard.is_stopping:
            return
        ask = {
            "batch": room,
            "expires": int(_PULL_EXPIRES_S * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._config.stream}.{shard.durable}"
        shard.asked += room
        try:
            await self._broker.nc.publish(subject, json.dumps(ask).encode(), reply=shard.inbox)
        except CONNECTION_ERRORS:
            shard.asked = 0

    async def _take_in(self, shard: _Shard, msg: Msg) -> None:
        shard.last_heard = self._clock.monotonic()
        status = msg.headers.get("Status") if msg.headers else None
        if status is not None and not msg.reply.startswith("$JS.ACK"):
            self._on_status(shard, status, msg.headers or {})
            return
        shard.asked = max(0, shard.asked - 1)
        sequence = msg.metadata.sequence.stream
        if shard.is_stopping or sequence in shard.in_hand:
            return
        shard.in_hand[sequence] = None
        key = self._config.key_of(msg.subject)
        queue = shard.queues.get(key)
        if queue is not None:
            queue.append(msg)
        else:
            shard.queues[key] = deque((msg,))
            task = asyncio.create_task(self._work(shard, key))
            shard.tasks.add(task)
            task.add_done_callback(shard.tasks.discard)
        await self._pull(shard)

    def _on_status(self, shard: _Shard, status: str, headers: Mapping[str, str]) -> None:
        if status == "100":
            return
        shard.asked = max(0, shard.asked - int(headers.get("Nats-Pending-Messages", shard.asked)))
        if status == "409" and "Deleted" in headers.get("Description", ""):
            log.warning("durable_deleted", consumer=self._config.name, shard=shard.name)
            self._close(shard)
            self._wake.set()

    async def _work(self, shard: _Shard, key: str) -> None:
        queue = shard.queues[key]
        try:
            while queue and not shard.is_stopping:
                msg = queue[0]
                async with self._slots:
                    done = await self._one(shard, msg)
                if not done:
                    return
                if queue:
                    queue.popleft()
                shard.in_hand.pop(msg.metadata.sequence.stream, None)
                await self._pull(shard)
        finally:
            shard.queues.pop(key, None)

    async def _one(self, shard: _Shard, msg: Msg) -> bool:
        """Handle one message to its end; False when the shard was let go in between."""
        delivery = Delivery(msg.subject, msg.data, msg.headers or {}, msg.metadata.sequence.stream)
        name = self._config.name
        with (
            self._timer.time(),
            tracing.hop(f"handle {name}", delivery.headers, SpanKind.CONSUMER),
        ):
            try:
                await self._handle(delivery)
            except Exception as error:  # noqa: BLE001 - whatever it is, the key must go on
                if not await self._again(shard, msg, delivery, error):
                    return False
        self._handled.inc()
        await self._acknowledge(msg)
        return True

    async def _again(self, shard: _Shard, msg: Msg, delivery: Delivery, error: Exception) -> bool:
        """Try a failed message again until it is handled or dead; False when let go."""
        attempts, waits = 1, 0
        while True:
            if is_transient(error):
                pause = WAITING_PAUSES_S[min(waits, len(WAITING_PAUSES_S) - 1)]
                waits += 1
            elif is_hopeless(error) or attempts > len(self._config.poison_pauses_s):
                return await self._bury(delivery, error, attempts)
            else:
                pause = self._config.poison_pauses_s[attempts - 1]
                attempts += 1
            log.warning(
                "message_failed",
                consumer=self._config.name,
                subject=delivery.subject,
                sequence=delivery.sequence,
                attempts=attempts,
                error=repr(error),
            )
            if not await self._pause(shard, msg, pause):
                return False
            try:
                await self._handle(delivery)
            except Exception as again:  # noqa: BLE001 - see _one
                error = again
            else:
                return True

    async def _pause(self, shard: _Shard, msg: Msg, seconds: float) -> bool:
        """Wait, telling the server that the message is still worked on."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            if shard.is_stopping:
                return False
            with contextlib.suppress(*CONNECTION_ERRORS):
                await msg.in_progress()
            await self._clock.sleep(min(left, ACK_WAIT_S / 6, 1.0 if seconds > 1 else left))
        return not shard.is_stopping

    async def _bury(self, delivery: Delivery, error: Exception, attempts: int) -> bool:
        reason = str(error)[:500].replace("\n", " ")
        headers = {
            **{k: v for k, v in delivery.headers.items() if not k.startswith("Nats-")},
            subjects.HEADER_MSG_ID: f"{self._config.stream}-{delivery.sequence}",
            subjects.HEADER_REASON: reason,
            subjects.HEADER_ATTEMPTS: str(attempts),
        }
        await self._broker.patiently(
            lambda: self._broker.js.publish(
                subjects.dead(delivery.subject), delivery.data, headers=headers
            )
        )
        metrics.DEAD.labels(self._config.name).inc()
        log.error(
            "message_given_up", subject=delivery.subject, sequence=delivery.sequence, reason=reason
        )
        if self._on_dead is not None:
            try:
                await self._broker.patiently(lambda: self._tell_dead(delivery, reason))
            except Exception as failed:
                log.exception("dead_letter_not_told", error=repr(failed))
        return True

    async def _tell_dead(self, delivery: Delivery, reason: str) -> None:
        if self._on_dead is not None:
            await self._on_dead(delivery, reason)

    async def _acknowledge(self, msg: Msg) -> None:
        # Not waited for: a lost acknowledgement only brings the message again.
        with contextlib.suppress(*CONNECTION_ERRORS):
            await msg.ack()


def is_hopeless(error: Exception) -> bool:
    """Say whether trying again cannot help."""
    return isinstance(error, GiveUpError | ValidationError)


def is_transient(error: Exception) -> bool:
    """Say whether a failure lies with a dependency, not with the message."""
    if isinstance(error, (UnavailableError, CapacityError, *CONNECTION_ERRORS)):
        return True
    if isinstance(error, TandemError):
        return error.retryable
    return isinstance(error, APIError) and error.code is not None and error.code >= 500  # noqa: PLR2004


async def _unsubscribe(subscription: Subscription) -> None:
    with contextlib.suppress(*CONNECTION_ERRORS, Exception):
        await subscription.unsubscribe()
