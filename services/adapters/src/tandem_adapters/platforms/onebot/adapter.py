"""One QQ account behind a OneBot v11 implementation: life cycle and dispatch."""

from base64 import b64encode
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from tandem_adapters.base import Done, Host, Step
from tandem_adapters.sequencer import Sequencer
from tandem_common.contract.commands import Command, DeliverTurn
from tandem_common.contract.components import ForwardItem
from tandem_common.contract.errors import (
    InvalidInputError,
    TandemError,
    UnsupportedError,
    UpstreamError,
)
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.outcomes import Author
from tandem_common.contract.turns import TurnEvent
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger

from . import inbound
from .client import Client, poster
from .inbound import Context, Extras
from .outbound import Options, Request, instead, plan, reference_of, with_files
from .settings import OneBotSettings
from .transport import Lines, Socket, posted_body
from .wire import Fetched, Frame, Kept, is_answer

log = get_logger(__name__)

_OK = 200
_SENT_REMEMBERED = 5_000
_MEDIA_CAP_BYTES = 20 << 20
_STEADY_PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_FILE_URLS = frozenset({"get_group_file_url", "get_private_file_url", "get_file"})
_PLAIN = ("text", "at", "face")
_ANSWERS: dict[str, Callable[[Any], Any]] = {
    "get_group_info": inbound.read_group,
    "get_group_list": lambda found: [inbound.read_group(item) for item in found or []],
    "get_group_member_info": inbound.read_member,
    "get_group_member_list": lambda found: [inbound.read_member(item) for item in found or []],
    "get_stranger_info": inbound.read_user,
    "get_friend_list": lambda found: [inbound.read_user(item) for item in found or []],
}


