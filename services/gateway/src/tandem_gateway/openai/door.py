"""`/v1` on bare ASGI: who is it, what do they want, who answers."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from tandem_common.contract.config import BotConfig
from tandem_common.contract.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    TandemError,
    UnauthenticatedError,
)
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger
from tandem_gateway.keys import Key
from tandem_gateway.state import GatewayState

from .calls import Calls
from .catalogue import UpstreamNames, listing, resolve
from .http import ClientGoneError, Exchange, unless_gone
from .request import load, read_question
from .upstream import Upstreams
from .waiting import Waiting

log = get_logger(__name__)

PREFIX = "/v1/"
SCOPE = "chat"
_MODELS = "/v1/models"
_CHAT = "/v1/chat/completions"
_PASSED_ON = frozenset({_CHAT, "/v1/completions", "/v1/embeddings", "/v1/moderations"})
_JSON = {"content-type": "application/json"}

Handler = Callable[[Exchange, Key], Awaitable[None]]


class OpenAIDoor:
    """Answers `/v1/…` and leaves everything else to the application behind it."""

    def __init__(
        self, app: ASGIApp, *, gateway: GatewayState, upstreams: Upstreams, names: UpstreamNames
    ) -> None:
        self._app, self._gateway = app, gateway
        self._upstreams, self._names = upstreams, names
        self._calls = Calls(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, _with_request_id(scope, send))
        try:
            await self._answer(exchange)
        except ClientGoneError:
            return
        except TandemError as error:
            await exchange.refuse(error)
        except Exception as error:
            log.exception("request_failed", path=scope["path"], error=type(error).__name__)
            await exchange.refuse(TandemError("Something went wrong here; it has been logged."))
            if exchange.is_started:
                raise

    async def _answer(self, exchange: Exchange) -> None:
        key = self._key(exchange)
        path, method = exchange.scope["path"].rstrip("/"), exchange.scope["method"]
        if path == _MODELS or path.startswith(f"{_MODELS}/"):
            handler: Handler = self._list if path == _MODELS else self._read
            allowed = "GET"
        elif path in _PASSED_ON:
            handler, allowed = self._complete, "POST"
        else:
            raise NotFoundError(
                f"Unknown request URL: {method} {exchange.scope['path'][:200]}.",
                details={"openai_code": "unknown_url"},
            )
        if method != allowed:
            raise InvalidInputError(
                f"Not allowed to {method} on {path} (allowed: {allowed}).",
                details={"openai_code": "method_not_allowed", "openai_status": 405},
            )
        await handler(exchange, key)

    def _key(self, exchange: Exchange) -> Key:
        scheme, _, raw = exchange.header(b"authorization").partition(" ")
        key = self._gateway.keys.lookup(raw.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise UnauthenticatedError(
                "Incorrect API key provided."
                if raw
                else "No API key provided: send it as 'Authorization: Bearer KEY'."
            )
        if SCOPE not in key.scopes and "admin" not in key.scopes:
            raise ForbiddenError(f"This API key lacks the scope {SCOPE!r}.")
        return key

    async def _list(self, exchange: Exchange, key: Key) -> None:
        models = listing(self._gateway.config, key, self._names)
        await exchange.answer(200, _JSON, orjson.dumps({"object": "list", "data": models}))

    async def _read(self, exchange: Exchange, key: Key) -> None:
        wanted = unquote(exchange.scope["path"].removeprefix(f"{_MODELS}/"))
        for model in listing(self._gateway.config, key, self._names):
            if model["id"] == wanted:
                await exchange.answer(200, _JSON, orjson.dumps(model))
                return
        raise NotFoundError(
            f"The model {wanted[:100]!r} does not exist or you do not have access to it.",
            field="model",
            details={"openai_code": "model_not_found"},
        )

    async def _complete(self, exchange: Exchange, key: Key) -> None:
        raw = await exchange.body(self._gateway.settings.max_body_bytes)
        value = load(raw)
        target = resolve(value["model"], self._gateway.config, key, self._names)
        if not isinstance(target, BotConfig):
            work = self._upstreams.relay(exchange, target, value, raw, key)
            await unless_gone(exchange, asyncio.ensure_future(work))
            return
        if exchange.scope["path"].rstrip("/") != _CHAT:
            raise InvalidInputError(
                f"The model {target.id!r} only takes chat completions.", field="model"
            )
        question = read_question(value, exchange.headers, key)
        turn = await self._calls.turn_of(question, target, key)
        waiting = Waiting(self._gateway, question, turn)
        await unless_gone(exchange, asyncio.ensure_future(waiting.answer(exchange)))
        await self._calls.delivered(turn)


def _with_request_id(scope: Scope, send: Send) -> Send:
    headers = dict(scope["headers"])
    given = headers.get(b"x-client-request-id", b"")[:100]
    request_id = given if given.isalnum() else new_id().encode()

    async def send_with_id(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            raw = message["headers"]
            assert isinstance(raw, list)  # noqa: S101 - as Exchange wrote it
            raw.append((b"x-request-id", request_id))
        await send(message)

    return send_with_id  # type: ignore[return-value]
