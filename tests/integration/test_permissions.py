"""Who may do what on NATS, tried: with the configuration `tandem up` writes and each user's key.

What a service needs works; what it has no business with is refused by the server, and does not
arrive. A refusal is believed only with both: the server's word, and an administrator who listens
to everything and hears nothing.
"""

import asyncio
import base64
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import nats.errors
import nkeys  # type: ignore[import-untyped]
import pytest
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError

from tandem import nats_config
from tandem.house.credentials import Credentials, ensure, new_seed
from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel
from tandem_common.contract.commands import SendMessage
from tandem_common.contract.components import Text
from tandem_common.contract.entities import Chat, Conversation
from tandem_common.contract.outcomes import Author, HandledBy, Outcome
from tandem_common.contract.permissions import SERVICE_USERS
from tandem_common.contract.turns import TurnFinal
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.config_watch import ConfigWatch
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.keyed import Delivery, KeyedConfig, KeyedConsumer
from tandem_common.runtime.media import MediaStore
from tandem_common.runtime.outlog import OutLog
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.runtime.turnlog import TurnLog, attach
from tandem_common.testing.builders import an_event
from tandem_common.testing.servers import BIN, free_port, listens, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
STREAMS = (
    subjects.EVENTS,
    subjects.TURNS,
    subjects.TICKETS,
    subjects.LEDGER,
    subjects.DLQ,
    subjects.WEBCHAT,
    *(subjects.out_stream(platform) for platform in ("onebot", "webchat", "openai")),
)
BUCKETS = (
    subjects.CFG,
    subjects.LEASES,
    subjects.EPOCHS,
    subjects.MEMBERS,
    subjects.SENT,
    subjects.CURSORS,
)
EVERYTHING = (*STREAMS, *(f"KV_{bucket}" for bucket in BUCKETS), f"OBJ_{subjects.MEDIA}")
SERVICES = tuple(user for user in SERVICE_USERS if user != "admin")
SECRET = b"somebody else's"


class Watched(Broker):
    """A connection that keeps what the server refused."""

    def __init__(self, settings: ServiceSettings, name: str) -> None:
        super().__init__(settings, name=name)
        self.refusals: list[str] = []

    async def _on_error(self, error: Exception) -> None:
        self.refusals.append(str(error))

    async def refuses(self, verb: str, subject: str) -> bool:
        """Say whether the server has refused this; to be asked after it was tried."""
        await self.nc.flush()
        said = f'permissions violation for {verb} "{subject}"'.casefold()
        for _ in range(20):  # the word comes through a callback, a moment after the flush
            if any(said in refusal.casefold() for refusal in self.refusals):
                return True
            await asyncio.sleep(0.01)
        return False


@dataclass(frozen=True)
class Guarded:
    """A nats-server with the house's configuration, and everybody's keys."""

    url: str
    credentials: Credentials

    def settings(self, user: str) -> ServiceSettings:
        file = str(self.credentials.nkey_files[user])
        return ServiceSettings(nats_url=self.url, nats_nkey_file=file, nats_user=user)

    @contextlib.asynccontextmanager
    async def user(self, user: str) -> AsyncIterator[Watched]:
        broker = Watched(self.settings(user), name=user)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()


@pytest.fixture(name="guarded", scope="module")
def _guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    credentials = ensure(folder)
    place = nats_config.NatsServer(free_port(), free_port(), folder / "js")
    config = folder / "nats.conf"
    config.write_text(nats_config.render(place, credentials.nkey_public))
    args = [str(BIN / "nats-server"), "--config", str(config), "--log", str(folder / "log")]
    with subprocess.Popen(args) as process:
        try:
            wait_until(lambda: listens(place.port), "nats-server")
            guarded = Guarded(f"nats://127.0.0.1:{place.port}", credentials)
            asyncio.run(_furnish(guarded))
            yield guarded
        finally:
            process.terminate()


