"""OneBot v11's words into ours. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from tandem_common.contract.components import (
    Component,
    Contact,
    File,
    Forward,
    ForwardItem,
    Image,
    Link,
    Location,
    Markdown,
    Mention,
    MentionAll,
    PlatformComponent,
    Quote,
    Sticker,
    Text,
    Unknown,
    Video,
    Voice,
    plain_text,
)
from tandem_common.contract.entities import Chat, Conversation, Group, Member, User
from tandem_common.contract.events import (
    BotInvitedToGroup,
    BotMuted,
    BotOffline,
    BotRemovedFromGroup,
    BotUnmuted,
    Event,
    FriendAdded,
    FriendRequestReceived,
    GroupInfoUpdated,
    GroupMemberBanned,
    GroupMemberJoined,
    GroupMemberLeft,
    GroupMemberUnbanned,
    MessageDeleted,
    MessageReaction,
    MessageReceived,
    PlatformEvent,
)
from tandem_common.contract.message import Message

from .wire import Fetched, Frame, Kept, Segment, Sender, Wanted, parse_cq

PLATFORM = "onebot"
_EXCERPT = 200
_EVERYBODY = 0
_MILLISECONDS = 100_000_000_000
_MEDIA: dict[str, type[Image | Voice | Video | File]] = {
    "image": Image,
    "record": Voice,
    "video": Video,
    "file": File,
}
_NO_FILES: Mapping[int, Fetched] = {}


@dataclass(frozen=True)
class Context:
    """What an event's translation needs beside the frame."""

    bot: str
    self_id: str
    new_id: Callable[[], str]
    now: datetime
    is_own: Callable[[str], bool] = lambda _: False
    """Whether a message id is of a message this bot sent."""
    command_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Extras:
    """What had to be fetched for a message."""

    files: Mapping[int, Fetched] = field(default_factory=dict)
    quoted: Kept | None = None
    forwarded: Mapping[str, tuple[ForwardItem, ...]] = field(default_factory=dict)


NOTHING = Extras()


# -- what has to be fetched ----------------------------------------------------------------------


def wanted_files(message: list[Segment]) -> tuple[Wanted, ...]:
    """List the files of a message whose addresses will expire."""
    return tuple(
        Wanted(at, url, segment.word("name", "file_name", "file"))
        for at, segment in enumerate(message)
        if segment.type in _MEDIA and (url := _address(segment))
    )


def _address(segment: Segment) -> str:
    for name in ("url", "file"):
        value = segment.word(name)
        if value.startswith(("http://", "https://")):
            return value
    return ""


def quoted_id(message: list[Segment]) -> str:
    """Return the id of the message this one answers, or nothing."""
    return next((s.word("id") for s in message if s.type == "reply"), "")


def forward_ids(message: list[Segment]) -> tuple[str, ...]:
    """List merged forwards whose content is not in the message itself."""
    return tuple(
        segment.word("id")
        for segment in message
        if segment.type == "forward" and segment.word("id") and not segment.data.get("content")
    )


# -- components ----------------------------------------------------------------------------------


def components(
    message: list[Segment], context: Context, extras: Extras = NOTHING
) -> tuple[Component, ...]:
    """Read a message."""
    read: list[Component] = []
    for at, segment in enumerate(message):
        component = _component(at, segment, context, extras)
        if component is None:
            continue
        last = read[-1] if read else None
        if isinstance(component, Text) and isinstance(last, Text):
            read[-1] = Text(text=last.text + component.text)
        else:
            read.append(component)
    return tuple(read)


def _component(at: int, segment: Segment, context: Context, extras: Extras) -> Component | None:
    if segment.type in _MEDIA:
        return _media(segment, extras.files.get(at))
    if segment.type == "reply":
        return _quote(segment, extras.quoted)
    if segment.type == "forward":
        return _forward(segment, context, extras)
    reader = _READERS.get(segment.type)
    if reader is not None:
        return reader(segment)
    return Unknown(type=segment.type, excerpt=_excerpt(segment.data))


def _excerpt(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, default=str)[:_EXCERPT]


def _text(segment: Segment) -> Component | None:
    text = segment.word("text")
    return Text(text=text) if text else None


