"""The implementation side of OneBot v11, as NapCat or Lagrange are it: it dials in, or posts.

Everything an app makes it send is recorded in order (`sends`); the knobs make it misbehave.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web

from .actions import Actions
from .cq import Segment, as_segments, encode
from .world import GroupChat, GroupMember, Kept, Person, Refused, Sent, World

GROUP = 20001
ANN = 30001
BEN = 30002


@dataclass
class Knobs:
    """How the fake misbehaves."""

    drop_replies: int = 0
    """So many answers are carried out but never said."""
    reply_delay_s: float = 0.0
    failures: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Per action: the next answers are these retcodes and wordings, nothing is done."""
    silent: bool = False
    """The socket stays open; nothing comes and nothing is read any more."""
    backoff_s: float = 0.05
    backoff_max_s: float = 1.0


class OneBotPeer:
    """One logged-in account that talks OneBot v11 to an app."""

    def __init__(
        self,
        *,
        self_id: int = 10001,
        token: str | None = None,
        secret: str | None = None,
        message_format: str = "array",
        heartbeat_s: float = 5.0,
    ) -> None:
        self.self_id = self_id
        self.token = token
        self.secret = secret
        self.heartbeat_s = heartbeat_s
        self.world = _small_world(self_id)
        self.actions = Actions(self.world)
        self.actions.message_format = message_format
        self.knobs = Knobs()
        self.connected = asyncio.Event()
        self.connections = 0
        self.refusals: list[int] = []
        """HTTP statuses our handshakes were refused with."""
        self._http: aiohttp.ClientSession | None = None
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._api: web.AppRunner | None = None

    @property
    def sends(self) -> list[Sent]:
        """What the app made us send, in order."""
        return self.actions.sends

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up and stop reconnecting."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._api:
            await self._api.cleanup()
        if self._http:
            await self._http.close()

    # -- reverse WebSocket -------------------------------------------------------------------

    def connect(self, *urls: str, role: str = "Universal") -> None:
        """Dial the urls in turn until one takes us, and again whenever the line drops."""
        self._spawn(self._keep_connected(urls, role))

    async def wait_connected(self, timeout_s: float = 10) -> None:
        """Wait until a line stands."""
        await asyncio.wait_for(self.connected.wait(), timeout_s)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def headers(self, role: str = "Universal") -> dict[str, str]:
        """Return the headers of a handshake."""
        said = {"X-Self-ID": str(self.self_id), "X-Client-Role": role, "User-Agent": "OneBot/11"}
        return said | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    async def _keep_connected(self, urls: tuple[str, ...], role: str) -> None:
        attempt = 0
        while True:
            url = urls[attempt % len(urls)]
            try:
                if await self._one_line(url, role):
                    attempt = 0
            except aiohttp.WSServerHandshakeError as refusal:
                self.refusals.append(refusal.status)
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            attempt += 1
            pause = min(self.knobs.backoff_max_s, self.knobs.backoff_s * 2 ** min(attempt, 6))
            await asyncio.sleep(pause)

    async def _one_line(self, url: str, role: str) -> bool:
        assert self._http
        async with self._http.ws_connect(
            url, headers=self.headers(role), max_msg_size=64 * 2**20
        ) as ws:
            self._ws = ws
            self.connections += 1
            await self.emit(self.lifecycle("connect"))
            self.connected.set()
            beats = asyncio.create_task(self._beat(ws))
            try:
                await self._listen(ws)
            finally:
                beats.cancel()
                self.connected.clear()
                self._ws = None
        return True

    async def _beat(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError, aiohttp.ClientError):
            while True:
                await asyncio.sleep(self.heartbeat_s)
                if not self.knobs.silent:
                    await ws.send_str(json.dumps(self.heartbeat()))

    async def _listen(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in ws:
            while self.knobs.silent:
                await asyncio.sleep(0.02)
            if frame.type != aiohttp.WSMsgType.TEXT:
                continue
            answer = self.answer(frame.data)
            if self.knobs.reply_delay_s:
                await asyncio.sleep(self.knobs.reply_delay_s)
            if answer is None:
                continue
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await ws.send_str(answer)

    def answer(self, text: str) -> str | None:
        """Carry out one API frame; None when the answer is to be lost."""
        request = json.loads(text)
        said = self.carry_out(request.get("action", ""), request.get("params") or {})
        if "echo" in request:
            said["echo"] = request["echo"]
        if self.knobs.drop_replies > 0:
            self.knobs.drop_replies -= 1
            return None
        return json.dumps(said, ensure_ascii=False)

    def carry_out(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        """Carry out one action and return the body of the answer."""
        action = action.removesuffix("_async").removesuffix("_rate_limited")
        try:
            planned = self.knobs.failures.get(action)
            if planned:
                raise Refused(*planned.pop(0))  # noqa: TRY301
            data = self.actions.run(action, params)
        except Refused as refusal:
            return {
                "status": "failed",
                "retcode": refusal.retcode,
                "data": None,
                "message": refusal.wording,
                "wording": refusal.wording,
            }
        return {"status": "ok", "retcode": 0, "data": data, "message": "", "wording": ""}

    async def drop_line(self) -> None:
        """Cut the TCP connection without a word."""
        if self._ws is not None:
            response = self._ws._response
            if response.connection and response.connection.transport:
                response.connection.transport.abort()

    # -- HTTP --------------------------------------------------------------------------------

    async def serve_api(self, port: int = 0) -> str:
        """Answer actions over HTTP; return the base URL."""
        app = web.Application()
        app.router.add_post("/{action}", self._http_action)
        self._api = web.AppRunner(app)
        await self._api.setup()
        site = web.TCPSite(self._api, "127.0.0.1", port)
        await site.start()
        bound = self._api.addresses[0][1]
        return f"http://127.0.0.1:{bound}"

    async def _http_action(self, request: web.Request) -> web.Response:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            missing = "Authorization" not in request.headers
            return web.Response(status=401 if missing else 403)
        params = await request.json() if request.can_read_body else {}
        return web.json_response(self.carry_out(request.match_info["action"], params))

    async def post(self, url: str, payload: dict[str, Any], *, forge: bool = False) -> int:
        """Post an event over HTTP, signed when there is a secret; return the status."""
        assert self._http
        body = json.dumps(payload, ensure_ascii=False).encode()
        headers = self.post_headers(body if not forge else body + b" ")
        async with self._http.post(url, data=body, headers=headers) as response:
            return response.status

    def post_headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of a posted event."""
        headers = {"Content-Type": "application/json", "X-Self-ID": str(self.self_id)}
        if self.secret:
            mark = hmac.new(self.secret.encode(), body, hashlib.sha1).hexdigest()
            headers["X-Signature"] = f"sha1={mark}"
        return headers

    # -- events ------------------------------------------------------------------------------

    async def emit(self, payload: dict[str, Any]) -> None:
        """Send an event down the line."""
        await self.emit_raw(json.dumps(payload, ensure_ascii=False))

    async def emit_raw(self, text: str) -> None:
        """Send any text down the line, however broken."""
        while self._ws is None:
            await asyncio.sleep(0.01)
        await self._ws.send_str(text)

    def event(self, post_type: str, **fields: Any) -> dict[str, Any]:
        """Return an event with the common fields."""
        return {
            "time": int(time.time()),
            "self_id": self.self_id,
            "post_type": post_type,
            **fields,
        }

    def lifecycle(self, sub_type: str) -> dict[str, Any]:
        """Return a lifecycle event."""
        return self.event("meta_event", meta_event_type="lifecycle", sub_type=sub_type)

    def heartbeat(self) -> dict[str, Any]:
        """Return a heartbeat."""
        return self.event(
            "meta_event",
            meta_event_type="heartbeat",
            status={"online": True, "good": True},
            interval=int(self.heartbeat_s * 1000),
        )

    def message(
        self, message: str | list[Segment], *, user_id: int = ANN, group_id: int | None = None
    ) -> dict[str, Any]:
        """Somebody said something: keep it and return the event."""
        segments = as_segments(message) if isinstance(message, list) else _plain(message)
        kind = "private" if group_id is None else "group"
        kept = self.world.keep(
            Kept(self.world.new_message_id(), kind, user_id, group_id, segments, int(time.time()))
        )
        said = self.event(
            "message",
            message_type=kind,
            sub_type="friend" if group_id is None else "normal",
            message_id=kept.message_id,
            user_id=user_id,
            message=self.actions.formatted(segments),
            raw_message=encode(segments),
            font=0,
            sender=self.world.sender(user_id, group_id),
            message_format=self.actions.message_format,
        )
        return said | ({"group_id": group_id, "anonymous": None} if group_id is not None else {})

    async def say(
        self, message: str | list[Segment], *, user_id: int = ANN, group_id: int | None = None
    ) -> int:
        """Somebody says something; return the message id."""
        event = self.message(message, user_id=user_id, group_id=group_id)
        await self.emit(event)
        return int(event["message_id"])

    def notice(self, notice_type: str, **fields: Any) -> dict[str, Any]:
        """Return a notice."""
        return self.event("notice", notice_type=notice_type, **fields)

    def friend_request(self, user_id: int, comment: str = "") -> dict[str, Any]:
        """Somebody wants to be a friend."""
        return self._request("friend", user_id=user_id, comment=comment)

    def group_request(
        self, sub_type: str, user_id: int, group_id: int, comment: str = ""
    ) -> dict[str, Any]:
        """Somebody wants in (`add`), or wants us in (`invite`)."""
        return self._request(
            "group", sub_type=sub_type, user_id=user_id, group_id=group_id, comment=comment
        )

    def _request(self, kind: str, **fields: Any) -> dict[str, Any]:
        flag = f"flag-{len(self.world.requests) + 1}"
        self.world.requests[flag] = {"request_type": kind, **fields}
        return self.event("request", request_type=kind, flag=flag, **fields)

    def recall(self, message_id: int, operator_id: int) -> dict[str, Any]:
        """Somebody took a message back."""
        kept = self.world.found(message_id)
        kept.recalled = True
        place = {"group_id": kept.group_id, "operator_id": operator_id} if kept.group_id else {}
        return self.notice(
            "group_recall" if kept.group_id else "friend_recall",
            user_id=kept.user_id,
            message_id=message_id,
            **place,
        )

    def input_status_of(self, user_id: int) -> int | None:
        """The typing state last shown to a user."""
        shown = [status for user, status in self.actions.input_status if user == user_id]
        return shown[-1] if shown else None

    async def wait_sends(self, count: int, timeout_s: float = 10) -> list[Sent]:
        """Wait until the app made us send so many messages."""
        async with asyncio.timeout(timeout_s):
            while len(self.sends) < count:
                await asyncio.sleep(0.005)
        return self.sends


def _plain(text: str) -> list[Segment]:
    return [{"type": "text", "data": {"text": text}}]


def _small_world(self_id: int) -> World:
    people = {self_id: Person(self_id, "Bot"), ANN: Person(ANN, "Ann"), BEN: Person(BEN, "Ben")}
    members = {
        self_id: GroupMember(self_id, role="member"),
        ANN: GroupMember(ANN, role="owner", card="Ann of the crew"),
        BEN: GroupMember(BEN),
    }
    group = GroupChat(GROUP, "Crew", members)
    return World(self_id, people, friends={ANN: "", BEN: "Benny"}, groups={GROUP: group})