class OneBotAdapter:
    """See the module."""

    is_idempotent = False
    streams = False

    def __init__(self, host: Host) -> None:
        self._host = host
        self.settings = OneBotSettings.model_validate(host.settings)
        self._options = Options(self.settings.send_format, self.settings.max_text)
        self._client = Client(timeout_s=self.settings.call_timeout_s)
        self._lines = Lines(self.settings, host.clock, self._take, self._changed)
        self._sequencer = Sequencer()
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._is_logged_in = True

    @property
    def lines(self) -> Lines:
        """The sockets of this bot."""
        return self._lines

    @property
    def can_send(self) -> bool:
        """Whether actions reach an account that is logged in."""
        return self._client.can_call and self._is_logged_in

    async def start(self) -> None:
        """Wait for connections; with an API address actions can be called at once."""
        if self.settings.api_url:
            self._client.post = poster(
                self._host.fetch,
                self.settings.api_url,
                self.settings.access_token,
                self.settings.call_timeout_s,
            )
            self._host.set_online(online=True)
        await self._lines.start()

    async def stop(self) -> None:
        """Hang up; what was heard is published first."""
        await self._lines.stop()
        await self._sequencer.drain(5.0)

    # -- in ------------------------------------------------------------------------------------

    def _changed(self, reason: str | None) -> None:
        before, self._client.line = self._client.line, self._lines.speaking
        if before is not None and before is not self._client.line:
            self._client.hung_up(before)
        if reason is None:
            self._is_logged_in = True
        self._tell_online(reason)

    def _tell_online(self, reason: str | None) -> None:
        online = self.can_send
        self._host.set_online(online=online, reason=None if online else reason)

    async def _take(self, socket: Socket, text: str) -> None:
        if is_answer(text) and self._client.take(text):
            return
        try:
            frame = Frame.model_validate_json(text)
        except ValidationError as error:
            log.warning("frame_ignored", bot=self._host.bot, error=str(error)[:200])
            return
        if frame.post_type == "meta_event":
            self._meta(socket, frame)
        elif frame.post_type in ("message", "notice", "request"):
            await self._sequencer.run(_chat_of(frame), lambda: self._steadily(frame))
        else:
            log.debug("frame_ignored", bot=self._host.bot, post_type=frame.post_type)

    def _meta(self, socket: Socket, frame: Frame) -> None:
        if frame.meta_event_type != "heartbeat":
            return
        if frame.interval:
            socket.beat_s = frame.interval / 1000
        online = getattr(frame.status, "online", None)
        self._set_logged_in("the account is offline", is_logged_in=online is not False)

    def _set_logged_in(self, reason: str, *, is_logged_in: bool) -> None:
        if self._is_logged_in != is_logged_in:
            self._is_logged_in = is_logged_in
            self._tell_online(reason)

    async def _steadily(self, frame: Frame) -> None:
        """Publish a frame's events; a socket cannot be asked again, so keep trying."""
        tries = 0
        while True:
            try:
                await self._publish(frame)
            except TandemError as error:
                if not error.retryable:
                    log.warning("event_dropped", bot=self._host.bot, error=error.message)
                    return
                pause = _STEADY_PAUSES_S[min(tries, len(_STEADY_PAUSES_S) - 1)]
                tries += 1
                log.warning("event_waits", bot=self._host.bot, error=error.message)
                await self._host.clock.sleep(pause)
            except Exception as error:
                log.exception("event_dropped", bot=self._host.bot, error=repr(error))
                return
            else:
                return

    async def _publish(self, frame: Frame) -> None:
        extras = await self._extras(frame) if frame.post_type == "message" else inbound.NOTHING
        for event in inbound.to_events(frame, self._context(frame), extras):
            await self._host.publish(event)
            if event.type == "bot.offline":
                self._set_logged_in("the account was logged out", is_logged_in=False)

    def _context(self, frame: Frame) -> Context:
        return Context(
            bot=self._host.bot,
            self_id=str(frame.self_id or self._lines.self_id),
            new_id=new_id,
            now=self._host.clock.now(),
            is_own=self._sent.__contains__,
            command_prefixes=self.settings.command_prefixes,
        )

    async def _extras(self, frame: Frame) -> Extras:
        """Fetch what will not be there later, and who is quoted."""
        message = frame.message
        if all(segment.type in _PLAIN for segment in message):
            return inbound.NOTHING
        files = {
            wanted.at: fetched
            for wanted in inbound.wanted_files(message)
            if (fetched := await self._fetched(wanted.url)) is not None
        }
        forwarded: dict[str, tuple[ForwardItem, ...]] = {}
        for forward_id in inbound.forward_ids(message):
            found = await self._asked("get_forward_msg", {"id": forward_id})
            if isinstance(found, dict):
                nodes = found.get("messages") or found.get("message")
                forwarded[forward_id] = inbound.forward_items(nodes, self._context(frame))
        return Extras(files, await self._quoted(inbound.quoted_id(message)), forwarded)

    async def _quoted(self, message_id: str) -> Kept | None:
        if not message_id.lstrip("-").isdigit() or not self.settings.fetch_quoted:
            return None
        found = await self._asked("get_msg", {"message_id": int(message_id)})
        with suppress(ValidationError):
            return Kept.model_validate(found) if found else None
        return None

    async def _fetched(self, url: str) -> Fetched | None:
        try:
            answer = await self._host.fetch("GET", url, cap_bytes=_MEDIA_CAP_BYTES)
            if answer.status != _OK:
                log.warning("media_not_fetched", bot=self._host.bot, status=answer.status)
                return None
            reference = await self._host.media.put(answer.body)
        except TandemError as error:
            log.warning("media_not_fetched", bot=self._host.bot, error=error.message)
            return None
        mime = answer.headers.get("content-type", "application/octet-stream").partition(";")[0]
        return Fetched(reference, mime, len(answer.body))

    async def _asked(self, action: str, params: dict[str, Any]) -> Any:
        try:
            return await self._client.call(action, params)
        except TandemError as error:
            log.info("extra_not_read", action=action, error=error.message)
            return None

    async def hook(self, request: HookRequest) -> HookResponse:
        """Take a posted event: checked on raw bytes, answered once it is stored."""
        if request.method != "POST":
            return HookResponse(status=405)
        body = posted_body(request, self.settings)
        try:
            frame = Frame.model_validate_json(body)
        except ValidationError as error:
            raise InvalidInputError(f"not a OneBot event: {str(error)[:200]}") from error
        if frame.post_type != "meta_event":
            await self._publish(frame)
        return HookResponse(status=204)

    # -- out -----------------------------------------------------------------------------------

    def plan(self, command: Command) -> Sequence[Step]:
        """Write a command as actions."""
        return [
            Step(request, says=not request.repeatable) for request in plan(command, self._options)
        ]

    async def perform(self, step: Step, key: str, author: Author) -> Done:  # noqa: ARG002 - neither has a place in OneBot
        """Carry out one action."""
        request: Request = step.request
        try:
            return await self._call(request)
        except UnsupportedError:
            lower = instead(request, self._options)
            if lower is None:
                raise
            return await self._call(lower)

    async def _call(self, request: Request) -> Done:
        params = request.params
        references = reference_of(params)
        if references:
            loaded = {reference: await self._loaded(reference) for reference in references}
            params = with_files(params, loaded)
        data = await self._client.call(request.action, params)
        if request.action in _FILE_URLS:
            return Done(data=await self._stored(data))
        message_id = None
        if request.says and isinstance(data, dict) and data.get("message_id") is not None:
            message_id = str(data["message_id"])
            self._remember(message_id)
        return Done(message_id, self._read(request, data), request.reduced)

    async def _stored(self, data: Any) -> dict[str, Any]:
        """Take a file into our store: the platform's address expires, and may hold secrets."""
        said = data if isinstance(data, dict) else {}
        url = str(said.get("url") or "")
        if not url.startswith(("http://", "https://")):
            raise UnsupportedError("the implementation gives no address the file can be read from")
        fetched = await self._fetched(url)
        if fetched is None:
            raise UpstreamError("the file could not be fetched from the platform")
        name = said.get("file_name") or said.get("name")
        found = {"media": fetched.media, "mime": fetched.mime, "size_bytes": fetched.size_bytes}
        return {**found, "name": str(name)} if name else found

    async def _loaded(self, reference: str) -> str:
        media = await self._host.media.get(reference)
        return "base64://" + b64encode(media.data).decode()

    def _remember(self, message_id: str) -> None:
        self._sent[message_id] = None
        if len(self._sent) > _SENT_REMEMBERED:
            self._sent.popitem(last=False)

    def _read(self, request: Request, data: Any) -> Any:
        if request.action == "get_msg" and isinstance(data, dict):
            context = Context(self._host.bot, self._lines.self_id, new_id, self._host.clock.now())
            return inbound.read_kept(data, context, inbound.NOTHING)
        reader = _ANSWERS.get(request.action)
        return reader(data) if reader is not None else data

    async def deliver(
        self,
        command: DeliverTurn,  # noqa: ARG002
        entries: AsyncIterator[TurnEvent],  # noqa: ARG002
        key: str,  # noqa: ARG002
    ) -> Done:
        """Nothing grows here: QQ takes whole messages."""
        raise UnsupportedError("OneBot v11 cannot stream")


def _chat_of(frame: Frame) -> str:
    return f"g{frame.group_id}" if frame.group_id else f"u{frame.user_id}"
