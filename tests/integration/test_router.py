"""The router on real NATS, Temporal and SQLite: events in, outcomes, turns and transcripts out."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from standardwebhooks import Webhook

from tandem_common.contract import subjects
from tandem_common.contract.config import BotConfig, BotRules
from tandem_common.contract.errors import NotFoundError
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.rules import HandlerRef, Rule
from tandem_common.contract.transcripts import (
    ConversationList,
    ListConversations,
    ReadTranscript,
    ReadTurn,
    RuleTestResult,
    TestRules,
    Transcript,
    Turn,
)
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.turnlog import attach
from tandem_common.testing.builders import an_event
from tandem_common.testing.servers import NatsServer, TemporalServer, free_port
from tandem_router.service import build
from tandem_router.settings import RouterSettings

pytestmark = pytest.mark.integration

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def router_settings(nats: NatsServer, temporal: TemporalServer, folder: Path, **more: Any) -> Any:
    return RouterSettings(
        nats_url=nats.url,
        temporal_address=temporal.address,
        secret_key=Fernet.generate_key().decode(),
        http_port=free_port(),
        storage_scale=0.02,
        allow_private_urls=True,
        **({"database_url": f"sqlite+aiosqlite:///{folder}/router.db"} | more),
    )


@asynccontextmanager
async def connected(settings: Any) -> AsyncIterator[Broker]:
    broker = Broker(settings, name="test")
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


async def put_bot(broker: Broker, bot: BotConfig, *rules: Rule) -> None:
    await broker.declare(buckets=(subjects.CFG,))
    cfg = await broker.kv(subjects.CFG)
    body = BotRules(bot=bot.id, rules=rules).to_json()
    await cfg.put(subjects.rules_key(bot.platform, bot.id), body)
    await cfg.put(subjects.bot_key(bot.platform, bot.id), bot.to_json())


def a_bot(**fields: Any) -> BotConfig:
    values = {"id": "support", "platform": "onebot", "name": "Support"}
    return BotConfig(**(values | {"default_handler": HandlerRef(kind="echo")} | fields))


async def outcomes(broker: Broker, count: int, platform: str = "onebot") -> list[Outcome]:
    for _ in range(300):
        stored = await broker.read_subject(
            subjects.out_stream(platform), subjects.out_of_platform(platform)
        )
        if len(stored) >= count:
            return [Outcome.read(message.data) for message in stored]
        await asyncio.sleep(0.05)
    raise AssertionError(f"not {count} outcomes")


def said(outcome: Outcome) -> str:
    return "|".join(
        c.text
        for command in outcome.commands
        if command.kind == "send_message"
        for c in command.components
        if c.kind == "text"
    )


@asynccontextmanager
async def running(settings: Any) -> AsyncIterator[Broker]:
    service = build(settings)
    await service.start()
    try:
        async with connected(settings) as broker:
            yield broker
    finally:
        await service.stop()


async def test_echo_answers_once_in_order(nats, temporal, tmp_path):
    settings = router_settings(nats, temporal, tmp_path)
    async with running(settings) as broker:
        await put_bot(broker, a_bot())
        first = an_event("one")
        assert await broker.publish_event(first)
        assert not await broker.publish_event(first)
        await broker.publish_event(an_event("two"))
        found = await outcomes(broker, 2)
        assert [said(outcome) for outcome in found] == ["one", "two"]
        assert found[0].source_event == first.id


async def test_rules_decide_and_say_why(nats, temporal, tmp_path):
    settings = router_settings(nats, temporal, tmp_path)
    async with running(settings) as broker:
        silent = Rule.read_object(
            {
                "id": "quiet",
                "bot": "support",
                "priority": 10,
                "when": {"text": {"starts_with": "/quiet"}},
                "handler": {"kind": "discard"},
            }
        )
        await put_bot(broker, a_bot(), silent)
        await broker.publish_event(an_event("/quiet please"))
        await broker.publish_event(an_event("loud"))
        assert [said(o) for o in await outcomes(broker, 1)] == ["loud"]
        result = await broker.request(
            subjects.service_op("router", "test_rules"),
            TestRules(event=an_event("loud")),
            RuleTestResult,
        )
        assert result.winners == ()
        assert result.handlers[0].kind == "echo"
        assert "start with" in result.verdicts[0].reason


async def test_a_caller_reads_the_turn_of_an_echo(nats, temporal, tmp_path):
    settings = router_settings(nats, temporal, tmp_path)
    async with running(settings) as broker:
        handler = HandlerRef(kind="echo", config={"stream": True})
        await put_bot(broker, a_bot(platform="openai", default_handler=handler))
        turn = new_id()
        await broker.publish_event(an_event("one two three", platform="openai", turn=turn))
        kinds, text = [], ""
        async with asyncio.timeout(10):
            async for entry in attach(broker, turn):
                kinds.append(entry.kind)
                text += entry.text if entry.kind == "delta" else ""
        assert kinds == ["started", "delta", "delta", "delta", "final"]
        assert text == "one two three"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_transcript_and_turn_are_stored(request, nats, temporal, tmp_path, kind):
    more = {}
    if kind == "postgresql":
        more["database_url"] = request.getfixturevalue("postgres_url")
    settings = router_settings(nats, temporal, tmp_path, **more)
    async with running(settings) as broker:
        await put_bot(broker, a_bot())
        event = an_event("keep this")
        await broker.publish_event(event)
        await outcomes(broker, 1)
        read = ReadTranscript(conversation_id=event.conversation_token)
        async with asyncio.timeout(15):
            while True:
                with contextlib.suppress(NotFoundError):
                    page = await broker.request(
                        subjects.service_op("router", "transcript"), read, Transcript
                    )
                    if len(page.items) == 2:
                        break
                await asyncio.sleep(0.05)
        assert [(i.direction, i.text) for i in page.items] == [
            ("in", "keep this"),
            ("out", "keep this"),
        ]
        listed = await broker.request(
            subjects.service_op("router", "conversations"),
            ListConversations(search="KEEP"),
            ConversationList,
        )
        assert [c.id for c in listed.items] == [event.conversation_token]
        assert listed.items[0].messages == 2
        turn = await broker.request(
            subjects.service_op("router", "turn"), ReadTurn(turn=event.id), Turn
        )
        assert (turn.state, turn.text, turn.handler) == ("final", "keep this", "echo")


class Receiver:
    """Somebody else's program: checks the signature with the official library."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.failures = 0
        self.answer: Any = {"reply": "from the webhook"}
        self.port = free_port()

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.read()
        Webhook(SECRET).verify(body.decode(), dict(request.headers))
        event = json.loads(body)["event"]
        self.ids.append(request.headers["webhook-id"])
        if self.failures > 0:
            self.failures -= 1
            return web.Response(status=503)
        self.seen.append(event["message"]["components"][0]["text"])
        return web.json_response(self.answer)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/", self._post)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield f"http://127.0.0.1:{self.port}/"
        finally:
            await runner.cleanup()