def _at(segment: Segment) -> Component:
    who = segment.word("qq")
    if who == "all":
        return MentionAll()
    return Mention(user=User(id=who, name=segment.word("name") or None))


def _media(segment: Segment, fetched: Fetched | None) -> Component:
    if fetched is None:
        return Unknown(type=segment.type, excerpt=segment.word("summary", "name", "file_name"))
    return _MEDIA[segment.type](
        media=fetched.media,
        name=segment.word("name", "file_name", "file") or None,
        mime=fetched.mime,
        size_bytes=fetched.size_bytes,
        alt=segment.word("summary") or None,
    )


def _quote(segment: Segment, quoted: Kept | None) -> Component | None:
    message_id = segment.word("id")
    if not message_id:
        return None
    if quoted is None:
        return Quote(message_id=message_id)
    context = Context("", "", str, datetime.fromtimestamp(0, UTC))
    said = plain_text(components([s for s in quoted.message if s.type != "reply"], context))
    return Quote(
        message_id=message_id, author=_sender(quoted.sender), excerpt=said[:_EXCERPT] or None
    )


def _forward(segment: Segment, context: Context, extras: Extras) -> Component:
    content = segment.data.get("content")
    items = forward_items(content, context) if isinstance(content, list) else ()
    forward_id = segment.word("id")
    return Forward(
        items=items or extras.forwarded.get(forward_id, ()), forward_id=forward_id or None
    )


def forward_items(nodes: Any, context: Context) -> tuple[ForwardItem, ...]:
    """Read the messages of a merged forward, in either of the two shapes in use."""
    return tuple(
        _forward_item(node.get("data", node) if node.get("type") == "node" else node, context)
        for node in (nodes if isinstance(nodes, list) else [])
        if isinstance(node, dict)
    )


def _forward_item(node: dict[str, Any], context: Context) -> ForwardItem:
    sender = node.get("sender") or {}
    who = node.get("user_id") or sender.get("user_id") or node.get("uin") or 0
    name = node.get("nickname") or sender.get("nickname") or node.get("name")
    content = node.get("message", node.get("content"))
    said = parse_cq(content) if isinstance(content, str) else _segments(content)
    time = node.get("time")
    return ForwardItem(
        author=User(id=str(who), name=str(name) if name else None),
        time=_moment(time) if isinstance(time, int) and time > 0 else None,
        components=components(said, context),
    )


def _segments(content: Any) -> list[Segment]:
    return [
        Segment(type=str(item.get("type", "")), data=item.get("data") or {})
        for item in (content if isinstance(content, list) else [])
        if isinstance(item, dict)
    ]


def _face(segment: Segment) -> Component:
    raw = segment.data.get("raw")
    name = raw.get("faceText") if isinstance(raw, dict) else None
    return Sticker(id=segment.word("id"), name=str(name) if name else None)


def _market_face(segment: Segment) -> Component:
    return Sticker(id=segment.word("emoji_id", "id", "key"), name=segment.word("summary") or None)


def _location(segment: Segment) -> Component:
    try:
        lat, lon = float(segment.word("lat")), float(segment.word("lon"))
    except ValueError:
        return Unknown(type="location", excerpt=_excerpt(segment.data))
    return Location(lat=lat, lon=lon, title=segment.word("title") or None)


def _contact(segment: Segment) -> Component:
    kind: Literal["user", "group"] = "group" if segment.word("type") == "group" else "user"
    return Contact(id=segment.word("id"), contact_kind=kind)


def _share(segment: Segment) -> Component:
    return Link(
        url=segment.word("url"),
        title=segment.word("title") or None,
        description=segment.word("content") or None,
        image_url=segment.word("image") or None,
    )


def _own_kind(segment: Segment) -> Component:
    return PlatformComponent(platform=PLATFORM, type=segment.type, data=segment.data)


_READERS: dict[str, Callable[[Segment], Component | None]] = {
    "text": _text,
    "at": _at,
    "face": _face,
    "mface": _market_face,
    "markdown": lambda s: Markdown(text=s.word("content")),
    "location": _location,
    "contact": _contact,
    "share": _share,
    **dict.fromkeys(
        ("rps", "dice", "shake", "poke", "music", "anonymous", "xml", "json", "node"), _own_kind
    ),
}


# -- events --------------------------------------------------------------------------------------


