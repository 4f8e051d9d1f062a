"""Our words into OneBot v11's. Pure: files stay references until they are sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tandem_adapters.rendering import say
from tandem_adapters.splitting import split
from tandem_common.contract.commands import (
    ApproveFriendRequest,
    ApproveGroupInvite,
    CallPlatformApi,
    Command,
    DeleteMessage,
    ForwardMessage,
    GetFileUrl,
    GetGroupInfo,
    GetGroupMemberInfo,
    GetGroupMemberList,
    GetMessage,
    GetUserInfo,
    KickMember,
    LeaveGroup,
    MuteMember,
    React,
    SendMessage,
    SetGroupName,
    SetTyping,
    UnmuteMember,
    UploadFile,
)
from tandem_common.contract.components import Component
from tandem_common.contract.entities import Conversation
from tandem_common.contract.errors import InvalidInputError, UnsupportedError

from .wire import format_cq

PLATFORM = "onebot"
MAX_MUTE_S = 30 * 86_400 - 1
_TYPING, _NOT_TYPING = 1, 2
Segments = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """How a bot wants its messages."""

    send_format: Literal["array", "string"] = "array"
    max_text: int = 4000


@dataclass(frozen=True)
class Request:
    """One action."""

    action: str
    params: dict[str, Any] = field(default_factory=dict)
    repeatable: bool = False
    """Doing it twice is the same as doing it once."""
    says: bool = False
    """It puts a message into a conversation."""
    reduced: tuple[str, ...] = ()


def number(value: str, name: str) -> int:
    """Ids are numbers on this wire.

    Raises:
        InvalidInputError: Not a number.
    """
    try:
        return int(value)
    except ValueError:
        raise InvalidInputError(
            f"{name} must be a number on OneBot (got {value[:80]!r})", field=name
        ) from None


# -- messages ------------------------------------------------------------------------------------


@dataclass
class _Draft:
    """Messages in the making: text and pictures flow together, some things stand alone."""

    is_group: bool
    options: Options
    messages: list[Segments] = field(default_factory=list)
    open: Segments = field(default_factory=list)
    reduced: list[str] = field(default_factory=list)

    def flow(self, kind: str, **data: Any) -> None:
        self.open.append({"type": kind, "data": data})

    def text(self, text: str) -> None:
        if not text:
            return
        last = self.open[-1] if self.open else None
        if last is not None and last["type"] == "text":
            last["data"]["text"] += text
        else:
            self.flow("text", text=text)

    def alone(self, kind: str, **data: Any) -> None:
        self.close()
        self.messages.append([{"type": kind, "data": data}])

    def degrade(self, component: Component) -> None:
        said = say(component)
        if said.reduced:
            self.reduced.append(said.reduced)
        # What is a block of its own must not run into the words before it.
        block = "\n" in said.text and self.open and self.open[-1]["type"] == "text"
        self.text(("\n" if block else "") + said.text)

    def close(self) -> None:
        if self.open:
            self.messages.extend(_by_length(self.open, self.options.max_text))
            self.open = []


def _by_length(segments: Segments, limit: int) -> list[Segments]:
    """Cut one message into several where its text is too long."""
    messages: list[Segments] = [[]]
    room = limit
    for segment in segments:
        if segment["type"] != "text":
            messages[-1].append(segment)
            continue
        text = segment["data"]["text"]
        if len(text) <= room:
            messages[-1].append(segment)
            room -= len(text)
            continue
        for piece in split(text, limit):
            if messages[-1] and (len(piece) > room or room < limit):
                messages.append([])
            messages[-1].append({"type": "text", "data": {"text": piece}})
            room = limit - len(piece)
    return messages


def _mention(draft: _Draft, c: Any) -> None:
    if draft.is_group and c.user.id.lstrip("-").isdigit():
        draft.flow("at", qq=c.user.id)
        draft.text(" ")
    else:
        draft.degrade(c)


def _mention_all(draft: _Draft, c: Any) -> None:
    if draft.is_group:
        draft.flow("at", qq="all")
        draft.text(" ")
    else:
        draft.degrade(c)


def _sticker(draft: _Draft, c: Any) -> None:
    if c.id.isdigit():
        draft.flow("face", id=c.id)
    else:
        draft.degrade(c)


def _image(draft: _Draft, c: Any) -> None:
    draft.flow("image", file=c.media, **({"summary": c.alt} if c.alt else {}))


def _file(draft: _Draft, c: Any) -> None:
    draft.alone("file", file=c.media, name=c.name or "file")


def _contact(draft: _Draft, c: Any) -> None:
    if c.id.isdigit():
        draft.alone("contact", type="group" if c.contact_kind == "group" else "qq", id=c.id)
    else:
        draft.degrade(c)


def _quote(draft: _Draft, c: Any) -> None:
    if any(s["type"] == "reply" for s in draft.open) or draft.messages:
        return
    if c.message_id.lstrip("-").isdigit():
        draft.open.insert(0, {"type": "reply", "data": {"id": c.message_id}})
    else:
        draft.degrade(c)


def _forward(draft: _Draft, c: Any) -> None:
    if not c.items:
        draft.degrade(c)
        return
    draft.close()
    nodes: Segments = []
    for item in c.items:
        said, reduced = _segments(item.components, is_group=True, options=draft.options)
        draft.reduced.extend(reduced)
        who = item.author.id if item.author.id.isdigit() else "10000"
        data = {"user_id": who, "nickname": item.author.name or item.author.id}
        nodes.extend({"type": "node", "data": {**data, "content": m}} for m in said)
    draft.messages.append(nodes)


def _own_kind(draft: _Draft, c: Any) -> None:
    if c.platform == PLATFORM:
        draft.flow(c.type, **c.data)
    else:
        draft.degrade(c)


_WRITERS: dict[str, Callable[[_Draft, Any], None]] = {
    "text": lambda draft, c: draft.text(c.text),
    "mention": _mention,
    "mention_all": _mention_all,
    "image": _image,
    "voice": lambda draft, c: draft.alone("record", file=c.media),
    "video": lambda draft, c: draft.alone("video", file=c.media),
    "file": _file,
    "quote": _quote,
    "forward": _forward,
    "sticker": _sticker,
    "contact": _contact,
    "platform": _own_kind,
}
"""What has a form of its own here; everything else is said as text."""


def _segments(
    components: Sequence[Component], *, is_group: bool, options: Options
) -> tuple[list[Segments], tuple[str, ...]]:
    draft = _Draft(is_group, options)
    for component in components:
        writer = _WRITERS.get(component.kind)
        if writer is None:
            draft.degrade(component)
        else:
            writer(draft, component)
    draft.close()
    return draft.messages, tuple(dict.fromkeys(draft.reduced))


def send(command: SendMessage, options: Options) -> tuple[Request, ...]:
    """Write a message; what OneBot cannot mix becomes several messages.

    Raises:
        InvalidInputError: There is nothing to send, or an id is not a number.
    """
    is_group = command.conversation.chat.kind != "private"
    messages, reduced = _segments(command.components, is_group=is_group, options=options)
    messages = [m for m in messages if not _is_empty(m)]
    if not messages:
        raise InvalidInputError("the message says nothing OneBot can show", field="components")
    quotes = any(s["type"] == "reply" for s in messages[0])
    if command.reply_to and not quotes and _can_quote(messages[0]):
        reply = {"type": "reply", "data": {"id": str(number(command.reply_to, "reply_to"))}}
        messages[0].insert(0, reply)
    place = _place(command.conversation)
    return tuple(
        _send_one(message, place, options, reduced if at == 0 else ())
        for at, message in enumerate(messages)
    )


def _is_empty(message: Segments) -> bool:
    """Implementations refuse a message of nothing but a quote or blank text."""
    return all(
        s["type"] == "reply" or (s["type"] == "text" and not s["data"]["text"].strip())
        for s in message
    )


def _can_quote(message: Segments) -> bool:
    return message[0]["type"] not in {"record", "video", "file", "node", "contact"}


def _place(conversation: Conversation) -> dict[str, int]:
    chat = number(conversation.chat.id, "conversation.chat.id")
    return {"user_id" if conversation.chat.kind == "private" else "group_id": chat}


def _send_one(
    message: Segments, place: dict[str, int], options: Options, reduced: tuple[str, ...]
) -> Request:
    kind = "private" if "user_id" in place else "group"
    first = message[0]
    if first["type"] == "node":
        params: dict[str, Any] = {**place, "messages": message}
        return Request(f"send_{kind}_forward_msg", params, says=True, reduced=reduced)
    if first["type"] == "file":
        params = {**place, "file": first["data"]["file"], "name": first["data"]["name"]}
        return Request(f"upload_{kind}_file", params, says=True, reduced=reduced)
    said = format_cq(message) if options.send_format == "string" else message
    return Request(f"send_{kind}_msg", {**place, "message": said}, says=True, reduced=reduced)


def instead(request: Request, options: Options) -> Request | None:
    """Return the next rung of the ladder when an extension is missing: plain text."""
    params = request.params
    place: dict[str, int] = {n: params[n] for n in ("user_id", "group_id") if n in params}
    if request.action.endswith("_forward_msg"):
        lines = [_said(node["data"]) for node in params["messages"]]
        text, why = "\n".join(lines), "the forward is shown as text"
    elif request.action in {"upload_group_file", "upload_private_file"}:
        address = params["file"] if str(params["file"]).startswith("http") else ""
        text, why = f"[{params['name']}] {address}".strip(), "the file is named, not sent"
    else:
        return None
    message: Segments = [{"type": "text", "data": {"text": text}}]
    return _send_one(message, place, options, (*request.reduced, why))


def _said(node: dict[str, Any]) -> str:
    words = [s["data"].get("text", f"[{s['type']}]") for s in node["content"]]
    return f"{node['nickname']}: {''.join(words)}"


# -- other commands ------------------------------------------------------------------------------


def _delete(c: DeleteMessage) -> Request:
    params = {"message_id": number(c.message_id, "message_id")}
    return Request("delete_msg", params, repeatable=True)


def _forward_message(c: ForwardMessage) -> Request:
    place = _place(c.to)
    kind = "friend" if "user_id" in place else "group"
    params = {**place, "message_id": number(c.message_id, "message_id")}
    return Request(f"forward_{kind}_single_msg", params, says=True)


def _get_message(c: GetMessage) -> Request:
    return Request("get_msg", {"message_id": number(c.message_id, "message_id")}, repeatable=True)


def _react(c: React) -> Request:
    params = {
        "message_id": number(c.message_id, "message_id"),
        "emoji_id": c.reaction,
        "set": c.added,
    }
    return Request("set_msg_emoji_like", params, repeatable=True)


def _typing(c: SetTyping) -> Request:
    if c.conversation.chat.kind != "private":
        raise UnsupportedError("OneBot shows typing in private chats only")
    user = number(c.conversation.chat.id, "conversation.chat.id")
    params = {"user_id": user, "event_type": _TYPING if c.typing else _NOT_TYPING}
    return Request("set_input_status", params, repeatable=True)


def _in_group(c: Any, **more: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"group_id": number(c.group_id, "group_id")}
    if hasattr(c, "user_id"):
        params["user_id"] = number(c.user_id, "user_id")
    return {**params, **more}


def _mute(c: MuteMember) -> Request:
    if not 0 < c.duration_s <= MAX_MUTE_S:
        raise InvalidInputError(
            f"a mute lasts 1 to {MAX_MUTE_S} seconds here (got {c.duration_s})",
            field="duration_s",
        )
    return Request("set_group_ban", _in_group(c, duration=c.duration_s), repeatable=True)


def _unmute(c: UnmuteMember) -> Request:
    return Request("set_group_ban", _in_group(c, duration=0), repeatable=True)


def _kick(c: KickMember) -> Request:
    return Request("set_group_kick", _in_group(c, reject_add_request=c.ban), repeatable=True)


def _leave(c: LeaveGroup) -> Request:
    return Request("set_group_leave", _in_group(c), repeatable=True)


def _rename(c: SetGroupName) -> Request:
    return Request("set_group_name", _in_group(c, group_name=c.name), repeatable=True)


def _group_info(c: GetGroupInfo) -> Request:
    return Request("get_group_info", _in_group(c, no_cache=True), repeatable=True)


def _member_list(c: GetGroupMemberList) -> Request:
    return Request("get_group_member_list", _in_group(c), repeatable=True)


def _member_info(c: GetGroupMemberInfo) -> Request:
    return Request("get_group_member_info", _in_group(c, no_cache=True), repeatable=True)


def _user_info(c: GetUserInfo) -> Request:
    params = {"user_id": number(c.user_id, "user_id"), "no_cache": True}
    return Request("get_stranger_info", params, repeatable=True)


def _friend_request(c: ApproveFriendRequest) -> Request:
    params = {"flag": c.request_id, "approve": c.approve, "remark": c.remark or ""}
    return Request("set_friend_add_request", params)


def _group_request(c: ApproveGroupInvite) -> Request:
    sub_type, _, flag = c.request_id.partition(":")
    if sub_type not in {"add", "invite"} or not flag:
        raise InvalidInputError(
            "request_id must be the one the event carried: add:… or invite:…", field="request_id"
        )
    params = {"flag": flag, "sub_type": sub_type, "approve": c.approve, "reason": c.reason or ""}
    return Request("set_group_add_request", params)


def _upload(c: UploadFile) -> Request:
    place = _place(c.conversation)
    kind = "private" if "user_id" in place else "group"
    return Request(f"upload_{kind}_file", {**place, "file": c.media, "name": c.name}, says=True)


def _file_url(c: GetFileUrl) -> Request:
    place = c.conversation
    if place is None:
        return Request("get_file", {"file_id": c.file_id}, repeatable=True)
    where = _place(place)
    kind = "private" if "user_id" in where else "group"
    return Request(f"get_{kind}_file_url", {**where, "file_id": c.file_id}, repeatable=True)


def _platform_api(c: CallPlatformApi) -> Request:
    return Request(c.action, c.params)


REQUESTS: dict[str, Callable[[Any], Request]] = {
    "delete_message": _delete,
    "forward_message": _forward_message,
    "get_message": _get_message,
    "react": _react,
    "set_typing": _typing,
    "get_group_info": _group_info,
    "get_group_list": lambda _: Request("get_group_list", repeatable=True),
    "get_group_member_list": _member_list,
    "get_group_member_info": _member_info,
    "set_group_name": _rename,
    "mute_member": _mute,
    "unmute_member": _unmute,
    "kick_member": _kick,
    "leave_group": _leave,
    "get_user_info": _user_info,
    "get_friend_list": lambda _: Request("get_friend_list", repeatable=True),
    "approve_friend_request": _friend_request,
    "approve_group_invite": _group_request,
    "upload_file": _upload,
    "get_file_url": _file_url,
    "call_platform_api": _platform_api,
}
"""Commands that are one action."""


def plan(command: Command, options: Options) -> tuple[Request, ...]:
    """Write a command as the actions it takes, in order.

    Raises:
        UnsupportedError: OneBot v11 has nothing of the kind.
        InvalidInputError: An id is not a number, or nothing is left to send.
    """
    if isinstance(command, SendMessage):
        return send(command, options)
    writer = REQUESTS.get(command.kind)
    if writer is None:
        raise UnsupportedError(f"OneBot v11 has no {command.kind}")
    return (writer(command),)


def reference_of(params: dict[str, Any]) -> tuple[str, ...]:
    """List the files of our store an action carries."""
    found = [params["file"]] if "file" in params else []
    message = params.get("message", params.get("messages", []))
    found += _files(message) if isinstance(message, list) else _coded(message)
    return tuple(dict.fromkeys(f for f in found if str(f).startswith("sha256:")))


def _files(segments: Segments) -> list[str]:
    found: list[str] = []
    for segment in segments:
        data = segment["data"]
        if "file" in data:
            found.append(str(data["file"]))
        if isinstance(data.get("content"), list):
            found += _files(data["content"])
    return found


def _coded(message: str) -> list[str]:
    return [piece.split("]")[0].split(",")[0] for piece in message.split("file=")[1:]]


def with_files(value: Any, loaded: dict[str, str]) -> Any:
    """Put file contents in the place of their references."""
    if isinstance(value, dict):
        return {name: with_files(inner, loaded) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_files(inner, loaded) for inner in value]
    if not isinstance(value, str):
        return value
    if value in loaded:
        return loaded[value]
    if "[CQ:" in value:
        for reference, content in loaded.items():
            value = value.replace(f"file={reference}", f"file={content}")
    return value