async def _furnish(guarded: Guarded) -> None:
    """Make every stream, and put something into each that others want to see or spoil."""
    async with guarded.user("admin") as admin:
        await admin.declare(STREAMS, BUCKETS, media=True)
        for bucket, key in (
            (subjects.CFG, "bot.webchat.web-demo"),
            (subjects.CFG, "bot.onebot.demo"),
            (subjects.CFG, "rules.onebot.demo"),
            (subjects.CFG, "connection.upstream"),
            (subjects.SENT, "webchat.web-demo.c1"),
            (subjects.SENT, "onebot.demo.c1"),
            (subjects.CURSORS, "webchat.web-demo.status"),
            (subjects.CURSORS, "onebot.demo.status"),
        ):
            await (await admin.kv(bucket)).put(key, SECRET)


@contextlib.asynccontextmanager
async def hearing(guarded: Guarded) -> AsyncIterator[list[str]]:
    """Hear every subject anything is published on."""
    heard: list[str] = []

    async def hear(msg: Msg) -> None:
        heard.append(msg.subject)

    async with guarded.user("admin") as admin:
        await admin.nc.subscribe(">", cb=hear)
        await admin.nc.flush()
        yield heard
        await admin.nc.flush()


# -- what must be denied ---------------------------------------------------------------------------

_OTHERS_EVENTS = (
    "evt.webchat.web-demo.message.received.c1",
    "evt.telegram.bot.message.received.c1",
)
_OUTCOMES = ("out.onebot.demo.c1", "out.webchat.web-demo.c1", "out.openai.human.c1")
_BOX = ("box.v1.agent.exec", "box.proc.s1.p1.in")
_RELAY = ("relay.v1.reply", "relay.v1.claim", "relay.changed.opened")
_TICKETS = ("ticket.open.t1", "ticket.cancel.t1")


def _get(bucket: str, key: str) -> str:
    return f"$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.{key}"


def _consumer(bucket: str, key: str) -> str:
    return f"$JS.API.CONSUMER.CREATE.KV_{bucket}.spy.$KV.{bucket}.{key}"


def _whole(stream: str) -> tuple[str, ...]:
    """Every way to read a whole stream, or somebody else's place in it."""
    return (
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.spy",
        f"$JS.API.CONSUMER.CREATE.{stream}.spy.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.spy",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.CONSUMER.LIST.{stream}",
        f"$JS.API.CONSUMER.NAMES.{stream}",
    )


def _destroy(stream: str) -> tuple[str, ...]:
    """Every way to make what is stored go away, or to have it told elsewhere."""
    return (
        f"$JS.API.STREAM.DELETE.{stream}",
        f"$JS.API.STREAM.PURGE.{stream}",
        f"$JS.API.STREAM.UPDATE.{stream}",
        f"$JS.API.STREAM.RESTORE.{stream}",
        f"$JS.API.STREAM.SNAPSHOT.{stream}",
    )


def _foreign_config(platform: str) -> tuple[str, ...]:
    keys = (f"bot.{platform}.*", f"rules.{platform}.demo", "connection.upstream", ">")
    return (
        *(_get(subjects.CFG, key) for key in keys),
        *(_consumer(subjects.CFG, key) for key in keys),
        *(f"$KV.{subjects.CFG}.{key}" for key in ("bot.onebot.demo", "connection.upstream")),
    )


def _of_an_adapter(own: str, other: str) -> tuple[str, ...]:
    return (
        *(subject for subject in _OUTCOMES),
        *_BOX,
        *_RELAY,
        *_TICKETS,
        "turn.t1.final",
        "router.v1.test_rules",
        "usage.tokens",
        "audit.signed_in",
        "evt.telegram.bot.message.received.c1",
        "evt.openai.human.message.received.c1",
        f"evt.{other}.demo.message.received.c1",
        f"api.{other}.demo.mute_member",
        f"api.{own}.demo.mute_member",
        f"hook.{other}.demo",
        f"delivery.{other}",
        f"dlq.out.{other}.demo.c1",
        f"dlq.evt.{own}.demo.message.received.c1",
        *_foreign_config(other),
        f"$KV.{subjects.CFG}.manifest.{other}",
        f"$KV.{subjects.CFG}.rules.{own}.demo",
        *_whole(f"KV_{subjects.CFG}"),
        *(
            subject
            for bucket, key in (
                (subjects.SENT, f"{other}.demo.c1"),
                (subjects.CURSORS, f"{other}.demo.status"),
                (subjects.LEASES, f"out-{other}.demo"),
                (subjects.LEASES, "events.3"),
                (subjects.EPOCHS, f"out-{other}.demo"),
                (subjects.MEMBERS, "tickets.somebody"),
            )
            for subject in (
                f"$KV.{bucket}.{key}",
                _get(bucket, key),
                _consumer(bucket, key),
            )
        ),
        *_whole(subjects.EVENTS),
        *_whole(subjects.TICKETS),
        *_whole(subjects.LEDGER),
        *_whole(subjects.DLQ),
        *_whole(subjects.out_stream(other)),
        *(subject for stream in EVERYTHING for subject in _destroy(stream)),
        "$JS.API.STREAM.CREATE.MIRROR",
        "$JS.API.STREAM.LIST",
        "$JS.API.CONSUMER.MSG.NEXT.EVENTS.events-3-e1",
        "$JS.API.CONSUMER.DELETE.EVENTS.transcripts",
        "$JS.API.CONSUMER.PAUSE.EVENTS.transcripts",
        "$JS.ACK.EVENTS.transcripts.1.1.1.1.0",
    )