def to_events(frame: Frame, context: Context, extras: Extras = NOTHING) -> tuple[Event, ...]:
    """Read an event; most become one, some none, a few several."""
    if frame.post_type == "message":
        return _message(frame, context, extras)
    if frame.post_type == "notice":
        kind = frame.notice_type or ""
        named = f"{kind}.{frame.sub_type}" if kind == "notify" else kind
        return _NOTICES.get(named, _other_notice)(frame, context)
    if frame.post_type == "request":
        return _REQUESTS.get(frame.request_type or "", _other_notice)(frame, context)
    return ()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC)


def _common(frame: Frame, context: Context, mark: str = "") -> dict[str, Any]:
    return {
        "id": context.new_id(),
        "time": _moment(frame.time) if frame.time > 0 else context.now,
        "platform": PLATFORM,
        "bot": context.bot,
        "dedupe_key": _dedupe_key(frame) + mark,
        "conversation": _place(frame),
    }


def _dedupe_key(frame: Frame) -> str:
    """The message's id, or everything that tells one notice from another."""
    if frame.post_type == "message":
        chat = frame.group_id if frame.message_type == "group" else frame.user_id
        return f"message:{frame.message_type}:{chat}:{frame.message_id}:{frame.time}"
    if frame.post_type == "request" and frame.flag:
        return f"request:{frame.request_type}:{frame.flag}"
    parts = (
        frame.notice_type,
        frame.sub_type,
        frame.time,
        frame.group_id,
        frame.user_id,
        frame.operator_id,
        frame.target_id,
        frame.message_id,
        frame.duration,
        frame.name_new,
    )
    return "notice:" + ":".join("" if part is None else str(part) for part in parts)


def _place(frame: Frame) -> Conversation | None:
    if frame.group_id:
        return Conversation(
            chat=Chat(id=str(frame.group_id), kind="group", name=frame.group_name or None)
        )
    if frame.user_id:
        name = frame.sender.nickname or None
        return Conversation(chat=Chat(id=str(frame.user_id), kind="private", name=name))
    return None


def _user(user_id: int | None) -> User | None:
    return User(id=str(user_id)) if user_id else None


def _sender(sender: Sender, user_id: int | None = None) -> User:
    return User(
        id=str(sender.user_id or user_id or 0),
        name=sender.card or sender.nickname or None,
        username=sender.nickname or None,
    )


def _group(frame: Frame) -> Group:
    return Group(id=str(frame.group_id), name=frame.group_name or None)


def _message(frame: Frame, context: Context, extras: Extras) -> tuple[Event, ...]:
    if str(frame.user_id) == context.self_id or frame.message_id is None:
        return ()  # our own words come back from some implementations
    said = components(frame.message, context, extras)
    reply_to = quoted_id(frame.message) or None
    message = Message(
        id=str(frame.message_id),
        components=said,
        reply_to=reply_to,
        addressed=_addressed(frame, said, reply_to, context, extras),
    )
    actor = _sender(frame.sender, frame.user_id)
    return (MessageReceived(**_common(frame, context), actor=actor, message=message),)


def _addressed(
    frame: Frame,
    said: tuple[Component, ...],
    reply_to: str | None,
    context: Context,
    extras: Extras,
) -> bool:
    if frame.message_type == "private":
        return True
    if any(isinstance(c, Mention) and c.user.id == context.self_id for c in said):
        return True
    if reply_to and (context.is_own(reply_to) or _is_by(extras.quoted, context.self_id)):
        return True
    text = "".join(c.text for c in said if isinstance(c, Text)).lstrip()
    return bool(context.command_prefixes) and text.startswith(context.command_prefixes)


def _is_by(quoted: Kept | None, user_id: str) -> bool:
    return quoted is not None and str(quoted.sender.user_id or quoted.user_id) == user_id


def _increase(frame: Frame, context: Context) -> tuple[Event, ...]:
    inviter = _user(frame.operator_id) if frame.sub_type == "invite" else None
    if str(frame.user_id) == context.self_id:
        return (BotInvitedToGroup(**_common(frame, context), group=_group(frame), inviter=inviter),)
    how: Literal["invite", "request"] = "invite" if frame.sub_type == "invite" else "request"
    member = User(id=str(frame.user_id))
    return (
        GroupMemberJoined(
            **_common(frame, context),
            actor=inviter or member,
            member=member,
            inviter=inviter,
            how=how,
        ),
    )


