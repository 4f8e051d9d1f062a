"""What a platform is given and what it gives: the kit's side of every adapter."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from tandem_common.contract.capabilities import Manifest
from tandem_common.contract.commands import Command, DeliverTurn
from tandem_common.contract.events import Event
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnEvent
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.http import Answer
from tandem_common.runtime.media import MediaStore


def hint(title_zh: str, description_zh: str, *, secret: bool = False) -> dict[str, Any]:
    """Describe a setting in Chinese, and say whether it is a secret."""
    found: dict[str, Any] = {"title_zh": title_zh, "description_zh": description_zh}
    return {**found, "secret": True} if secret else found


class BotSettings(BaseModel):
    """What every bot of every platform can be told."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    on_unknown: Literal["report", "resend"] = Field(
        default="report",
        title="When a send is in doubt",
        description="After a crash in the middle of a send: report it, or send again.",
        json_schema_extra=hint("发送结果不明时", "发送途中崩溃后：仅报告，或重新发送。"),
    )
    report_sent: bool = Field(
        default=False,
        title="Tell of every delivery",
        description="Also publish delivery.sent events, for rules and plugins.",
        json_schema_extra=hint("上报每次送达", "同时发布 delivery.sent 事件，供规则与插件使用。"),
    )
    sends_per_s: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        title="Messages a second",
        description="At most so many messages a second leave this bot. 0: no limit.",
        json_schema_extra=hint("每秒消息数", "该机器人每秒最多发送的消息数，0 表示不限。"),
    )


def settings_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema the console draws a bot's form from."""
    return model.model_json_schema()


class SetOnline(Protocol):
    """Says whether a bot's connection stands."""

    def __call__(self, *, online: bool, reason: str | None = None) -> None:
        """Tell; the same again is nothing new."""
        ...


class Fetch(Protocol):
    """The guarded HTTP client's one call."""

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
        cap_bytes: int = ...,
    ) -> Answer:
        """See `GuardedClient.fetch`."""
        ...


@dataclass(frozen=True)
class Step:
    """One thing to do on the platform; commands become one or several."""

    request: Any
    """The platform's own description of it."""
    says: bool = True
    """Doing it twice would be seen."""


@dataclass(frozen=True)
class Done:
    """What came of a step."""

    message_id: str | None = None
    data: Any = None
    reduced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """What the kit offers one bot's adapter."""

    bot: str
    settings: Mapping[str, Any]
    """The bot's settings with secrets opened."""
    broker: Broker
    clock: Clock
    media: MediaStore
    fetch: Fetch
    publish: Callable[[Event], Awaitable[bool]]
    """Store an event; returns when it is stored (False: it was there already)."""
    set_online: SetOnline
    """The bot's connection stands or is gone: told as event, status and lease."""


class Adapter(Protocol):
    """One bot on one platform."""

    @property
    def is_idempotent(self) -> bool:
        """Whether a step repeated with the same key happens once."""
        ...

    @property
    def streams(self) -> bool:
        """Whether answers can grow before readers' eyes; else only whole ones are sent."""
        ...

    @property
    def settings(self) -> BotSettings:
        """The bot's settings, checked."""
        ...

    @property
    def can_send(self) -> bool:
        """Whether this process can speak for the bot now."""
        ...

    async def start(self) -> None:
        """Connect, or begin to wait for connections."""
        ...

    async def stop(self) -> None:
        """Disconnect; what was read is published first."""
        ...

    def plan(self, command: Command) -> Sequence[Step]:
        """Write a command as steps, in order; pure.

        Raises:
            UnsupportedError: The platform has nothing of the kind.
            InvalidInputError: A value is not one of the platform's.
        """
        ...

    async def perform(self, step: Step, key: str, author: Author) -> Done:
        """Do one step, in the author's name where the platform shows one.

        Raises:
            UnavailableError, RateLimitedError, CapacityError: Nothing was done; again later.
            UnknownOutcomeError: It may have been done.
            TandemError: The platform refused it for good.
        """
        ...

    async def deliver(
        self, command: DeliverTurn, entries: AsyncIterator[TurnEvent], key: str
    ) -> Done:
        """Bring a turn's answer to the platform as it is produced; asked only where it streams."""
        ...

    async def hook(self, request: HookRequest) -> HookResponse:
        """Answer a raw webhook; 2xx only once its events are stored."""
        ...


@dataclass(frozen=True)
class Platform:
    """A platform as the registry knows it."""

    manifest: Manifest
    make: Callable[[Host], Adapter]
    routes: Callable[[Callable[[str], Adapter | None]], Sequence[web.AbstractRouteDef]] = lambda _: ()
    """HTTP routes of its own, given a way from a bot's id to its adapter."""
    streams: tuple[str, ...] = ()
    """Streams of its own."""