DENIED: dict[str, tuple[str, ...]] = {
    "adapter-onebot": (
        *_of_an_adapter("onebot", "webchat"),
        "webchat.web-demo.c1",
        "chatlive.web-demo.c1",
        *_whole(subjects.WEBCHAT),
    ),
    "adapter-webchat": _of_an_adapter("webchat", "onebot"),
    "relay": (
        *_OTHERS_EVENTS,
        "evt.openai.human.message.received.c1",
        *_BOX,
        "ticket.open.t1",
        "ticket.cancel.t1",
        "webchat.web-demo.c1",
        "api.onebot.demo.mute_member",
        "hook.onebot.demo",
        "router.v1.test_rules",
        *_foreign_config("webchat"),
        *_foreign_config("onebot"),
        *_whole(f"KV_{subjects.CFG}"),
        *_whole(f"KV_{subjects.SENT}"),
        *_whole(f"OBJ_{subjects.MEDIA}"),
        *_whole(subjects.EVENTS),
        *_whole(subjects.WEBCHAT),
        *_whole(subjects.LEDGER),
        f"$KV.{subjects.LEASES}.events.3",
        f"$KV.{subjects.SENT}.onebot.demo.c1",
        f"$KV.{subjects.CURSORS}.onebot.demo.status",
        "$JS.API.STREAM.CREATE.MIRROR",
        *(
            subject
            for stream in EVERYTHING
            for subject in _destroy(stream)
            if subject != f"$JS.API.STREAM.UPDATE.{subjects.TICKETS}"
        ),
    ),
    "router": (
        *_OTHERS_EVENTS,
        *_BOX,
        "hook.onebot.demo",
        "webchat.web-demo.c1",
        "ticket.cancel.t1",
        "relay.changed.opened",
        *(f"$KV.{subjects.CFG}.{key}" for key in ("bot.onebot.demo", "rules.onebot.demo")),
        f"$KV.{subjects.SENT}.onebot.demo.c1",
        f"$KV.{subjects.LEASES}.out-onebot.demo",
        *_whole(f"KV_{subjects.SENT}"),
        *_whole(f"OBJ_{subjects.MEDIA}"),
        "$JS.API.STREAM.CREATE.MIRROR",
        *(
            subject
            for stream in EVERYTHING
            for subject in _destroy(stream)
            if "UPDATE" not in subject
        ),
        f"$JS.API.STREAM.UPDATE.KV_{subjects.CFG}",
        f"$JS.API.STREAM.UPDATE.KV_{subjects.SENT}",
        f"$JS.API.STREAM.UPDATE.OBJ_{subjects.MEDIA}",
    ),
    "box": (
        *_OTHERS_EVENTS,
        *_OUTCOMES,
        *_RELAY,
        *_TICKETS,
        "turn.t1.final",
        "box.v1.agent.exec",
        "audit.ran",
        *_whole(f"KV_{subjects.CFG}"),
        _get(subjects.CFG, "bot.onebot.demo"),
        "$JS.API.INFO",
        "$JS.API.STREAM.NAMES",
        *(subject for stream in EVERYTHING for subject in _destroy(stream)),
    ),
    "gateway": (
        *_BOX,
        "turn.t1.final",
        "relay.changed.opened",
        "delivery.onebot",
        *(
            subject
            for bucket in (subjects.LEASES, subjects.EPOCHS, subjects.MEMBERS, subjects.SENT)
            for subject in (
                f"$KV.{bucket}.events.3",
                _get(bucket, "events.3"),
                _consumer(bucket, ">"),
                *_whole(f"KV_{bucket}"),
            )
        ),
        f"$KV.{subjects.CURSORS}.onebot.demo.status",
        _get(subjects.CURSORS, "onebot.demo.offset"),
        "$JS.API.STREAM.CREATE.MIRROR",
        *_whole(subjects.EVENTS),
        *_whole(subjects.TICKETS),
        f"$JS.API.STREAM.MSG.DELETE.{subjects.EVENTS}",
        f"$JS.API.STREAM.MSG.DELETE.{subjects.WEBCHAT}",
        *(
            subject
            for stream in EVERYTHING
            for subject in _destroy(stream)
            if subject != f"$JS.API.STREAM.UPDATE.{subjects.WEBCHAT}"
        ),
    ),
}

