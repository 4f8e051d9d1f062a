"""What OneBot v11 can do, with its reserves and limits."""

from typing import Any

from tandem_adapters.base import settings_schema
from tandem_common.contract.capabilities import (
    Capability,
    Labels,
    Limit,
    Manifest,
    PlatformAction,
)

from .settings import OneBotSettings

_EXTENSION = "an extension of NapCat and Lagrange; others answer that they lack it"
_SPEC = "https://github.com/botuniverse/onebot-11"
_ADMIN = "the bot must be an administrator of the group"
_ID = {"type": "integer"}
_USER_IN_GROUP: dict[str, Any] = {"group_id": _ID, "user_id": _ID}


def _native(*names: str) -> tuple[Capability, ...]:
    return tuple(Capability(name=name) for name in names)


def _conditional(reason: str, *names: str) -> tuple[Capability, ...]:
    return tuple(Capability(name=name, support="conditional", reason=reason) for name in names)


def _emulated(reason: str, *names: str) -> tuple[Capability, ...]:
    return tuple(Capability(name=name, support="emulated", reason=reason) for name in names)


def _action(
    name: str, description: str, *, changes: bool = True, **properties: Any
) -> PlatformAction:
    schema = {"type": "object", "properties": properties, "required": sorted(properties)}
    return PlatformAction(name=name, description=description, params=schema, changes=changes)


def _asks(name: str, description: str, **properties: Any) -> PlatformAction:
    return _action(name, description, changes=False, **properties)


MANIFEST = Manifest(
    name="onebot",
    labels=Labels(en="OneBot v11 (QQ)", zh="OneBot v11（QQ）"),
    description=Labels(
        en="QQ through NapCat, Lagrange, LLOneBot and others that speak OneBot v11.",
        zh="通过 NapCat、Lagrange、LLOneBot 等 OneBot v11 协议端接入 QQ。",
    ),
    icon="🐧",
    settings_schema=settings_schema(OneBotSettings),
    events=(
        *_native(
            "message.received",
            "message.deleted",
            "group.member_joined",
            "group.member_left",
            "group.member_banned",
            "group.member_unbanned",
            "friend.request_received",
            "friend.added",
            "bot.invited_to_group",
            "bot.removed_from_group",
            "bot.muted",
            "bot.unmuted",
            "bot.online",
            "bot.offline",
            "platform.*",
        ),
        *_conditional(_EXTENSION, "message.reaction", "group.info_updated"),
        *_emulated(
            "told by the adapter from the answers it gets",
            "delivery.sent",
            "delivery.failed",
            "delivery.unknown",
        ),
    ),
    commands=(
        *_native(
            "send_message",
            "get_message",
            "get_group_info",
            "get_group_list",
            "get_group_member_list",
            "get_group_member_info",
            "leave_group",
            "get_user_info",
            "get_friend_list",
            "approve_friend_request",
            "approve_group_invite",
            "call_platform_api",
        ),
        *_conditional(
            "own messages for two minutes; others' as an administrator", "delete_message"
        ),
        *_conditional(_ADMIN, "set_group_name", "mute_member", "unmute_member", "kick_member"),
        *_conditional(
            _EXTENSION, "forward_message", "react", "upload_file", "get_file_url", "set_typing"
        ),
        *_emulated("waits for the turn's end and sends the whole answer", "deliver_turn"),
    ),
    components_in=(
        *_native(
            "text",
            "mention",
            "mention_all",
            "image",
            "voice",
            "video",
            "quote",
            "forward",
            "sticker",
            "location",
            "contact",
            "link",
            "platform",
            "unknown",
        ),
        *_conditional(_EXTENSION, "file", "markdown"),
    ),
    components_out=(
        *_native(
            "text",
            "mention",
            "mention_all",
            "image",
            "voice",
            "video",
            "quote",
            "sticker",
            "contact",
            "platform",
        ),
        *_conditional(f"{_EXTENSION}; then named in text", "file"),
        *_conditional(f"{_EXTENSION}; then shown as text", "forward"),
        *_emulated("shown as plain text", "markdown", "location", "link", "buttons", "card"),
    ),
    actions=(
        _asks("get_login_info", "The account that is logged in."),
        _asks("get_status", "Whether the account is online."),
        _asks("get_version_info", "Name and version of the implementation."),
        _asks("can_send_image", "Whether images can be sent."),
        _asks("can_send_record", "Whether voice notes can be sent."),
        _asks("get_forward_msg", "The content of a merged forward.", id={"type": "string"}),
        _asks("get_image", "A cached image.", file={"type": "string"}),
        _asks(
            "get_record",
            "A cached voice note.",
            file={"type": "string"},
            out_format={"type": "string"},
        ),
        _asks(
            "get_group_honor_info",
            "Honours of a group.",
            group_id=_ID,
            type={"type": "string"},
        ),
        _action("send_like", "Like a user's card.", user_id=_ID, times=_ID),
        _action(
            "set_group_card",
            "Set a member's name in the group.",
            **_USER_IN_GROUP,
            card={"type": "string"},
        ),
        _action(
            "set_group_special_title",
            "Give a member a title.",
            **_USER_IN_GROUP,
            special_title={"type": "string"},
        ),
        _action(
            "set_group_admin",
            "Make a member an administrator, or not.",
            **_USER_IN_GROUP,
            enable={"type": "boolean"},
        ),
        _action(
            "set_group_whole_ban",
            "Mute everybody in a group, or lift it.",
            group_id=_ID,
            enable={"type": "boolean"},
        ),
        _action(
            "send_group_forward_msg",
            "Send a merged forward to a group.",
            group_id=_ID,
            messages={"type": "array"},
        ),
    ),
    limits=(
        Limit(
            name="text",
            value=4000,
            unit="codepoints",
            source="QQ folds or cuts longer texts; setting max_text",
        ),
        Limit(name="mute", value=30 * 86_400 - 1, unit="seconds", source="QQ"),
        Limit(name="recall", value=120, unit="seconds", source="QQ, for one's own messages"),
    ),
    docs=(_SPEC, "https://napneko.github.io", "https://lagrangedev.github.io/Lagrange.Doc"),
)
