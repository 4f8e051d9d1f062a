"""`/v1` with the official SDK: people, echo and an upstream behind one address."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from aiohttp import web
from cryptography.fernet import Fernet

from tandem_common.contract import subjects
from tandem_common.contract.components import Text
from tandem_common.contract.relay import (
    ListTickets,
    Operator,
    ReplyTicket,
    Ticket,
    TicketList,
    TypingTicket,
)
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.ids import new_id
from tandem_common.testing.servers import NatsServer, TemporalServer, free_port
from tandem_gateway.service import build as build_gateway
from tandem_gateway.settings import GatewaySettings
from tandem_relay.service import build as build_relay
from tandem_relay.settings import RelaySettings
from tandem_router.service import build as build_router
from tandem_router.settings import RouterSettings

pytestmark = pytest.mark.integration

KEY = "tdm_a-key-for-tests-that-is-long-enough"
ADMIN = "tdm_an-admin-key-for-tests-long-enough"
ANN = Operator(id="ann", name="Ann")


class House:
    """Gateway, router and relay in this process, on real servers."""

    def __init__(self, port: int, broker: Broker) -> None:
        self.url, self.broker = f"http://127.0.0.1:{port}", broker
        self._clients: list[openai.AsyncOpenAI] = []

    def client(self, **options: Any) -> openai.AsyncOpenAI:
        options = {"api_key": KEY, **options}
        client = openai.AsyncOpenAI(base_url=f"{self.url}/v1", **options)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            await client.close()

    async def call(self, op: str, body: Any, reply: Any = Ticket) -> Any:
        return await self.broker.request(subjects.service_op("relay", op), body, reply)

    async def tickets(self, count: int = 1) -> list[Ticket]:
        async with asyncio.timeout(15):
            while True:
                found = (await self.call("list", ListTickets(), TicketList)).items
                if len(found) >= count:
                    return list(found)
                await asyncio.sleep(0.02)

    async def say(self, ticket: Ticket, text: str, *, final: bool = True) -> None:
        await self.call(
            "reply",
            ReplyTicket(
                ticket=ticket.id,
                operator=ANN,
                components=(Text(text=text),),
                final=final,
                idempotency_key=new_id(),
            ),
        )


@pytest.fixture(name="house")
async def _house(
    nats: NatsServer, temporal: TemporalServer, tmp_path: Path
) -> AsyncIterator[House]:
    port = free_port()
    shared: dict[str, Any] = {
        "nats_url": nats.url,
        "temporal_address": temporal.address,
        "secret_key": Fernet.generate_key().decode(),
        "storage_scale": 0.02,
    }

    def own(name: str) -> dict[str, Any]:
        return {**shared, "database_url": f"sqlite+aiosqlite:///{tmp_path}/{name}.db"}

    services = [
        build_router(RouterSettings(http_port=free_port(), **own("router"))),
        build_relay(RelaySettings(http_port=free_port(), **own("relay"))),
        build_gateway(
            GatewaySettings(
                http_port=port,
                bootstrap_api_key=KEY,
                bootstrap_admin_key=ADMIN,
                seed_demo=True,
                keepalive_s=0.5,
                **own("gateway"),
            )
        ),
    ]
    for service in services:
        await service.start()
    broker = Broker(services[0].settings, name="test")
    await broker.start()
    try:
        house = House(port, broker)
        yield house
        await house.close()
    finally:
        await broker.stop()
        for service in reversed(services):
            await service.stop()


def hello(text: str = "hello") -> Any:
    return [{"role": "user", "content": text}]


async def test_models_are_the_bots(house):
    models = [m.id async for m in house.client().models.list()]
    assert models == ["echo", "human"]
    assert (await house.client().models.retrieve("human")).owned_by == "tandem"


async def test_echo_answers_whole_and_streamed(house):
    client = house.client()
    whole = await client.chat.completions.create(model="echo", messages=hello("say this"))
    assert whole.choices[0].message.content == "say this"
    assert whole.choices[0].finish_reason == "stop"
    stream = await client.chat.completions.create(
        model="echo",
        messages=hello("say that"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "say that"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert len({c.id for c in chunks}) == 1


async def test_a_person_answers_a_stream_in_parts(house):
    asking = asyncio.create_task(_streamed(house.client(), "human", "are you there?"))
    ticket = (await house.tickets())[0]
    assert ticket.questions[0].text == "are you there?"
    await house.call("typing", TypingTicket(ticket=ticket.id, operator=ANN))
    await house.say(ticket, "yes", final=False)
    await house.say(ticket, "I am")
    assert await asyncio.wait_for(asking, 10) == "yes\n\nI am"


async def _streamed(client: openai.AsyncOpenAI, model: str, text: str) -> str:
    stream = await client.chat.completions.create(model=model, messages=hello(text), stream=True)
    return "".join([c.choices[0].delta.content or "" async for c in stream])


async def test_a_padded_answer_outlives_the_read_timeout(house):
    client = house.client(timeout=1.5, max_retries=0)
    asking = asyncio.create_task(
        client.chat.completions.create(model="human", messages=hello("take your time"))
    )
    ticket = (await house.tickets())[0]
    await asyncio.sleep(3)
    await house.say(ticket, "done")
    assert (await asyncio.wait_for(asking, 10)).choices[0].message.content == "done"


async def test_a_retry_reaches_the_same_turn_and_one_ticket(house):
    """The client gives up (a total deadline no padding moves) and asks again by itself."""
    messages = hello("just once")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        body = {"model": "human", "messages": messages}
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.7):
                await session.post(f"{house.url}/v1/chat/completions", json=body)
    retried = asyncio.create_task(
        house.client(default_headers={"x-stainless-retry-count": "1"}).chat.completions.create(
            model="human", messages=messages
        )
    )
    ticket = (await house.tickets())[0]
    await asyncio.sleep(0.5)
    assert len(await house.tickets()) == 1
    assert len(ticket.questions) == 1
    await house.say(ticket, "one answer")
    answer = await asyncio.wait_for(retried, 10)
    assert answer.choices[0].message.content == "one answer"
    again = asyncio.create_task(
        house.client().chat.completions.create(model="human", messages=messages)
    )
    fresh = (await house.tickets())[0]
    assert fresh.id != ticket.id, "a delivered turn is never replayed to a new request"
    await house.say(fresh, "another answer")
    assert (await again).choices[0].message.content == "another answer"


async def test_idempotency_key_is_one_question(house):
    client = house.client(default_headers={"Idempotency-Key": "k1"}, max_retries=0)
    both = [
        asyncio.create_task(client.chat.completions.create(model="human", messages=hello("q")))
        for _ in range(2)
    ]
    ticket = (await house.tickets())[0]
    await asyncio.sleep(0.3)
    assert len((await house.tickets())[0].questions) == 1
    with pytest.raises(openai.ConflictError) as caught:
        await client.chat.completions.create(model="human", messages=hello("other"))
    assert caught.value.code == "idempotency_key_in_use"
    await house.say(ticket, "a")
    assert [(await t).choices[0].message.content for t in both] == ["a", "a"]


async def test_only_the_new_part_reaches_the_operator(house):
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "old question"},
        {"role": "assistant", "content": "old answer"},
        {"role": "user", "content": [{"type": "text", "text": "new question"}]},
    ]
    asking = asyncio.create_task(
        house.client().chat.completions.create(model="human", messages=messages)
    )
    ticket = (await house.tickets())[0]
    assert [q.text for q in ticket.questions] == ["new question"]
    await house.say(ticket, "ok")
    await asking


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_input", None),
        (b"[]", 400, "invalid_input", None),
        (b"{}", 400, "invalid_input", "model"),
        ({"model": "no-such", "messages": hello()}, 404, "model_not_found", "model"),
        ({"model": "echo"}, 400, "invalid_input", "messages"),
        ({"model": "echo", "messages": "hi"}, 400, "invalid_input", "messages"),
        ({"model": "echo", "messages": ["hi"]}, 400, "invalid_input", "messages[0]"),
        (
            {"model": "echo", "messages": [{"role": "boss", "content": "x"}]},
            400,
            "invalid_input",
            "messages[0].role",
        ),
        (
            {"model": "echo", "messages": [{"role": "user", "content": 7}]},
            400,
            "invalid_input",
            "messages[0].content",
        ),
    ],
)
async def test_bad_requests_name_the_field(house, body, status, code, param):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answered, headers, error = await _post(house, "/v1/chat/completions", raw)
    assert (answered, error["code"], error["param"]) == (status, code, param)
    assert headers["x-should-retry"] == "false"
    assert headers["x-request-id"]


async def _post(house: House, path: str, raw: bytes, key: str = KEY) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(house.url + path, data=io.BytesIO(raw)) as response,
    ):
        return response.status, response.headers, (await response.json())["error"]


async def test_wrong_keys_paths_methods_and_sizes(house):
    status, _, error = await _post(house, "/v1/chat/completions", b"{}", "tdm_wrong")
    assert (status, error["code"]) == (401, "invalid_api_key")
    status, _, error = await _post(house, "/v1/assistants", b"{}")
    assert (status, error["code"]) == (404, "unknown_url")
    status, _, error = await _post(house, "/v1/models", b"{}")
    assert (status, error["code"]) == (405, "method_not_allowed")
    status, _, error = await _post(house, "/v1/chat/completions", b" " * (33 << 20))
    assert (status, error["code"]) == (413, "too_large")
    with pytest.raises(openai.AuthenticationError):
        await house.client(api_key="x").models.list()


class Provider:
    """An OpenAI-compatible upstream of our own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.fail_first = 0
        self.was_cut = asyncio.Event()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.fail_first:
            self.fail_first -= 1
            return web.Response(status=503)
        if not body.get("stream"):
            return web.json_response(
                {
                    "id": "chatcmpl-1",
                    "object": "chat.completion",
                    "created": 1,
                    "model": body["model"],
                    "choices": [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": "from upstream"},
                            "finish_reason": "stop",
                        }
                    ],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
                }
            )
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(response, body)
        except (ConnectionResetError, asyncio.CancelledError):
            self.was_cut.set()
            raise
        return response

    async def _stream(self, response: web.StreamResponse, body: dict[str, Any]) -> None:
        pieces = ["from ", "up", "stream"]
        if body["messages"][-1]["content"] == "endless":
            pieces = ["x"] * 10_000
        for piece in pieces:
            chunk = {
                "id": "c",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": body["model"],
                "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}],
                "usage": None,
            }
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            await asyncio.sleep(0.01)
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        last = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        text = json.dumps({**last, "choices": [], "usage": usage})
        await response.write(b"data: " + text.encode() + b"\n\ndata: [DONE]\n\n")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield f"http://127.0.0.1:{self.port}/v1"
        finally:
            await runner.cleanup()