_INBOXES = tuple(f"_INBOX_{user}.>" for user in SERVICE_USERS)
UNHEARD: dict[str, tuple[str, ...]] = {
    "adapter-onebot": (
        "evt.>",
        "evt.webchat.>",
        "out.>",
        "out.webchat.>",
        "hook.webchat.*",
        "api.webchat.>",
        "relay.>",
        "box.>",
        "webchat.>",
        "$KV.>",
        "$KV.CFG.>",
        "$KV.CFG.bot.webchat.*",
        "$KV.CFG.connection.*",
    ),
    "adapter-webchat": ("evt.>", "out.>", "hook.onebot.*", "api.>", "$KV.CFG.bot.onebot.*"),
    "relay": ("evt.>", "out.>", "$KV.CFG.>", "hook.>", "webchat.>", "box.>", "router.v1.>"),
    "router": ("hook.>", "webchat.>", "box.>", "relay.v1.>", "relay.changed.*"),
    "box": ("evt.>", "out.>", "relay.>", "turn.>", "$KV.>"),
    "gateway": ("relay.v1.>", "router.v1.>", "box.>", "hook.>", "ticket.>", "$KV.LEASES.>"),
}


@pytest.mark.parametrize("user", SERVICES)
async def test_what_a_service_may_not_say(guarded: Guarded, user: str):
    tried = tuple(dict.fromkeys(DENIED[user]))
    async with guarded.user(user) as intruder:
        async with hearing(guarded) as heard:
            for subject in tried:
                await intruder.nc.publish(subject, b"{}")
            allowed = [one for one in tried if not await intruder.refuses("publish to", one)]
        assert allowed == []
        assert set(heard).isdisjoint(tried)
        assert len(intruder.refusals) == len(tried)


@pytest.mark.parametrize("user", SERVICES)
async def test_what_a_service_may_not_hear(guarded: Guarded, user: str):
    inboxes = tuple(inbox for inbox in _INBOXES if inbox != f"_INBOX_{user}.>")
    tried = (
        ">",
        "*.>",
        "_INBOX.>",
        "*",
        "$JS.>",
        "$JS.EVENT.>",
        "$SYS.>",
        *inboxes,
        *UNHEARD[user],
    )
    heard: list[str] = []

    async def hear(msg: Msg) -> None:
        heard.append(msg.subject)

    async with guarded.user(user) as intruder, guarded.user("admin") as admin:
        for subject in tried:
            await intruder.nc.subscribe(subject, cb=hear)
            await intruder.nc.subscribe(subject, queue="spies", cb=hear)
        allowed = [one for one in tried if not await intruder.refuses("subscription to", one)]
        assert allowed == []
        for subject in ("evt.telegram.b.message.received.c", "_INBOX_other.x.y", "hook.x.y"):
            await admin.nc.publish(subject, b"secret")
        await admin.nc.flush()
        await intruder.nc.flush()
    assert heard == []