def _decrease(frame: Frame, context: Context) -> tuple[Event, ...]:
    operator = _user(frame.operator_id)
    gone = frame.sub_type in {"kick_me", "disband"} or str(frame.user_id) == context.self_id
    if gone:
        return (
            BotRemovedFromGroup(
                **_common(frame, context), actor=operator, group=_group(frame), operator=operator
            ),
        )
    kicked = frame.sub_type == "kick"
    member = User(id=str(frame.user_id))
    return (
        GroupMemberLeft(
            **_common(frame, context),
            actor=operator if kicked else member,
            member=member,
            kicked=kicked,
            operator=operator if kicked else None,
        ),
    )


def _ban(frame: Frame, context: Context) -> tuple[Event, ...]:
    """A mute of one member, of the bot, or (user 0) of everybody, the bot included."""
    everybody = not frame.user_id or frame.user_id == _EVERYBODY
    lifted = frame.sub_type == "lift_ban" or (frame.duration == 0 and not everybody)
    found: list[Event] = []
    if everybody or str(frame.user_id) != context.self_id:
        found.append(_member_ban(frame, context, lifted=lifted, everybody=everybody))
    if everybody or str(frame.user_id) == context.self_id:
        found.append(_bot_ban(frame, context, lifted=lifted))
    return tuple(found)


def _until(frame: Frame, context: Context) -> datetime | None:
    if not frame.duration or frame.duration < 0:
        return None
    began = _moment(frame.time) if frame.time > 0 else context.now
    return began + timedelta(seconds=frame.duration)


def _member_ban(frame: Frame, context: Context, *, lifted: bool, everybody: bool) -> Event:
    member = None if everybody else User(id=str(frame.user_id))
    operator = _user(frame.operator_id)
    common = {**_common(frame, context), "actor": operator, "member": member, "operator": operator}
    if lifted:
        return GroupMemberUnbanned(**common)
    return GroupMemberBanned(**common, until=_until(frame, context))


def _bot_ban(frame: Frame, context: Context, *, lifted: bool) -> Event:
    operator = _user(frame.operator_id)
    common = {
        **_common(frame, context, ":bot"),
        "actor": operator,
        "group": _group(frame),
        "operator": operator,
    }
    return BotUnmuted(**common) if lifted else BotMuted(**common, until=_until(frame, context))


def _recall(frame: Frame, context: Context) -> tuple[Event, ...]:
    operator = _user(frame.operator_id or frame.user_id)
    return (
        MessageDeleted(
            **_common(frame, context),
            actor=operator,
            message_id=str(frame.message_id),
            operator=operator,
        ),
    )


def _friend_add(frame: Frame, context: Context) -> tuple[Event, ...]:
    user = User(id=str(frame.user_id))
    return (FriendAdded(**_common(frame, context), actor=user, user=user),)


def _emoji_like(frame: Frame, context: Context) -> tuple[Event, ...]:
    user = _user(frame.user_id)
    return tuple(
        MessageReaction(
            **_common(frame, context, f":{like.emoji_id}:{frame.is_add}"),
            actor=user,
            message_id=str(frame.message_id),
            user=user,
            reaction=like.emoji_id,
            added=frame.is_add,
        )
        for like in frame.likes
    )


def _group_name(frame: Frame, context: Context) -> tuple[Event, ...]:
    operator = _user(frame.user_id or frame.operator_id)
    group = Group(id=str(frame.group_id), name=frame.name_new or None)
    return (
        GroupInfoUpdated(
            **_common(frame, context),
            actor=operator,
            group=group,
            operator=operator,
            changed=("name",),
        ),
    )


def _bot_offline(frame: Frame, context: Context) -> tuple[Event, ...]:
    extra = frame.model_extra or {}
    reason = str(extra.get("tag") or extra.get("message") or "the account was logged out")
    common = {**_common(frame, context), "conversation": None}
    return (BotOffline(**common, reason=reason),)


def _friend_request(frame: Frame, context: Context) -> tuple[Event, ...]:
    user = User(id=str(frame.user_id))
    return (
        FriendRequestReceived(
            **_common(frame, context),
            actor=user,
            request_id=frame.flag,
            user=user,
            text=frame.comment or None,
        ),
    )