def webhook(url: str, **config: Any) -> HandlerRef:
    return HandlerRef(kind="webhook", config={"url": url, "secret": SECRET, **config})


async def test_webhook_is_signed_and_obeyed(nats, temporal, tmp_path):
    receiver = Receiver()
    settings = router_settings(nats, temporal, tmp_path)
    async with receiver.running() as url, running(settings) as broker:
        await put_bot(broker, a_bot(default_handler=webhook(url)))
        event = an_event("ping")
        await broker.publish_event(event)
        assert said((await outcomes(broker, 1))[0]) == "from the webhook"
        assert receiver.ids == [event.id]


@pytest.mark.timeout(90)
async def test_a_failed_webhook_is_tried_again_in_order(nats, temporal, tmp_path):
    receiver = Receiver()
    receiver.failures = 2
    settings = router_settings(nats, temporal, tmp_path)
    async with receiver.running() as url, running(settings) as broker:
        await put_bot(broker, a_bot(default_handler=webhook(url)))
        await broker.publish_event(an_event("first"))
        await broker.publish_event(an_event("second"))
        async with asyncio.timeout(60):
            while len(receiver.seen) < 2:
                await asyncio.sleep(0.1)
        assert receiver.seen == ["first", "second"]
        spoken = [said(o) for o in await outcomes(broker, 4) if o.commands]
        assert spoken == ["from the webhook"] * 2


async def test_a_refused_webhook_is_a_dead_letter_and_the_conversation_goes_on(
    nats, temporal, tmp_path
):
    receiver = Receiver()
    receiver.answer = {"actions": [{"kind": "no such thing"}]}
    settings = router_settings(nats, temporal, tmp_path)
    async with receiver.running() as url, running(settings) as broker:
        await put_bot(broker, a_bot(platform="openai", default_handler=webhook(url)))
        turn = new_id()
        await broker.publish_event(an_event("bad", platform="openai", turn=turn))
        async with asyncio.timeout(10):
            last = [entry async for entry in attach(broker, turn)][-1]
        assert last.kind == "failed"
        assert "actions[0]" in last.error.message
        dead = await broker.read_subject(subjects.DLQ, subjects.ALL_DEAD)
        assert len(dead) == 1
        assert "actions[0]" in dead[0].headers[subjects.HEADER_REASON]
        receiver.answer = {"reply": "good"}
        await broker.publish_event(an_event("good", platform="openai"))
        assert said((await outcomes(broker, 1, "openai"))[-1]) == "good"


async def test_malformed_event_harms_nobody(nats, temporal, tmp_path):
    settings = router_settings(nats, temporal, tmp_path)
    async with running(settings) as broker:
        await put_bot(broker, a_bot())
        event = an_event("fine")
        subject = subjects.event("onebot", "support", event.type, event.conversation_token)
        await broker.js.publish(subject, b"{not json")
        await broker.publish_event(event)
        assert [said(o) for o in await outcomes(broker, 1)] == ["fine"]
        dead = await broker.read_subject(subjects.DLQ, subjects.ALL_DEAD)
        assert [message.data for message in dead] == [b"{not json"]
