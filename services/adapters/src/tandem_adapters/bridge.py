"""The platform to NATS and NATS to the platform, for every platform."""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from typing import Any

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.errors import APIError, KeyNotFoundError
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.base import rfc3339
from tandem_common.contract.config import BotConfig
from tandem_common.contract.errors import TandemError
from tandem_common.contract.events import BotOffline, BotOnline, Event
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.runtime.broker import CONNECTION_ERRORS, Broker, invalid_input
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.config_watch import ConfigWatch
from tandem_common.runtime.http import GuardedClient
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.keyed import KeyedConfig, KeyedConsumer
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.media import MediaStore
from tandem_common.runtime.sealing import Sealer

from .api import ApiDesk
from .base import Adapter, Host, Platform
from .ledger import Ledger
from .reports import Reports
from .sender import Sender

log = get_logger(__name__)

_STATUSES = {"unauthenticated": 401, "forbidden": 403, "not_found": 404, "too_large": 413}
_QUEUE = "adapters"
"""One process answers: two that can send would do everything twice."""


class Bridge:
    """All bots of one platform in one process. Part of a service: `start`, `stop`."""

    def __init__(
        self,
        platform: Platform,
        broker: Broker,
        clock: Clock,
        http: GuardedClient,
        sealer: Sealer,
        concurrency: int,
    ) -> None:
        self._platform, self._broker, self._clock = platform, broker, clock
        self._http, self._sealer = http, sealer
        self.name = platform.manifest.name
        self._adapters: dict[str, Adapter] = {}
        self._configs: dict[str, BotConfig] = {}
        self._doors: dict[str, list[Subscription]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._told: dict[str, bool] = {}
        self.reports = Reports(broker, clock, self.name)
        self._ledger = Ledger(broker)
        self._api = ApiDesk(platform.manifest, self.adapter)
        self._desks: dict[str, Subscription] = {}
        self._abilities = asyncio.Lock()
        sender = Sender(broker, clock, self._ledger, self.reports, self.adapter)
        self._consumer = KeyedConsumer(
            broker,
            KeyedConfig(
                name=f"out-{self.name}",
                stream=subjects.out_stream(self.name),
                filter_of=lambda bot: subjects.out_of_bot(self.name, bot),
                key_of=lambda subject: subject,
                concurrency=concurrency,
            ),
            sender.handle,
            self._speakable,
            on_taken=self._ledger.forget_all,
            clock=clock,
        )
        self.watch = ConfigWatch(broker, [subjects.bots_of_platform(self.name)], self._on_bot)

    def adapter(self, bot: str) -> Adapter | None:
        """Return the adapter of a bot, if it is enabled."""
        return self._adapters.get(bot)

    def _speakable(self) -> frozenset[str]:
        return frozenset(bot for bot, adapter in self._adapters.items() if adapter.can_send)

    async def start(self) -> None:
        """Declare what is needed, start every enabled bot, and begin to serve."""
        await self._broker.declare(
            (
                subjects.EVENTS,
                subjects.out_stream(self.name),
                subjects.DLQ,
                subjects.TURNS,
                subjects.LEDGER,
                *self._platform.streams,
            ),
            (subjects.CFG, subjects.SENT, subjects.CURSORS),
            media=True,
        )
        await self._publish_manifest()
        await self.watch.start()
        await self._consumer.start()

    async def stop(self) -> None:
        """Take nothing new, finish what is in hand, disconnect."""
        await self.watch.stop()
        await self._consumer.stop()
        for bot in list(self._adapters):
            await self._close(bot)
        if self._telling:
            await asyncio.wait(self._telling, timeout=2)

    async def check(self) -> str | None:
        """Return why this platform is not served yet, or None."""
        return await self.watch.check()

    async def _publish_manifest(self) -> None:
        cfg = await self._broker.kv(subjects.CFG)
        key, manifest = subjects.manifest_key(self.name), self._platform.manifest.to_json()
        with contextlib.suppress(KeyNotFoundError):
            if (await cfg.get(key)).value == manifest:
                return
        await self._broker.patiently(lambda: cfg.put(key, manifest))

    # -- bots come and go ----------------------------------------------------------------------

    async def _on_bot(self, key: str, value: bytes | None) -> None:
        bot = key.rpartition(".")[2]
        config = BotConfig.read(value) if value else None
        wanted = config if config is not None and config.enabled else None
        before = self._configs.get(bot)
        if wanted is not None and before is not None and wanted.settings == before.settings:
            self._configs[bot] = wanted
            return
        await self._close(bot)
        if wanted is not None:
            await self._open(wanted)
        self._consumer.wake()

    async def _open(self, config: BotConfig) -> None:
        host = Host(
            bot=config.id,
            settings=_opened(config.settings, self._sealer),
            broker=self._broker,
            clock=self._clock,
            media=MediaStore(self._broker),
            fetch=self._http.fetch,
            publish=self._broker.publish_event,
            set_online=partial(self._set_online, config.id),
        )
        try:
            adapter = self._platform.make(host)
        except ValidationError as error:
            reason = f"settings: {invalid_input(error).message}"
            log.warning("bot_not_started", bot=config.id, error=reason)
            self._set_online(config.id, online=False, reason=reason)
            return
        self._adapters[config.id], self._configs[config.id] = adapter, config
        await self._open_doors(config.id)
        await adapter.start()
        log.info("bot_started", bot=config.id)

    async def _close(self, bot: str) -> None:
        adapter = self._adapters.pop(bot, None)
        self._configs.pop(bot, None)
        for door in self._doors.pop(bot, []):
            with contextlib.suppress(*CONNECTION_ERRORS):
                await door.unsubscribe()
        await self._sync_desk(bot)
        if adapter is not None:
            await adapter.stop()
            log.info("bot_stopped", bot=bot)

    async def _open_doors(self, bot: str) -> None:
        async def on_hook(msg: Msg) -> None:
            self._spawn(self._answer_hook(bot, msg))

        self._doors[bot] = [
            await self._broker.nc.subscribe(
                subjects.hook(self.name, bot), queue=_QUEUE, cb=on_hook
            ),
        ]

    async def _sync_desk(self, bot: str) -> None:
        """Take calls for a bot only while this process can speak for it."""
        async with self._abilities:
            is_able, desk = bot in self._speakable(), self._desks.get(bot)
            if is_able and desk is None:
                self._desks[bot] = await self._broker.nc.subscribe(
                    subjects.api_of_bot(self.name, bot), queue=_QUEUE, cb=self._on_api
                )
            elif desk is not None and not is_able:
                del self._desks[bot]
                with contextlib.suppress(*CONNECTION_ERRORS):
                    await desk.unsubscribe()

    async def _on_api(self, msg: Msg) -> None:
        bot = msg.subject.split(".")[2]
        self._spawn(self._api.answer(bot, msg))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _answer_hook(self, bot: str, msg: Msg) -> None:
        adapter = self._adapters.get(bot)
        try:
            if adapter is None:
                response = HookResponse(status=404)
            else:
                response = await adapter.hook(HookRequest.read(msg.data))
        except ValidationError as error:
            response = refusal(invalid_input(error), 400)
        except TandemError as error:
            response = refusal(error, _STATUSES.get(error.code, 503 if error.retryable else 400))
        except Exception as error:
            log.exception("hook_failed", bot=bot, error=repr(error))
            response = HookResponse(status=500)
        with contextlib.suppress(*CONNECTION_ERRORS):
            await msg.respond(response.to_json())

    # -- online and offline --------------------------------------------------------------------

    def _set_online(self, bot: str, *, online: bool, reason: str | None = None) -> None:
        self._spawn(self._sync_desk(bot))
        if self._told.get(bot) == online:
            return
        self._told[bot] = online
        self._consumer.wake()
        self._spawn(self._tell_online(bot, reason, online=online))

    async def _tell_online(self, bot: str, reason: str | None, *, online: bool) -> None:
        now = self._clock.now()
        fields: dict[str, Any] = {
            "id": new_id(),
            "time": now,
            "platform": self.name,
            "bot": bot,
            "dedupe_key": f"connection:{new_id()}",
            "reason": reason,
        }
        event: Event = BotOnline(**fields) if online else BotOffline(**fields)
        status = {"online": online, "since": rfc3339(now), "reason": reason}
        try:
            await self._broker.publish_event(event)
            cursors = await self._broker.kv(subjects.CURSORS)
            await cursors.put(
                subjects.cursor_key(self.name, bot, "status"), json.dumps(status).encode()
            )
        except (TandemError, APIError, *CONNECTION_ERRORS) as error:
            log.warning("status_not_told", bot=bot, online=online, error=repr(error))


def _opened(settings: Mapping[str, Any], sealer: Sealer) -> dict[str, Any]:
    return {
        name: sealer.open(value) if isinstance(value, str) else value
        for name, value in settings.items()
    }


def refusal(error: TandemError, status: int) -> HookResponse:
    """Answer a webhook with an error."""
    body = b'{"error":' + error.body().to_json() + b"}"
    headers = {"content-type": "application/json"}
    if error.retryable:
        headers["retry-after"] = str(max(1, round(error.retry_after_s or 1)))
    return HookResponse(status=status, headers=headers, body=b64encode(body).decode())