def _group_request(frame: Frame, context: Context) -> tuple[Event, ...]:
    """An invitation to the bot, or somebody who wants in: the answer must say which it was."""
    user = User(id=str(frame.user_id))
    if frame.sub_type == "invite":
        return (
            BotInvitedToGroup(
                **_common(frame, context),
                actor=user,
                group=_group(frame),
                inviter=user,
                request_id=f"invite:{frame.flag}",
            ),
        )
    data = {
        "request_id": f"add:{frame.flag}",
        "user_id": str(frame.user_id),
        "group_id": str(frame.group_id),
        "comment": frame.comment,
    }
    return (
        PlatformEvent(
            **_common(frame, context),
            actor=user,
            type="platform.onebot.group_join_requested",
            data=data,
        ),
    )


_NO_SLUG = re.compile(r"[^a-z0-9_]+")
_ALWAYS = {"time", "self_id", "post_type"}


def _other_notice(frame: Frame, context: Context) -> tuple[Event, ...]:
    kind = frame.notice_type or frame.request_type or "notice"
    named = frame.sub_type or kind if kind == "notify" else kind
    action = _NO_SLUG.sub("_", named.lower()).strip("_") or "notice"
    data = frame.model_dump(mode="json", exclude=_ALWAYS, exclude_unset=True, exclude_none=True)
    return (
        PlatformEvent(
            **_common(frame, context),
            actor=_user(frame.user_id),
            type=f"platform.onebot.{action}",
            data=cast("dict[str, Any]", _ids_as_strings(data)),
        ),
    )


def _ids_as_strings(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _ids_as_strings(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_ids_as_strings(inner, name) for inner in value]
    is_id = name.endswith("_id") and isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_id else value


Reader = Callable[[Frame, Context], tuple[Event, ...]]
_NOTICES: dict[str, Reader] = {
    "group_increase": _increase,
    "group_decrease": _decrease,
    "group_ban": _ban,
    "group_recall": _recall,
    "friend_recall": _recall,
    "friend_add": _friend_add,
    "group_msg_emoji_like": _emoji_like,
    "notify.group_name": _group_name,
    "bot_offline": _bot_offline,
}
_REQUESTS: dict[str, Reader] = {"friend": _friend_request, "group": _group_request}


# -- answers of actions --------------------------------------------------------------------------


def _str(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def read_group(data: dict[str, Any]) -> dict[str, Any]:
    """Read a group as `get_group_info` tells it."""
    group = Group(
        id=str(data.get("group_id")),
        name=_str(data.get("group_name")),
        member_count=data.get("member_count"),
        max_member_count=data.get("max_member_count"),
    )
    return group.model_dump(mode="json", exclude_none=True)


def read_member(data: dict[str, Any]) -> dict[str, Any]:
    """Read a member as `get_group_member_info` tells it."""
    role = data.get("role")
    nickname = _str(data.get("nickname"))
    member = Member(
        user=User(id=str(data.get("user_id")), name=nickname, username=nickname),
        role=role if role in ("owner", "admin") else "member",
        display_name=_str(data.get("card")),
        title=_str(data.get("title")),
        joined_at_s=data.get("join_time"),
    )
    return member.model_dump(mode="json", exclude_none=True)


def read_user(data: dict[str, Any]) -> dict[str, Any]:
    """Read a user as `get_stranger_info` or `get_friend_list` tell it."""
    nickname = _str(data.get("nickname"))
    user = User(
        id=str(data.get("user_id")), name=_str(data.get("remark")) or nickname, username=nickname
    )
    return user.model_dump(mode="json", exclude_none=True)


def read_kept(data: dict[str, Any], context: Context, extras: Extras) -> dict[str, Any]:
    """Read a message as `get_msg` tells it."""
    kept = Kept.model_validate(data)
    message = Message(
        id=str(kept.message_id),
        components=components(kept.message, context, extras),
        reply_to=quoted_id(kept.message) or None,
    )
    return {
        "message": message.model_dump(mode="json", exclude_none=True),
        "author": _sender(kept.sender).model_dump(mode="json", exclude_none=True),
        "time_s": kept.time,
    }
