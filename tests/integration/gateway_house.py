"""A gateway in this process, and fakes with behaviour for the services behind it.

`python -m tests.integration.gateway_house NATS_URL` runs the fakes alone, to look at the console.
"""

import asyncio
import contextlib
import sys
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from nats.aio.msg import Msg
from pydantic import SecretStr

from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel
from tandem_common.contract.capabilities import Capability, Labels, Manifest
from tandem_common.contract.components import Component, Text, plain_text
from tandem_common.contract.entities import Chat, Conversation, User
from tandem_common.contract.errors import ConflictError, NotFoundError
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.ids import conversation_token
from tandem_common.contract.outcomes import Author
from tandem_common.contract.relay import (
    OPEN_STATES,
    ClaimTicket,
    CloseTicket,
    ListTickets,
    NoteTicket,
    Operator,
    ReadTicket,
    ReleaseTicket,
    ReplyTicket,
    Ticket,
    TicketChange,
    TicketList,
    TicketNote,
    TicketPart,
    TicketQuestion,
    TypingTicket,
)
from tandem_common.contract.rules import HandlerRef
from tandem_common.contract.transcripts import (
    ConversationList,
    ConversationSummary,
    ListConversations,
    ReadTranscript,
    ReadTurn,
    RuleTestResult,
    RuleVerdict,
    TestRules,
    Transcript,
    TranscriptEntry,
    Turn,
)
from tandem_common.contract.webchat import Ack, ChatDelta, ChatMessage, ChatTyping, Say
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.service import Service
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.testing.servers import free_port
from tandem_gateway.service import build
from tandem_gateway.settings import GatewaySettings
from tandem_gateway.state import GatewayState

SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ADMIN_KEY = "admin-key-0123456789"
CHAT_KEY = "chat-key-0123456789"
OWNER_TOKEN = "owner-token-0123456789"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


def gateway_settings(tmp_path: Path, nats_url: str, **fields: Any) -> GatewaySettings:
    port = free_port()
    values: dict[str, Any] = {
        "nats_url": nats_url,
        "database_url": f"sqlite+aiosqlite:///{tmp_path / 'gateway.db'}",
        "secret_key": SecretStr(SECRET_KEY),
        "http_port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "allow_private_urls": True,
        "bootstrap_admin_key": SecretStr(ADMIN_KEY),
        "bootstrap_api_key": SecretStr(CHAT_KEY),
        "bootstrap_owner_token": SecretStr(OWNER_TOKEN),
        "sqlite_synchronous": "NORMAL",
    }
    return GatewaySettings(**(values | fields))