async def connect(house: House, url: str) -> None:
    connection = {
        "id": "up",
        "kind": "openai",
        "base_url": url,
        "api_key": "sk-upstream",
        "prefix": "up/",
        "models": ["m1"],
    }
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{house.url}/api/v1/connections", json=connection) as response,
    ):
        assert response.status == 201, await response.text()


async def usages(house: House, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            stored = await house.broker.read_subject(subjects.LEDGER, subjects.usage("chat"))
            found = [u for message in stored for u in json.loads(message.data)["items"]]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_pass_through_whole_and_streamed_with_usage_in_the_ledger(house):
    provider = Provider()
    async with provider.running() as url:
        await connect(house, url)
        client = house.client()
        assert "up/m1" in [m.id async for m in client.models.list()]
        whole = await client.chat.completions.create(model="up/m1", messages=hello())
        assert whole.choices[0].message.content == "from upstream"
        assert provider.bodies[0]["model"] == "m1"
        assert provider.keys == ["Bearer sk-upstream"]
        stream = await client.chat.completions.create(model="up/m1", messages=hello(), stream=True)
        chunks = [c async for c in stream]
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == "from upstream"
        assert all(c.choices for c in chunks), "usage was not asked for"
        booked = await usages(house, 2)
        assert [u["completion_tokens"] for u in booked] == [2, 3]
        assert [u["prompt_tokens"] for u in booked] == [3, 7]


async def test_pass_through_tries_again_before_the_first_byte(house):
    provider = Provider()
    provider.fail_first = 1
    async with provider.running() as url:
        await connect(house, url)
        client = house.client(max_retries=0)
        whole = await client.chat.completions.create(model="up/m1", messages=hello())
        assert whole.choices[0].message.content == "from upstream"
        assert len(provider.bodies) == 2


async def test_a_caller_that_leaves_stops_the_upstream_and_is_booked(house):
    provider = Provider()
    async with provider.running() as url:
        await connect(house, url)
        stream = await house.client().chat.completions.create(
            model="up/m1", messages=hello("endless"), stream=True
        )
        async for _ in stream:
            break
        await stream.close()
        await asyncio.wait_for(provider.was_cut.wait(), 10)
        assert (await usages(house, 1))[0]["cancelled"] is True


async def test_an_upstream_that_is_away_is_a_clear_error(house):
    await connect(house, f"http://127.0.0.1:{free_port()}/v1")
    with pytest.raises(openai.InternalServerError) as caught:
        await house.client(max_retries=0).chat.completions.create(model="up/m1", messages=hello())
    assert caught.value.status_code == 503
    assert "upstream provider" in str(caught.value)
