"""The connection to NATS: one per process, FastStream's and nats-py's at once.

Declared edges (side consumers, watches) are FastStream subscribers on `broker.declared`; what
needs order, compare-and-set or the hot path uses nats-py on the same connection.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import nats.micro.service
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey, NatsSecurity
from nats import errors as nats_errors, micro
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import (
    APIError,
    BadRequestError,
    NoStreamResponseError,
    NotFoundError as NatsNotFoundError,
    ServiceUnavailableError,
)
from nats.js.kv import KeyValue
from nats.micro.request import Request
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel
from tandem_common.contract.errors import (
    CapacityError,
    ErrorBody,
    InternalError,
    InvalidInputError,
    TandemError,
    TimeLimitError,
    UnavailableError,
    error_from,
)
from tandem_common.contract.events import Event
from tandem_common.contract.permissions import inbox_prefix

from . import metrics, tracing
from .clock import Clock, SystemClock
from .ids import new_id
from .logging import get_logger
from .settings import ServiceSettings
from .streams import bucket_config, media_config, stream_config

log = get_logger(__name__)

CONNECTION_ERRORS = (
    NoStreamResponseError,
    ServiceUnavailableError,
    nats_errors.TimeoutError,
    nats_errors.ConnectionClosedError,
    nats_errors.ConnectionReconnectingError,
    nats_errors.ConnectionDrainingError,
    nats_errors.NoRespondersError,
    nats_errors.NoServersError,
    nats_errors.StaleConnectionError,
    nats_errors.OutboundBufferLimitError,
    ConnectionError,
    asyncio.TimeoutError,
)
"""What nats-py raises while the server is away or still recovering."""

SETTLE_S = (0.03, 0.15, 0.6, 2.4)
"""A plain subscriber hears a message before a stream has stored it. Who reads the stream upon
hearing reads it again after these pauses, for it may have been too early."""

_RECONNECT_S = 0.25
_WRONG_LAST_SEQUENCE = 10071
_WRONG_LAST_SEQUENCE_CONSTANT = 10164
_STREAM_FULL = frozenset({10077, 10047, 10023})
_STREAM_EXISTS_OTHERWISE = 10058
_STREAM_NOT_FOUND = 10059

T = TypeVar("T")
Reply = TypeVar("Reply", bound=ContractModel)
Operation = tuple[type[ContractModel], Callable[[Any], Awaitable[ContractModel | None]]]


def is_conflict(error: APIError) -> bool:
    """Say whether a compare-and-set was refused because somebody else wrote first."""
    return error.err_code in {_WRONG_LAST_SEQUENCE, _WRONG_LAST_SEQUENCE_CONSTANT}


def _is_recovering(error: APIError) -> bool:
    return error.code is not None and error.code >= 500  # noqa: PLR2004 - HTTP's server errors


@dataclass(frozen=True)
class Stored:
    """A message as a stream keeps it."""

    subject: str
    sequence: int
    data: bytes
    headers: Mapping[str, str]


class Broker:
    """A service's connection to NATS."""

    def __init__(
        self, settings: ServiceSettings, *, name: str | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._reconnect_listeners: list[Callable[[], None]] = []
        self._services: list[nats.micro.service.Service] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._nc: Client | None = None
        self._js: JetStreamContext | None = None
        self.name = name or settings.service
        self.inbox_prefix = inbox_prefix(settings.user)
        self.declared = NatsBroker(
            [url.strip() for url in settings.nats_url.split(",")],
            name=self.name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_S,  # type: ignore[arg-type]  # nats-py takes fractions
            ping_interval=20,
            connect_timeout=2,
            inbox_prefix=self.inbox_prefix,
            graceful_timeout=5.0,
            reconnected_cb=self._on_reconnected,
            disconnected_cb=self._on_disconnected,
            error_cb=self._on_error,
            logger=None,
            security=_security(settings),
        )

    async def start(self) -> None:
        """Connect, waiting for the server as long as it takes, then start declared subscribers."""
        await self.connect()
        await self.declared.start()

    async def connect(self) -> None:
        """Connect, waiting for the server as long as it takes."""
        while self._nc is None:
            try:
                self._nc = await self.declared.connect()
            except CONNECTION_ERRORS as error:
                log.warning("nats_not_reachable", url=self._settings.nats_url, error=repr(error))
                await self._clock.sleep(0.25)

    async def stop(self) -> None:
        """Stop serving, let running requests end, and close the connection."""
        for service in self._services:
            with contextlib.suppress(*CONNECTION_ERRORS, nats_errors.Error):
                await service.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        if self._nc is None:
            return
        for subscriber in self.declared.subscribers:
            await subscriber.stop()
        with contextlib.suppress(*CONNECTION_ERRORS, nats_errors.Error):
            # Not drained: what is unanswered comes again, and a drain waits for callbacks.
            await self.nc.flush(2)
        with contextlib.suppress(*CONNECTION_ERRORS, nats_errors.Error):
            await self.nc.close()

    @property
    def nc(self) -> Client:
        """The nats-py client."""
        if self._nc is None:
            raise UnavailableError("not connected to NATS yet")
        return self._nc

    @property
    def js(self) -> JetStreamContext:
        """The JetStream context, with a deadline of five seconds a call."""
        if self._js is None:
            self._js = self.nc.jetstream(timeout=5)
        return self._js

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands now."""
        return self._nc is not None and self._nc.is_connected

    async def check(self) -> str | None:
        """Return why NATS cannot be used now, or None."""
        if not self.is_connected:
            return f"not connected to NATS at {self._settings.nats_url}"
        return None

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the connection is back."""
        self._reconnect_listeners.append(listener)

    async def _on_reconnected(self) -> None:
        log.info("nats_reconnected")
        for listener in self._reconnect_listeners:
            listener()

    async def _on_disconnected(self) -> None:
        log.warning("nats_disconnected")

    async def _on_error(self, error: Exception) -> None:
        log.warning("nats_error", error=repr(error))

    # -- streams and buckets -------------------------------------------------------------------

    async def declare(
        self, streams: Iterable[str] = (), buckets: Iterable[str] = (), *, media: bool = False
    ) -> None:
        """Create streams and buckets, or bring them to their present shape; safe to repeat."""
        for name in streams:
            config = stream_config(name, self._settings.storage_scale)
            await self.patiently(partial(self._declare_stream, config))
        for name in buckets:
            await self.patiently(partial(self._declare_bucket, bucket_config(name)))
        if media:
            await self.patiently(self._declare_media)

    async def _declare_stream(self, config: StreamConfig) -> None:
        try:
            await self.js.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _STREAM_EXISTS_OTHERWISE:
                raise
            await self.js.update_stream(config)

    async def _declare_bucket(self, config: StreamConfig) -> None:
        try:
            await self.js.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _STREAM_EXISTS_OTHERWISE:
                raise
            log.info("bucket_kept", bucket=config.name)

    async def _declare_media(self) -> None:
        try:
            await self.js.create_object_store(
                subjects.MEDIA, media_config(self._settings.storage_scale)
            )
        except BadRequestError as error:
            if error.err_code != _STREAM_EXISTS_OTHERWISE:
                raise

    async def kv(self, bucket: str) -> KeyValue:
        """Open a declared bucket."""
        return await self.patiently(lambda: self.js.key_value(bucket))

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call that is safe to repeat for as long as the server is away."""
        while True:
            try:
                return await call()
            except CONNECTION_ERRORS:
                await self._clock.sleep(0.1)
            except APIError as error:
                if not _is_recovering(error):
                    raise
                await self._clock.sleep(0.1)

    # -- publishing ----------------------------------------------------------------------------

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bool]:
        """Store a message; return its sequence and whether it was there already.

        Raises:
            UnavailableError: Not known to be stored; repeating is safe with a message id.
            CapacityError: The stream is full and refuses more.
        """
        sent = {**tracing.outgoing_headers(), **(headers or {})}
        try:
            ack = await self.js.publish(subject, data, headers=sent)
        except CONNECTION_ERRORS as error:
            raise UnavailableError(f"NATS did not store {subject}: {error!r}") from error
        except APIError as error:
            raise _publish_error(subject, error) from error
        return ack.seq, bool(ack.duplicate)

    async def publish_event(self, event: Event) -> bool:
        """Store an event; return whether it is new (False: the platform told it twice).

        Raises:
            UnavailableError: Not known to be stored: do not acknowledge to the platform.
            CapacityError: EVENTS is full: do not acknowledge to the platform.
        """
        subject = subjects.event(event.platform, event.bot, event.type, event.conversation_token)
        headers = {
            subjects.HEADER_MSG_ID: f"{event.platform}:{event.bot}:{event.dedupe_key}",
            subjects.HEADER_TYPE: event.type,
            subjects.HEADER_VERSION: subjects.CONTRACT_VERSION,
        }
        try:
            _, duplicate = await self.publish(subject, event.to_json(), headers)
        except TandemError:
            metrics.EVENTS_PUBLISHED.labels(event.platform, "refused").inc()
            raise
        metrics.EVENTS_PUBLISHED.labels(
            event.platform, "duplicate" if duplicate else "stored"
        ).inc()
        return not duplicate

    # -- reading what is stored ----------------------------------------------------------------

    async def last(self, stream: str, subject: str) -> Stored | None:
        """Return the last message of a subject, or None."""
        try:
            found = await self.js.get_last_msg(stream, subject, direct=True)
        except NatsNotFoundError:
            return None
        return Stored(
            subject=found.subject or subject,
            sequence=found.seq or 0,
            data=found.data or b"",
            headers=found.headers or {},
        )

    async def read_subject(
        self, stream: str, subject: str, start: int = 1, *, batch: int = 256
    ) -> list[Stored]:
        """Return what a stream keeps of a subject from sequence `start` on (direct get, ADR-31)."""
        found: list[Stored] = []
        while True:
            page, more = await self._read_page(stream, subject, start, batch)
            found += page
            if not more or not page:
                return found
            start = page[-1].sequence + 1

    async def _read_page(
        self, stream: str, subject: str, start: int, batch: int
    ) -> tuple[list[Stored], bool]:
        inbox = self.nc.new_inbox()
        sub = await self.nc.subscribe(inbox)
        try:
            ask = {"batch": batch, "next_by_subj": subject, "seq": max(start, 1)}
            await self.nc.publish(
                f"$JS.API.DIRECT.GET.{stream}", json.dumps(ask).encode(), reply=inbox
            )
            found: list[Stored] = []
            pending = 0
            while True:
                msg = await sub.next_msg(timeout=5)
                headers = msg.headers or {}
                if "Status" in headers:
                    return found, pending > 0 and headers["Status"] != "404"
                pending = int(headers.get("Nats-Num-Pending", "0"))
                found.append(
                    Stored(
                        headers["Nats-Subject"], int(headers["Nats-Sequence"]), msg.data, headers
                    )
                )
        finally:
            await sub.unsubscribe()

    async def read_last_of_each(self, stream: str, pattern: str) -> list[Stored]:
        """Return the last message of every subject that matches, by a consumer of its own.

        Unlike a direct get its permission can name the subjects.
        """
        name = f"read-{new_id()}"
        info = await self.js.add_consumer(
            stream,
            ConsumerConfig(
                name=name,
                filter_subject=pattern,
                deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=30,
                mem_storage=True,
            ),
        )
        left = info.num_pending or 0
        found: list[Stored] = []
        try:
            while left > 0:
                for msg in await self._next(stream, name, min(left, 256)):
                    found.append(_stored(msg))
                    left -= 1
        finally:
            with contextlib.suppress(*CONNECTION_ERRORS, APIError):
                await self.js.delete_consumer(stream, name)
        return found

    async def _next(self, stream: str, consumer: str, batch: int) -> list[Msg]:
        inbox = self.nc.new_inbox()
        sub = await self.nc.subscribe(inbox)
        try:
            ask = {"batch": batch, "no_wait": True}
            await self.nc.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
                json.dumps(ask).encode(),
                reply=inbox,
            )
            found: list[Msg] = []
            while len(found) < batch:
                msg = await sub.next_msg(timeout=5)
                if msg.headers and "Status" in msg.headers:
                    break
                found.append(msg)
            return found
        finally:
            await sub.unsubscribe()

    # -- request and reply ---------------------------------------------------------------------

    async def request(
        self, subject: str, body: ContractModel, reply: type[Reply], *, timeout_s: float = 10.0
    ) -> Reply:
        """Ask another service and return its answer.

        Raises:
            UnavailableError: Nobody serves that subject; nothing was done.
            TimeLimitError: No answer in time.
            TandemError: What the other side answered, with its code.
        """
        answer = await self.request_raw(subject, body.to_json(), timeout_s=timeout_s)
        return reply.read_object(answer if answer is not None else {})

    async def request_raw(self, subject: str, body: bytes, *, timeout_s: float = 10.0) -> Any:
        """Ask with a JSON body and return the decoded `data` of the answer; see `request`."""
        try:
            msg = await self.nc.request(
                subject, body, timeout=timeout_s, headers=tracing.outgoing_headers()
            )
        except nats_errors.NoRespondersError as error:
            raise UnavailableError(f"nobody answers on {subject}", retry_after_s=1) from error
        except nats_errors.TimeoutError as error:
            raise TimeLimitError(f"no answer on {subject} in {timeout_s} s") from error
        except CONNECTION_ERRORS as error:
            raise UnavailableError(f"NATS is away: {error!r}", retry_after_s=1) from error
        answer = json.loads(msg.data)
        if answer.get("ok"):
            return answer.get("data")
        raise error_from(ErrorBody.read_object(answer.get("error") or {}))

    async def serve(
        self, service: str, operations: Mapping[str, Operation], *, version: str
    ) -> None:
        """Serve `<service>.v1.<op>` as a NATS micro service; replicas share the work."""
        added = await micro.add_service(self.nc, name=f"tandem-{service}", version=version)
        for op, (model, handler) in operations.items():
            await added.add_endpoint(
                name=op,
                subject=subjects.service_op(service, op),
                handler=self._endpoint(op, model, handler),
            )
        self._services.append(added)

    def _endpoint(
        self,
        op: str,
        model: type[ContractModel],
        handler: Callable[[Any], Awaitable[ContractModel | None]],
    ) -> Callable[[Request], Awaitable[None]]:
        async def answer(request: Request) -> None:
            with tracing.hop(f"serve {op}", request.headers, SpanKind.SERVER):
                await self._respond(request, await _result(op, model, handler, request.data))

        async def spawn(request: Request) -> None:
            # nats-py runs one callback at a time a subscription; a slow answer must not hold others.
            task = asyncio.create_task(answer(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return spawn

    @staticmethod
    async def _respond(request: Request, body: bytes) -> None:
        try:
            await request.respond(body)
        except (*CONNECTION_ERRORS, nats_errors.MaxPayloadError) as error:
            log.warning("reply_not_sent", error=repr(error))


async def _result(
    op: str,
    model: type[ContractModel],
    handler: Callable[[Any], Awaitable[ContractModel | None]],
    data: bytes,
) -> bytes:
    try:
        answer = await handler(model.read(data))
    except ValidationError as error:
        return _refusal(invalid_input(error))
    except TandemError as error:
        return _refusal(error)
    except CONNECTION_ERRORS as error:
        return _refusal(UnavailableError(f"NATS is away: {error!r}"))
    except Exception as error:
        log.exception("operation_failed", op=op, error=repr(error))
        return _refusal(InternalError(f"{op} failed; the service's log says why"))
    payload = answer.to_json() if answer is not None else b"null"
    return b'{"ok":true,"data":' + payload + b"}"


def _refusal(error: TandemError) -> bytes:
    return b'{"ok":false,"error":' + error.body().to_json() + b"}"


def invalid_input(error: ValidationError) -> InvalidInputError:
    """Say the first thing that is wrong with a body, with the path of the field."""
    first = error.errors(include_url=False, include_input=True)[0]
    path = ""
    for step in first["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    value = first.get("input")
    shown = "" if isinstance(value, dict | list) or value is None else f" (got {str(value)[:80]!r})"
    return InvalidInputError(f"{path or 'body'}: {first['msg']}{shown}", field=path or None)


def _publish_error(subject: str, error: APIError) -> TandemError:
    if error.err_code in _STREAM_FULL:
        return CapacityError(f"the stream for {subject} is full: {error.description}")
    if _is_recovering(error) or error.err_code == _STREAM_NOT_FOUND:
        return UnavailableError(f"NATS did not store {subject}: {error.description}")
    return InternalError(f"NATS refused {subject}: {error.description} ({error.err_code})")


def _stored(msg: Msg) -> Stored:
    return Stored(msg.subject, msg.metadata.sequence.stream, msg.data, msg.headers or {})


def _security(settings: ServiceSettings) -> NatsSecurity | None:
    tls = ssl.create_default_context(cafile=settings.nats_tls_ca) if settings.nats_tls_ca else None
    if not settings.nats_nkey_file:
        return NatsSecurity(ssl_context=tls) if tls else None
    return NatsNKey(settings.nats_nkey_file, ssl_context=tls)
