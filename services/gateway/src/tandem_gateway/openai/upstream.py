"""Pass-through to an OpenAI-compatible provider: bytes in, bytes out, at almost no cost.

The body is parsed once, for the model's name; what comes back is relayed as it comes. Only blocks
of a stream that carry usage are looked into, for the ledger.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tandem_common.contract import subjects
from tandem_common.contract.errors import (
    TandemError,
    TimeLimitError,
    UnavailableError,
)
from tandem_common.contract.ledger import Usage, UsageBatch
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.sealing import Sealer
from tandem_gateway.keys import Key
from tandem_gateway.snapshot import ConfigSnapshot

from .catalogue import UpstreamModel, UpstreamNames
from .http import ClientGoneError, Exchange

log = get_logger(__name__)

_USAGE = b'"usage":'
_NULL_USAGE = (b'"usage":null', b'"usage": null')
_BLOCK_END = b"\n\n"
_RELAYED = ("content-type", "retry-after", "retry-after-ms", "x-should-retry", "openai-model")
_RELAYED_PREFIXES = ("x-ratelimit-", "openai-")
_TRY_AGAIN = frozenset({500, 502, 503, 504})
_TRIES = 2
_PAUSE_S = 0.2
_CONNECT_S = 5.0
_SILENCE_S = 600.0
_NAMES_EVERY_S = 60.0
_LEDGER_BATCH = 500
_LEDGER_MOST = 100_000


@dataclass
class _Account:
    """What one request cost, as far as it is known."""

    key: str
    model: str
    connection: str
    began: float
    is_stream: bool
    status: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_cancelled: bool = False

    def count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self.prompt_tokens = int(usage.get("prompt_tokens") or 0)
            self.completion_tokens = int(usage.get("completion_tokens") or 0)


@dataclass
class _Plan:
    """The request as it goes out."""

    path: str
    body: bytes
    is_stream: bool
    strip_usage: bool
    """The caller did not ask for usage; we did."""
    headers: dict[str, str] = field(default_factory=dict)


class Upstreams:
    """One pooled client for all connections. Part of a service: `start`, `stop`."""

    def __init__(
        self,
        broker: Broker,
        config: ConfigSnapshot,
        sealer: Sealer,
        clock: Clock,
        names: UpstreamNames,
    ) -> None:
        self._broker, self._config, self._sealer = broker, config, sealer
        self._clock, self._names = clock, names
        self._session: aiohttp.ClientSession | None = None  # noqa: TID251 - see start
        self._counted: list[Usage] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._opened: dict[str, str] = {}

    async def start(self) -> None:
        """Open the pool; begin to keep the ledger and the lists of models."""
        # Not the guarded client: an administrator names providers, also ones inside the house.
        self._session = aiohttp.ClientSession(  # noqa: TID251 - see above
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=_SILENCE_S),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._tasks = [
            asyncio.create_task(self._keep_ledger(), name="ledger"),
            asyncio.create_task(self._keep_names(), name="upstream models"),
        ]

    async def stop(self) -> None:
        """Write down what is left and close the pool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._write_ledger()
        if self._session is not None:
            await self._session.close()

    async def relay(
        self, exchange: Exchange, target: UpstreamModel, value: dict[str, Any], raw: bytes, key: Key
    ) -> None:
        """Pass a request on and its answer back.

        Raises:
            UnavailableError: The provider cannot be reached; nothing was sent back.
            ClientGoneError: The caller left; the provider was told to stop.
        """
        plan = self._plan(exchange, target, value, raw)
        account = _Account(
            key.id, target.name, target.connection.id, time.perf_counter(), plan.is_stream
        )
        try:
            response = await self._first_byte(target, plan)
            try:
                account.status = response.status
                await exchange.start(response.status, _relayed(response.headers))
                if plan.is_stream and response.status == 200:  # noqa: PLR2004
                    await self._relay_stream(exchange, response, plan, account)
                else:
                    await self._relay_whole(exchange, response, account)
            finally:
                response.close() if not response.content.at_eof() else response.release()
        except (asyncio.CancelledError, ClientGoneError):
            account.is_cancelled = True
            raise
        finally:
            self._book(account)

    def _plan(
        self, exchange: Exchange, target: UpstreamModel, value: dict[str, Any], raw: bytes
    ) -> _Plan:
        path = exchange.scope["path"].removeprefix("/v1")
        is_stream = value.get("stream") is True
        changed = target.name != value["model"]
        if changed:
            value["model"] = target.name
        strip = False
        if is_stream and path == "/chat/completions":
            options = value.get("stream_options")
            if not isinstance(options, dict) or not options.get("include_usage"):
                value["stream_options"] = {**(options or {}), "include_usage": True}
                strip = changed = True
        headers = {"content-type": "application/json", "accept": "*/*"}
        secret = self._secret(target)
        if secret:
            headers["authorization"] = f"Bearer {secret}"
        return _Plan(path, orjson.dumps(value) if changed else raw, is_stream, strip, headers)

    def _secret(self, target: UpstreamModel) -> str:
        sealed = target.connection.api_key
        if sealed not in self._opened:
            self._opened[sealed] = self._sealer.open(sealed)
        return self._opened[sealed]

    async def _first_byte(self, target: UpstreamModel, plan: _Plan) -> aiohttp.ClientResponse:
        """Send the request; try again while nothing has come back."""
        url = target.connection.base_url.rstrip("/") + plan.path
        for attempt in range(1, _TRIES + 1):
            is_last = attempt == _TRIES
            try:
                response = await self._post(url, plan)
            except TandemError:
                if is_last:
                    raise
            else:
                if is_last or response.status not in _TRY_AGAIN:
                    return response
                response.release()
            await self._clock.sleep(_PAUSE_S)
        raise UnavailableError("no attempt was made")  # unreachable: the last attempt ends the loop

    async def _post(self, url: str, plan: _Plan) -> aiohttp.ClientResponse:
        if self._session is None:
            raise UnavailableError("the gateway is starting")
        try:
            return await self._session.request(
                "POST", url, data=plan.body, headers=plan.headers, allow_redirects=False
            )
        except TimeoutError as error:
            raise TimeLimitError("the upstream provider did not answer in time") from error
        except aiohttp.ClientError as error:
            raise UnavailableError(
                f"the upstream provider cannot be reached: {type(error).__name__}", retry_after_s=1
            ) from error

    async def _relay_whole(
        self, exchange: Exchange, response: aiohttp.ClientResponse, account: _Account
    ) -> None:
        body = await response.read()
        await exchange.write(body, more=False)
        if _USAGE in body:
            with contextlib.suppress(orjson.JSONDecodeError):
                account.count(orjson.loads(body).get("usage"))

    async def _relay_stream(
        self,
        exchange: Exchange,
        response: aiohttp.ClientResponse,
        plan: _Plan,
        account: _Account,
    ) -> None:
        tail = b""
        async for chunk in response.content.iter_any():
            data = tail + chunk if tail else chunk
            end = data.rfind(_BLOCK_END) + len(_BLOCK_END)
            if end == 1:  # no block has ended yet
                tail = data
                continue
            whole, tail = data[:end], data[end:]
            if _USAGE in whole:
                whole = _account_blocks(whole, account, strip=plan.strip_usage)
            if whole:
                await exchange.write(whole)
        await exchange.write(tail, more=False)

    # -- afterwards ----------------------------------------------------------------------------

    def _book(self, account: _Account) -> None:
        usage = Usage(
            id=new_id(),
            time=self._clock.now(),
            key_id=account.key,
            model=account.model,
            connection=account.connection,
            prompt_tokens=account.prompt_tokens,
            completion_tokens=account.completion_tokens,
            status=account.status,
            duration_ms=round((time.perf_counter() - account.began) * 1000, 3),
            streamed=account.is_stream,
            cancelled=account.is_cancelled,
        )
        if len(self._counted) >= _LEDGER_MOST:
            log.warning("usage_not_recorded", key_id=account.key, model=account.model)
            return
        self._counted.append(usage)

    async def _keep_ledger(self) -> None:
        while True:
            await self._clock.sleep(0.5)
            await self._write_ledger()

    async def _write_ledger(self) -> None:
        """Store what was counted, many records a message; what fails waits for the next time."""
        while self._counted:
            batch, self._counted = self._counted[:_LEDGER_BATCH], self._counted[_LEDGER_BATCH:]
            records = UsageBatch(items=tuple(batch))
            try:
                await self._broker.publish(
                    subjects.usage("chat"),
                    records.to_json(),
                    {subjects.HEADER_MSG_ID: batch[0].id},
                )
            except TandemError as error:
                log.warning("usage_not_stored_yet", records=len(batch), error=error.message)
                self._counted = batch + self._counted
                return

    async def _keep_names(self) -> None:
        while True:
            for connection in list(self._config.connections.values()):
                if connection.enabled and not connection.models:
                    target = UpstreamModel(connection, "")
                    with contextlib.suppress(TandemError, aiohttp.ClientError, TimeoutError):
                        self._names.by_connection[connection.id] = await self._ask_names(target)
            await self._clock.sleep(_NAMES_EVERY_S if self._names.by_connection else 2.0)

    async def _ask_names(self, target: UpstreamModel) -> tuple[str, ...]:
        if self._session is None:
            return ()
        secret = self._secret(target)
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        url = target.connection.base_url.rstrip("/") + "/models"
        timeout = aiohttp.ClientTimeout(total=10)
        async with self._session.get(url, headers=headers, timeout=timeout) as response:
            listed = orjson.loads(await response.read())
        return tuple(str(model["id"]) for model in listed.get("data", []) if "id" in model)


def _relayed(headers: Mapping[str, str]) -> dict[str, str]:
    relayed = {
        name: value
        for name, value in ((k.lower(), v) for k, v in headers.items())
        if name in _RELAYED or name.startswith(_RELAYED_PREFIXES)
    }
    if relayed.get("content-type", "").startswith("text/event-stream"):
        relayed |= {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return relayed


def _account_blocks(data: bytes, account: _Account, *, strip: bool) -> bytes:
    """Count usage in whole SSE blocks; leave out the block the caller did not ask for."""
    kept: list[bytes] = []
    for block in data.split(_BLOCK_END):
        if _USAGE not in block or any(null in block for null in _NULL_USAGE):
            kept.append(block)
            continue
        chunk = _chunk_of(block)
        account.count(chunk.get("usage"))
        if not strip or chunk.get("choices"):
            kept.append(block)
    return _BLOCK_END.join(kept)


def _chunk_of(block: bytes) -> dict[str, Any]:
    for line in block.splitlines():
        if line.startswith(b"data:"):
            with contextlib.suppress(orjson.JSONDecodeError):
                value = orjson.loads(line[5:])
                return value if isinstance(value, dict) else {}
    return {}