class House:
    """A running gateway and a client for it."""

    def __init__(self, service: Service, gateway: GatewayState) -> None:
        self.service, self.gateway = service, gateway
        self.url = gateway.settings.public_url
        self.http = aiohttp.ClientSession(base_url=self.url)

    async def call(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> tuple[int, Any]:
        """Call the admin API with the admin key."""
        headers = {**ADMIN, **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        async with self.http.request(method, f"/api/v1{path}", headers=headers, **options) as got:
            is_json = got.content_type == "application/json"
            return got.status, await got.json() if is_json else await got.text()

    async def cfg(self, key: str) -> bytes | None:
        """Read a key of CFG."""
        stored = await self.gateway.broker.last("KV_CFG", f"$KV.CFG.{key}")
        if stored is None or stored.headers.get("KV-Operation"):
            return None
        return stored.data

    async def settled(self) -> None:
        """Wait until the outbox is empty."""
        await self.gateway.outbox.publish_pending()


@contextlib.asynccontextmanager
async def a_gateway(tmp_path: Path, nats_url: str, **fields: Any) -> AsyncIterator[House]:
    """Run a gateway."""
    service = build(gateway_settings(tmp_path, nats_url, **fields))
    app_state = service.parts[-1]._server.config.app.state  # type: ignore[attr-defined]
    await service.start()
    house = House(service, app_state.gateway)
    try:
        yield house
    finally:
        await house.http.close()
        await service.stop()


class _FakeSettings(ServiceSettings):
    service = "fake"


def fake_settings(nats_url: str, user: str) -> ServiceSettings:
    return _FakeSettings(nats_url=nats_url, nats_user=user)


class FakeWebchat:
    """An adapter that keeps what visitors say and can say things back."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.taken: list[tuple[str, Say]] = []
        self._known: dict[str, str] = {}
        self.refuse: HookResponse | None = None

    async def start(self) -> None:
        await self._broker.declare((subjects.WEBCHAT,))
        await self._broker.nc.subscribe("hook.webchat.*", cb=self._take)

    async def _take(self, msg: Msg) -> None:
        request = HookRequest.read(msg.data)
        if self.refuse is not None:
            await msg.respond(self.refuse.to_json())
            return
        bot = msg.subject.split(".")[2]
        visitor = request.headers["x-visitor-id"]
        said = Say.read(b64decode(request.body))
        ident = self._known.get(said.id)
        if ident is None:
            ident = self._known[said.id] = new_id()
            self.taken.append((visitor, said))
            author = Author(kind="user", id=visitor)
            await self.store(
                bot,
                visitor,
                ChatMessage(
                    id=ident,
                    time=datetime.now(UTC),
                    author=author,
                    components=said.components,
                    client_id=said.id,
                ),
            )
        ack = Ack(client_id=said.id, id=ident).to_json()
        await msg.respond(HookResponse(body=b64encode(ack).decode()).to_json())

    async def store(self, bot: str, visitor: str, frame: ContractModel) -> None:
        token = conversation_token("webchat", bot, visitor)
        await self._broker.publish(subjects.webchat(bot, token), frame.to_json())

    async def say(self, bot: str, visitor: str, text: str, kind: str = "human") -> None:
        author = Author.read_object({"kind": kind, "id": "op", "name": "Mei"})
        await self.store(
            bot,
            visitor,
            ChatMessage(
                id=new_id(), time=datetime.now(UTC), author=author, components=(Text(text=text),)
            ),
        )

    async def stream(self, bot: str, visitor: str, text: str, pause_s: float = 0.0) -> None:
        author, ident, now = Author(kind="bot", name="Echo"), new_id(), datetime.now(UTC)
        for word in text.split(" "):
            delta = ChatDelta(id=ident, time=now, author=author, text=f"{word} ")
            await self.store(bot, visitor, delta)
            await asyncio.sleep(pause_s)
        whole = ChatMessage(id=ident, time=now, author=author, components=(Text(text=text),))
        await self.store(bot, visitor, whole)

    async def typing(self, bot: str, visitor: str) -> None:
        token = conversation_token("webchat", bot, visitor)
        frame = ChatTyping(who="Mei").to_json()
        await self._broker.nc.publish(subjects.webchat_typing(bot, token), frame)


class FakeRelay:
    """Tickets in memory, by the contract's words."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.tickets: dict[str, Ticket] = {}
        self.replies: dict[str, str] = {}
        self.said: list[tuple[str, str]] = []

    async def start(self) -> None:
        await self._broker.serve(
            "relay",
            {
                "list": (ListTickets, self.list),
                "read": (ReadTicket, self.read),
                "claim": (ClaimTicket, self.claim),
                "release": (ReleaseTicket, self.release),
                "reply": (ReplyTicket, self.reply),
                "note": (NoteTicket, self.note),
                "close": (CloseTicket, self.close),
                "typing": (TypingTicket, self.typing),
            },
            version="0.1.0",
        )

    def _get(self, ident: str) -> Ticket:
        if ident not in self.tickets:
            raise NotFoundError(f"no ticket {ident}")
        return self.tickets[ident]

    async def _change(
        self, ticket: Ticket, kind: str, by: Operator | None, **fields: Any
    ) -> Ticket:
        now = datetime.now(UTC)
        changed = ticket.model_copy(update={"rev": ticket.rev + 1, "updated_at": now, **fields})
        self.tickets[ticket.id] = changed
        told = TicketChange.read_object({"kind": kind, "ticket": changed, "by": by})
        await self._broker.nc.publish(subjects.ticket_changed(kind), told.to_json())
        return changed

    async def open(self, text: str, *, user: User | None = None, **fields: Any) -> Ticket:
        ident, now = new_id(), fields.pop("opened_at", datetime.now(UTC))
        chat = fields.pop("chat_id", ident)
        platform, bot = fields.pop("platform", "webchat"), fields.pop("bot", "web-demo")
        ticket = Ticket(
            id=ident,
            turn=new_id(),
            state="waiting",
            rev=0,
            platform=platform,
            bot=bot,
            conversation_id=conversation_token(platform, bot, chat),
            conversation=Conversation(chat=Chat(id=chat, kind="private")),
            user=user or User(id=chat, name="Ann"),
            questions=(
                TicketQuestion(
                    event_id=new_id(), time=now, components=(Text(text=text),), text=text
                ),
            ),
            opened_at=now,
            updated_at=now,
            **fields,
        )
        return await self._change(ticket, "opened", None)

    async def list(self, asked: ListTickets) -> TicketList:
        def wanted(ticket: Ticket) -> bool:
            is_open = ticket.state in OPEN_STATES
            by_status = {"open": is_open, "closed": not is_open, "all": True}
            who = ticket.assignee.id if ticket.assignee else "none"
            return by_status.get(asked.status, ticket.state == asked.status) and (
                asked.assignee is None or asked.assignee == who
            )

        found = sorted(filter(wanted, self.tickets.values()), key=lambda t: t.opened_at)
        return TicketList(items=tuple(found[: asked.limit]))

    async def read(self, asked: ReadTicket) -> Ticket:
        return self._get(asked.ticket)

    async def claim(self, asked: ClaimTicket) -> Ticket:
        ticket = self._get(asked.ticket)
        holder = ticket.assignee
        if holder and holder.id != asked.operator.id and not asked.force:
            raise ConflictError(f"{holder.name} has this ticket", details=_details(ticket))
        return await self._change(
            ticket,
            "claimed",
            asked.operator,
            state="claimed",
            assignee=asked.operator,
            claimed_until=datetime.now(UTC) + timedelta(minutes=10),
        )

    async def release(self, asked: ReleaseTicket) -> Ticket:
        ticket = self._get(asked.ticket)
        return await self._change(
            ticket, "released", asked.operator, state="waiting", assignee=None, claimed_until=None
        )

    async def reply(self, asked: ReplyTicket) -> Ticket:
        ticket = self._get(asked.ticket)
        if asked.idempotency_key in self.replies:
            return self._get(self.replies[asked.idempotency_key])
        if asked.expected_rev is not None and asked.expected_rev != ticket.rev:
            raise ConflictError("somebody else changed this ticket", details=_details(ticket))
        if ticket.state not in OPEN_STATES:
            raise ConflictError("this ticket is closed", details=_details(ticket))
        self.replies[asked.idempotency_key] = ticket.id
        text = plain_text(asked.components)
        self.said.append((ticket.id, text))
        part = TicketPart(
            id=new_id(),
            author=Author(kind="human", id=asked.operator.id, name=asked.operator.name),
            components=asked.components,
            text=text,
            final=asked.final,
            time=datetime.now(UTC),
        )
        return await self._change(
            ticket,
            "replied",
            asked.operator,
            parts=(*ticket.parts, part),
            state="answered" if asked.final else "answering",
            assignee=ticket.assignee or asked.operator,
        )

    async def note(self, asked: NoteTicket) -> Ticket:
        ticket = self._get(asked.ticket)
        note = TicketNote(
            id=new_id(), author=asked.operator, text=asked.text, time=datetime.now(UTC)
        )
        return await self._change(ticket, "noted", asked.operator, notes=(*ticket.notes, note))

    async def close(self, asked: CloseTicket) -> Ticket:
        return await self._change(
            self._get(asked.ticket), "closed", asked.operator, state="declined"
        )

    async def typing(self, asked: TypingTicket) -> None:
        ticket = self._get(asked.ticket)
        told = TicketChange(kind="typing", ticket=ticket, by=asked.operator)
        await self._broker.nc.publish(subjects.ticket_changed("typing"), told.to_json())


def _details(ticket: Ticket) -> dict[str, Any]:
    return {"ticket": ticket.model_dump(mode="json")}


class FakeRouter:
    """Conversations in memory, by the contract's words."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.summaries: dict[str, ConversationSummary] = {}
        self.entries: dict[str, list[TranscriptEntry]] = {}
        self.turns: dict[str, Turn] = {}

    async def start(self) -> None:
        await self._broker.serve(
            "router",
            {
                "conversations": (ListConversations, self.conversations),
                "transcript": (ReadTranscript, self.transcript),
                "turn": (ReadTurn, self.turn),
                "test_rules": (TestRules, self.test_rules),
            },
            version="0.1.0",
        )

    def say(
        self,
        bot: str,
        chat: str,
        text: str,
        *,
        author: Author,
        at: datetime,
        platform: str = "webchat",
        components: tuple[Component, ...] = (),
        **fields: Any,
    ) -> None:
        token = conversation_token(platform, bot, chat)
        entry = TranscriptEntry(
            id=new_id(),
            direction="in" if author.kind == "user" else "out",
            author=author,
            components=components or (Text(text=text),),
            text=text,
            time=at,
            **fields,
        )
        self.entries.setdefault(token, []).append(entry)
        before = self.summaries.get(token)
        is_user = author.kind == "user"
        self.summaries[token] = ConversationSummary(
            id=token,
            platform=platform,
            bot=bot,
            conversation=Conversation(chat=Chat(id=chat, kind="private")),
            user=User(id=chat, name=author.name) if is_user else before.user if before else None,
            last_text=text,
            last_at=at,
            messages=len(self.entries[token]),
        )

    async def conversations(self, asked: ListConversations) -> ConversationList:
        words = (asked.search or "").lower()
        found = [
            summary
            for token, summary in self.summaries.items()
            if (asked.bot is None or summary.bot == asked.bot)
            and any(words in entry.text.lower() for entry in self.entries[token])
        ]
        found.sort(key=lambda summary: summary.last_at, reverse=True)
        return ConversationList(items=tuple(found[: asked.limit]))

    async def transcript(self, asked: ReadTranscript) -> Transcript:
        summary = self.summaries.get(asked.conversation_id)
        if summary is None:
            raise NotFoundError("no such conversation")
        entries = self.entries[asked.conversation_id]
        end = int(asked.cursor) if asked.cursor else len(entries)
        start = max(0, end - asked.limit)
        return Transcript(
            conversation=summary,
            items=tuple(entries[start:end]),
            next=str(start) if start else None,
        )

    async def turn(self, asked: ReadTurn) -> Turn:
        if asked.turn not in self.turns:
            raise NotFoundError("no such turn")
        return self.turns[asked.turn]

    async def test_rules(self, asked: TestRules) -> RuleTestResult:
        verdicts, winners = [], []
        for rule in asked.rules or ():
            start = rule.when.text.starts_with if rule.when.text else None
            text = asked.event.message.own_text if asked.event.type == "message.received" else ""  # type: ignore[union-attr]
            matches = rule.enabled and (start is None or text.startswith(start))
            reason = (
                "every condition holds" if matches else f"the text does not start with {start!r}"
            )
            verdicts.append(RuleVerdict(rule=rule.id, matches=matches, reason=reason))
            if matches:
                winners.append(rule)
        handlers = tuple(r.handler for r in winners[:1]) or (
            asked.default_handler or HandlerRef(kind="discard"),
        )
        return RuleTestResult(
            winners=tuple(r.id for r in winners[:1]), handlers=handlers, verdicts=tuple(verdicts)
        )


@contextlib.asynccontextmanager
async def a_broker(nats_url: str, user: str = "fake") -> AsyncIterator[Broker]:
    broker = Broker(fake_settings(nats_url, user))
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


WEBCHAT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "title": {
            "type": "string",
            "maxLength": 100,
            "title": "Title",
            "title_zh": "标题",
            "description": "At the top of the page.",
            "description_zh": "显示在页面顶部。",
        },
        "welcome": {
            "type": "string",
            "maxLength": 2000,
            "title": "Welcome",
            "title_zh": "欢迎语",
            "format": "textarea",
        },
        "colour": {
            "type": "string",
            "pattern": "^#[0-9a-fA-F]{6}$",
            "title": "Colour",
            "title_zh": "颜色",
        },
    },
}
ONEBOT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["access_token"],
    "properties": {
        "mode": {
            "type": "string",
            "enum": ["reverse_ws", "forward_ws"],
            "default": "reverse_ws",
            "title": "Connection",
            "title_zh": "连接方式",
        },
        "access_token": {
            "type": "string",
            "secret": True,
            "title": "Access token",
            "title_zh": "访问令牌",
        },
        "on_unknown": {
            "type": "string",
            "enum": ["report", "resend"],
            "default": "report",
            "title": "After a crash",
            "title_zh": "崩溃后",
        },
        "heartbeat_s": {
            "type": "integer",
            "minimum": 1,
            "maximum": 600,
            "default": 30,
            "title": "Heartbeat (s)",
            "title_zh": "心跳（秒）",
        },
        "ignore_self": {
            "type": "boolean",
            "default": True,
            "title": "Ignore own messages",
            "title_zh": "忽略自己的消息",
        },
    },
}


def manifest_json(name: str, en: str, zh: str, icon: str, schema: dict[str, Any]) -> bytes:
    return Manifest(
        name=name,
        labels=Labels(en=en, zh=zh),
        description=Labels(en=f"Talk on {en}.", zh=f"在{zh}上对话。"),
        icon=icon,
        settings_schema=schema,
        events=(Capability(name="message.received"),),
        commands=(Capability(name="send_message"),),
        components_in=(Capability(name="text"),),
        components_out=(Capability(name="text"),),
    ).to_json()


async def put_manifests(broker: Broker) -> None:
    await broker.declare(buckets=(subjects.CFG,))
    bucket = await broker.kv(subjects.CFG)
    await bucket.put(
        "manifest.webchat", manifest_json("webchat", "Web chat", "网页聊天", "💬", WEBCHAT_SCHEMA)
    )
    await bucket.put(
        "manifest.onebot",
        manifest_json("onebot", "OneBot (QQ)", "OneBot（QQ）", "🐧", ONEBOT_SCHEMA),
    )


async def seed(relay: FakeRelay, router: FakeRouter) -> None:
    """Fill the fakes with a believable afternoon."""
    now = datetime.now(UTC)
    ago = lambda **d: now - timedelta(**d)  # noqa: E731
    ann, bot = Author(kind="user", id="ann", name="Ann Meyer"), Author(kind="bot", name="Echo")
    mei = Author(kind="human", id="account:2", name="Mei Lin")
    said = [
        (ann, "Hi, is the blue bicycle still in stock?", ago(minutes=42)),
        (bot, "I can look that up. Which size do you need?", ago(minutes=41)),
        (ann, "Size M. And could you deliver it to Potsdam?", ago(minutes=40)),
        (
            mei,
            "Size M is in stock: **2 left**. Delivery to Potsdam takes two days:\n\n- Tuesday, 9–12\n- Wednesday, 13–17\n\nSee https://example.com/delivery for details.",
            ago(minutes=33),
        ),
        (
            ann,
            "Wednesday is great, thank you! One more thing: can I pay on delivery?",
            ago(minutes=12),
        ),
    ]
    for author, text, at in said:
        extra: dict[str, Any] = {"delivery": "sent"} if author is not ann else {}
        router.say("web-demo", "ann", text, author=author, at=at, handler="human", **extra)
    await relay.open(
        said[-1][1],
        chat_id="ann",
        user=User(id="ann", name="Ann Meyer", locale="en"),
        opened_at=ago(minutes=12),
        reminders=3,
    )
    wang = Author(kind="user", id="wang", name="王小明")
    router.say(
        "onebot-demo",
        "wang",
        "你好，我的订单 20261121-0042 什么时候发货？",
        author=wang,
        at=ago(minutes=4),
        platform="onebot",
    )
    await relay.open(
        "你好，我的订单 20261121-0042 什么时候发货？",
        chat_id="wang",
        platform="onebot",
        bot="onebot-demo",
        user=User(id="10001", name="王小明", username="xiaoming"),
        opened_at=ago(minutes=4),
        reminders=1,
    )
    dev = Author(kind="user", id="ci-bot", name="deploy-pipeline")
    question = "Shall I roll release 2.4.1 out to production?\n\n```\nchecks: 212 passed, 0 failed\nmigration: 0042_add_index (online)\n```"
    router.say("human", "pipeline", question, author=dev, at=ago(seconds=50), platform="openai")
    await relay.open(
        question,
        chat_id="pipeline",
        platform="openai",
        bot="human",
        user=User(id="ci-bot", name="deploy-pipeline"),
        opened_at=ago(seconds=50),
    )
    for i, (name, text) in enumerate(
        [
            ("Jonas", "Thanks, that solved it."),
            ("Li Na 李娜", "好的，谢谢！"),
            ("Priya", "Where can I find the invoice?"),
            ("Tom", "/echo hello"),
        ]
    ):
        router.say(
            "web-demo",
            f"u{i}",
            text,
            author=Author(kind="user", id=f"u{i}", name=name),
            at=ago(hours=3 + i * 7),
        )
        if name == "Tom":
            router.say(
                "web-demo",
                f"u{i}",
                "hello",
                author=bot,
                at=ago(hours=3 + i * 7),
                delivery="failed",
                error="the socket was gone",
            )


async def _main(nats_url: str) -> None:
    async with a_broker(nats_url) as broker:
        relay, router, chat = FakeRelay(broker), FakeRouter(broker), FakeWebchat(broker)
        for fake in (relay, router, chat):
            await fake.start()
        await put_manifests(broker)
        await seed(relay, router)
        await broker.declare((subjects.DLQ,))
        for i in range(3):
            await broker.publish(
                subjects.dead(f"evt.onebot.onebot-demo.message.received.{'a' * 20}.{i}"),
                b'{"id": "x", "type": "message.received", "text": "hello"}',
                {
                    subjects.HEADER_REASON: "webhook answered 500: upstream exploded",
                    subjects.HEADER_ATTEMPTS: "5",
                },
            )
        answered = 0
        while True:
            await asyncio.sleep(0.2)
            while answered < len(chat.taken):
                visitor, said = chat.taken[answered]
                answered += 1
                text = plain_text(said.components)
                if text.startswith("/echo"):
                    await chat.stream("web-demo", visitor, text[5:].strip() or "…", 0.12)
                else:
                    await asyncio.sleep(0.5)
                    await chat.typing("web-demo", visitor)
                    await asyncio.sleep(1.2)
                    await chat.say(
                        "web-demo",
                        visitor,
                        f"Thanks for “{text}”. I am looking into it. **One moment**, please: see https://example.com/help.",
                    )


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