async def test_the_proof_can_fail(guarded: Guarded):
    """What is allowed is heard and not refused, by the same means."""
    async with guarded.user("adapter-onebot") as adapter, hearing(guarded) as heard:
        await adapter.nc.publish("evt.onebot.demo.message.received.c9", b"{}")
        assert not await adapter.refuses("publish to", "evt.onebot.demo.message.received.c9")
        await adapter.nc.publish("evt.webchat.demo.message.received.c9", b"{}")
        assert await adapter.refuses("publish to", "evt.webchat.demo.message.received.c9")
    assert "evt.onebot.demo.message.received.c9" in heard


@pytest.mark.parametrize("who", ["nobody", "a stranger", "the router without its seed"])
async def test_without_a_known_key_nobody_comes_in(guarded: Guarded, who: str):
    stranger = nkeys.from_seed(new_seed().encode())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(guarded.url.split(":")[-1]))
    info = json.loads((await reader.readline()).removeprefix(b"INFO "))
    options: dict[str, Any] = {"verbose": False}
    if who != "nobody":
        signed = base64.urlsafe_b64encode(stranger.sign(info["nonce"].encode()))
        options["sig"] = signed.decode().rstrip("=")
        options["nkey"] = stranger.public_key.decode()
    if who == "the router without its seed":
        options["nkey"] = guarded.credentials.nkey_public["router"]
    writer.write(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    assert b"-ERR 'Authorization Violation'" in answer
    assert b"PONG" not in answer
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("stream", [f"KV_{subjects.CFG}", f"KV_{subjects.SENT}"])
async def test_a_consumer_reads_no_more_than_its_subject_says(guarded: Guarded, stream: str):
    """The permission stands in the subject of the request; the server holds the body to it."""
    prefix = stream.removeprefix("KV_")
    own = "bot.onebot.spy" if prefix == subjects.CFG else "onebot.spy"
    subject = f"$JS.API.CONSUMER.CREATE.{stream}.spy.$KV.{prefix}.{own}"
    wider: tuple[dict[str, Any], ...] = (
        {"filter_subject": f"$KV.{prefix}.>"},
        {"filter_subjects": [f"$KV.{prefix}.{own}", f"$KV.{prefix}.>"]},
        {"filter_subjects": [f"$KV.{prefix}.>"]},
        {},
    )
    async with guarded.user("adapter-onebot") as intruder:
        for config in wider:
            asked = {
                "stream_name": stream,
                "config": {"name": "spy", "ack_policy": "none"} | config,
            }
            answer = await intruder.nc.request(subject, json.dumps(asked).encode(), timeout=5)
            assert "error" in json.loads(answer.data), config


@pytest.mark.parametrize("bucket", [subjects.CFG, subjects.SENT, subjects.CURSORS])
@pytest.mark.parametrize("rollup", ["all", "sub"])
async def test_writing_the_own_key_wipes_nobody_elses(guarded: Guarded, bucket: str, rollup: str):
    """A rollup replaces a whole bucket by one message: buckets take none."""
    own = {subjects.CFG: "manifest.onebot"}.get(bucket, "onebot.demo.own")
    async with guarded.user("adapter-onebot") as intruder, guarded.user("admin") as admin:
        before = (await admin.js.stream_info(f"KV_{bucket}")).state.messages
        with pytest.raises(APIError, match="rollup"):
            await intruder.js.publish(f"$KV.{bucket}.{own}", b"{}", headers={"Nats-Rollup": rollup})
        assert (await admin.js.stream_info(f"KV_{bucket}")).state.messages == before


async def test_foreign_keys_stay_unread(guarded: Guarded):
    """As a program would try it, with the client's own means."""
    async with guarded.user("adapter-onebot") as intruder:
        intruder.nc.options["allow_reconnect"] = False
        for bucket, key in (
            (subjects.CFG, "bot.webchat.web-demo"),
            (subjects.CFG, "connection.upstream"),
            (subjects.SENT, "webchat.web-demo.c1"),
        ):
            stream, subject = f"KV_{bucket}", f"$KV.{bucket}.{key}"
            js = intruder.nc.jetstream(timeout=0.3)
            with pytest.raises(nats.errors.TimeoutError):
                await js.get_last_msg(stream, subject, direct=True)
            with pytest.raises(nats.errors.TimeoutError):
                await js.get_last_msg(stream, subject)
            config = ConsumerConfig(
                name="spy", filter_subject=subject, deliver_policy=DeliverPolicy.ALL
            )
            with pytest.raises(nats.errors.TimeoutError):
                await js.add_consumer(stream, config)
        assert len(intruder.refusals) == 9
        own = await intruder.last("KV_CFG", "$KV.CFG.bot.onebot.demo")
    assert own is not None
    assert own.data == SECRET


# -- what must work --------------------------------------------------------------------------------


def an_outcome(platform: str, bot: str, chat: str, text: str) -> Outcome:
    place = Conversation(chat=Chat(id=chat, kind="private"))
    return Outcome(
        id=new_id(),
        time=datetime.now(UTC),
        platform=platform,
        bot=bot,
        conversation=place,
        author=Author(kind="bot"),
        handled_by=HandledBy(kind="echo"),
        commands=(
            SendMessage(
                conversation=place, components=(Text(text=text),), idempotency_key=new_id()
            ),
        ),
    )


async def first_of(broker: Broker, config: KeyedConfig, shards: frozenset[str]) -> Delivery:
    """Read the first message by the ordered consumer, leases and all."""
    taken: asyncio.Queue[Delivery] = asyncio.Queue()

    async def handle(delivery: Delivery) -> None:
        taken.put_nowait(delivery)

    consumer = KeyedConsumer(broker, config, handle, lambda: shards)
    await consumer.start()
    try:
        return await asyncio.wait_for(taken.get(), 20)
    finally:
        await consumer.stop()


async def test_an_event_becomes_an_outcome_and_is_sent(guarded: Guarded):
    """Adapter, router and adapter again, each by its own user."""
    async with guarded.user("adapter-onebot") as adapter, guarded.user("router") as router:
        out = subjects.out_stream("onebot")
        await adapter.declare(
            (subjects.EVENTS, out, subjects.DLQ, subjects.TURNS, subjects.LEDGER),
            (subjects.CFG, subjects.SENT, subjects.CURSORS),
            media=True,
        )
        await router.declare((*(s for s in STREAMS if s != subjects.WEBCHAT),), (subjects.CFG,))
        event = an_event("hello", platform="onebot", bot="demo")
        assert await adapter.publish_event(event)
        partitions = frozenset(str(i) for i in range(subjects.PARTITIONS))
        delivery = await first_of(
            router,
            KeyedConfig(
                name="events",
                stream=subjects.EVENTS,
                filter_of=lambda shard: subjects.partition_filter(int(shard)),
                key_of=lambda subject: subject.split(".")[5],
            ),
            partitions,
        )
        outcome = an_outcome("onebot", "demo", "chat", "hello back")
        assert await OutLog(router).commit(outcome, delivery.sequence)
        sent = await first_of(
            adapter,
            KeyedConfig(
                name="out-onebot",
                stream=out,
                filter_of=lambda bot: subjects.out_of_bot("onebot", bot),
                key_of=lambda subject: subject.rpartition(".")[2],
            ),
            frozenset({"demo"}),
        )
        assert Outcome.read(sent.data).id == outcome.id
        await adapter.publish(subjects.deliveries("onebot"), b"{}")
        await adapter.publish(subjects.dead(sent.subject), b"{}")
        ledger = await adapter.kv(subjects.SENT)
        await ledger.put("onebot.demo.mine", b"sent")
        assert (await ledger.get("onebot.demo.mine")).value == b"sent"
        assert adapter.refusals + router.refusals == []


@pytest.mark.parametrize("platform", ["onebot", "webchat"])
async def test_an_adapter_has_its_configuration_and_its_media(guarded: Guarded, platform: str):
    known: dict[str, bytes | None] = {}

    async def change(key: str, value: bytes | None) -> None:
        known[key] = value

    async with guarded.user(f"adapter-{platform}") as adapter, guarded.user("gateway") as gateway:
        watch = ConfigWatch(adapter, [subjects.bots_of_platform(platform)], change)
        await watch.start()
        await (await gateway.kv(subjects.CFG)).put(f"bot.{platform}.made", b"new")
        async with asyncio.timeout(5):
            while known.get(f"bot.{platform}.made") != b"new":
                await asyncio.sleep(0.02)
        await watch.stop()
        assert all(key.startswith(f"bot.{platform}.") for key in known)
        cfg = await adapter.kv(subjects.CFG)
        await cfg.put(subjects.manifest_key(platform), b"{}")
        assert (await cfg.get(subjects.manifest_key(platform))).value == b"{}"
        data = f"bytes of {platform}".encode()
        reference = await MediaStore(adapter).put(data)
        assert (await MediaStore(gateway).get(reference)).data == data
        assert await MediaStore(gateway).put(data) == reference
        status = subjects.cursor_key(platform, "made", "status")
        await (await adapter.kv(subjects.CURSORS)).put(status, b"online")
        seen = await gateway.kv(subjects.CURSORS)
        assert (await seen.get(status)).value == b"online"
        assert adapter.refusals + gateway.refusals == []


async def test_a_caller_waits_for_a_person(guarded: Guarded):
    """Gateway, router and relay: a question, a ticket, an answer."""
    turn = new_id()
    async with (
        guarded.user("gateway") as gateway,
        guarded.user("router") as router,
        guarded.user("relay") as relay,
    ):
        await relay.declare((subjects.TICKETS, subjects.TURNS, subjects.DLQ))
        assert await gateway.publish_event(an_event("hi", platform="openai", bot="human"))
        await router.publish(subjects.open_ticket(turn), b"{}")
        ticket = await first_of(
            relay,
            KeyedConfig(
                name="tickets",
                stream=subjects.TICKETS,
                filter_of=lambda _: subjects.all_tickets(),
                key_of=lambda subject: subject.rpartition(".")[2],
            ),
            frozenset({"all"}),
        )
        assert ticket.subject == subjects.open_ticket(turn)

        async def claim(_: Asked) -> Asked:
            return Asked(said="claimed")

        await relay.serve("relay", {"claim": (Asked, claim)}, version="0.1.0")
        await relay.nc.flush()
        answer = await gateway.request("relay.v1.claim", Asked(said="mine"), Asked, timeout_s=5)
        assert answer.said == "claimed"
        end = TurnFinal(
            turn=turn, n=0, time=datetime.now(UTC), text="done", author=Author(kind="human")
        )
        await TurnLog(relay).write(end)
        async with asyncio.timeout(5):
            assert [entry.kind async for entry in attach(gateway, turn)] == ["final"]
        await OutLog(relay).append(an_outcome("webchat", "web-demo", "v", "done"), new_id())
        await gateway.publish(subjects.cancel_ticket(turn), b"{}")
        assert gateway.refusals + router.refusals + relay.refusals == []


async def test_a_web_chat_is_stored_and_read(guarded: Guarded):
    async with guarded.user("adapter-webchat") as adapter, guarded.user("gateway") as gateway:
        heard: asyncio.Queue[Msg] = asyncio.Queue()
        await gateway.nc.subscribe(subjects.all_webchat(), cb=heard.put)
        await gateway.nc.flush()
        await adapter.declare((subjects.WEBCHAT,))
        await adapter.publish(subjects.webchat("web-demo", "conv"), b"{}")
        await adapter.nc.publish(subjects.webchat_typing("web-demo", "conv"), b"{}")
        assert (await asyncio.wait_for(heard.get(), 5)).subject == "webchat.web-demo.conv"
        stored = await gateway.read_subject(subjects.WEBCHAT, "webchat.web-demo.conv")
        assert [message.data for message in stored] == [b"{}"]

        async def door(msg: Msg) -> None:
            await msg.respond(b"taken")

        await adapter.nc.subscribe("hook.webchat.web-demo", queue="q", cb=door)
        await adapter.nc.flush()
        answer = await gateway.nc.request("hook.webchat.web-demo", b"{}", timeout=5)
        assert answer.data == b"taken"
        assert adapter.refusals + gateway.refusals == []


async def test_the_box_answers_and_says_nothing_else(guarded: Guarded):
    async def run(_: Asked) -> Asked:
        return Asked(said="ran")

    async with guarded.user("box") as box, guarded.user("admin") as admin:
        await box.serve("box", {"exec": (Asked, run)}, version="0.1.0")
        await box.nc.flush()
        answer = await admin.request("box.v1.exec", Asked(said="go"), Asked, timeout_s=5)
        assert answer.said == "ran"
        assert box.refusals == []


class Asked(ContractModel):
    """What the operations of these tests take and give."""

    said: str
