"""The actions of the fake: OneBot v11's own and the NapCat extensions the adapter may use."""

import time
from collections.abc import Callable
from typing import Any

from .cq import as_segments, encode
from .world import GroupMember, Kept, Refused, Sent, World

Params = dict[str, Any]
Action = Callable[["Actions", Params], Any]
EXTENSIONS = frozenset(
    {
        "set_msg_emoji_like",
        "upload_group_file",
        "upload_private_file",
        "get_group_file_url",
        "get_private_file_url",
        "get_file",
        "forward_friend_single_msg",
        "forward_group_single_msg",
        "send_group_forward_msg",
        "send_private_forward_msg",
        "set_input_status",
    }
)


def _int(params: Params, name: str) -> int:
    try:
        return int(params[name])
    except KeyError:
        raise Refused(1400, f"{name} is required") from None
    except (TypeError, ValueError):
        raise Refused(1400, f"{name} must be a number") from None


class Actions:
    """Carries out API actions on a `World`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sends: list[Sent] = []
        self.calls: list[tuple[str, Params]] = []
        self.extensions = True
        self.message_format = "array"
        self.input_status: list[tuple[int, int]] = []
        self.file_url = "http://127.0.0.1:9/nothing"

    def run(self, action: str, params: Params) -> Any:
        """Carry one action out.

        Raises:
            Refused: The action is unknown or failed.
        """
        self.calls.append((action, params))
        handler = ACTIONS.get(action)
        if handler is None or (action in EXTENSIONS and not self.extensions):
            raise Refused(1404, f"不支持的Api {action}")
        return handler(self, params)

    def _may_speak(self, group_id: int) -> None:
        group = self.world.group(group_id)
        me = group.members.get(self.world.self_id)
        muted = group.muted_until.get(self.world.self_id, 0) > time.time()
        if muted or (group.all_muted and (me is None or me.role == "member")):
            raise Refused(1200, "发送失败，你已被禁言")

    def _send(self, message_type: str, target: int, message: Any) -> Params:
        segments = as_segments(message)
        if not segments:
            raise Refused(1400, "message is empty")
        if message_type == "group":
            self._may_speak(target)
        elif target not in self.world.friends:
            raise Refused(1200, "请先添加对方为好友")
        return self._note(message_type, target, segments)

    def _note(self, message_type: str, target: int, segments: list[Params]) -> Params:
        message_id = self.world.new_message_id()
        group_id = target if message_type == "group" else None
        self.world.keep(
            Kept(
                message_id,
                message_type,
                self.world.self_id,
                group_id,
                segments,
                int(time.time()),
            )
        )
        self.sends.append(Sent(time.time(), message_id, message_type, target, segments))
        return {"message_id": message_id}

    def send_msg(self, params: Params) -> Any:
        group = params.get("group_id") is not None
        kind = params.get("message_type") or ("group" if group else "private")
        target = _int(params, "group_id" if kind == "group" else "user_id")
        return self._send(kind, target, params.get("message", ""))

    def send_private_msg(self, params: Params) -> Any:
        return self._send("private", _int(params, "user_id"), params.get("message", ""))

    def send_group_msg(self, params: Params) -> Any:
        return self._send("group", _int(params, "group_id"), params.get("message", ""))

    def send_group_forward_msg(self, params: Params) -> Any:
        nodes = params.get("messages") or []
        self._may_speak(_int(params, "group_id"))
        return self._note("group", _int(params, "group_id"), nodes)

    def send_private_forward_msg(self, params: Params) -> Any:
        return self._note("private", _int(params, "user_id"), params.get("messages") or [])

    def delete_msg(self, params: Params) -> Any:
        kept = self.world.found(_int(params, "message_id"))
        if kept.user_id == self.world.self_id and time.time() - kept.time > 120:
            raise Refused(1200, "消息已超过撤回时间")
        kept.recalled = True

    def get_msg(self, params: Params) -> Any:
        kept = self.world.found(_int(params, "message_id"))
        said: Params = {
            "time": kept.time,
            "message_type": kept.message_type,
            "message_id": kept.message_id,
            "real_id": abs(kept.message_id),
            "user_id": kept.user_id,
            "sender": self.world.sender(kept.user_id, kept.group_id),
            "message": self.formatted(kept.segments),
            "raw_message": encode(kept.segments),
        }
        return said | ({"group_id": kept.group_id} if kept.group_id else {})

    def formatted(self, segments: list[Params]) -> Any:
        """Write a message the way this implementation is set up to."""
        return encode(segments) if self.message_format == "string" else segments

    def get_forward_msg(self, params: Params) -> Any:
        raise Refused(1200, f"forward {params.get('id')} 不存在")

    def set_group_kick(self, params: Params) -> Any:
        group = self.world.group(_int(params, "group_id"))
        self.world.member(group.group_id, _int(params, "user_id"))
        del group.members[_int(params, "user_id")]

    def set_group_ban(self, params: Params) -> Any:
        group = self.world.group(_int(params, "group_id"))
        user = self.world.member(group.group_id, _int(params, "user_id")).user_id
        duration = int(params.get("duration", 1800))
        if duration > 30 * 86400:
            raise Refused(1200, "禁言时长超过限制")
        group.muted_until[user] = int(time.time()) + duration
        if duration == 0:
            del group.muted_until[user]

    def set_group_whole_ban(self, params: Params) -> Any:
        self.world.group(_int(params, "group_id")).all_muted = bool(params.get("enable", True))

    def set_group_admin(self, params: Params) -> Any:
        member = self.world.member(_int(params, "group_id"), _int(params, "user_id"))
        member.role = "admin" if params.get("enable", True) else "member"

    def set_group_card(self, params: Params) -> Any:
        member = self.world.member(_int(params, "group_id"), _int(params, "user_id"))
        member.card = str(params.get("card", ""))

    def set_group_special_title(self, params: Params) -> Any:
        member = self.world.member(_int(params, "group_id"), _int(params, "user_id"))
        member.title = str(params.get("special_title", ""))

    def set_group_name(self, params: Params) -> Any:
        self.world.group(_int(params, "group_id")).name = str(params["group_name"])

    def set_group_leave(self, params: Params) -> Any:
        del self.world.groups[self.world.group(_int(params, "group_id")).group_id]

    def set_friend_add_request(self, params: Params) -> Any:
        request = self._answer(params, "friend")
        if params.get("approve", True):
            self.world.friends[request["user_id"]] = str(params.get("remark", ""))

    def set_group_add_request(self, params: Params) -> Any:
        request = self._answer(params, "group")
        if request["sub_type"] != params.get("sub_type", params.get("type")):
            raise Refused(1400, "sub_type does not match the request")
        if params.get("approve", True) and request["sub_type"] == "add":
            group = self.world.group(request["group_id"])
            group.members[request["user_id"]] = GroupMember(request["user_id"])

    def _answer(self, params: Params, kind: str) -> Params:
        request = self.world.requests.get(str(params.get("flag")))
        if request is None or request["request_type"] != kind:
            raise Refused(1200, "flag 不存在")
        request["answer"] = bool(params.get("approve", True))
        return request

    def get_login_info(self, _: Params) -> Any:
        me = self.world.person(self.world.self_id)
        return {"user_id": me.user_id, "nickname": me.nickname}

    def get_stranger_info(self, params: Params) -> Any:
        user_id = _int(params, "user_id")
        if user_id not in self.world.people:
            raise Refused(1200, "用户不存在")
        person = self.world.people[user_id]
        return {"user_id": user_id, "nickname": person.nickname, "sex": "unknown", "age": 0}

    def get_friend_list(self, _: Params) -> Any:
        return [
            {"user_id": user, "nickname": self.world.person(user).nickname, "remark": remark}
            for user, remark in self.world.friends.items()
        ]

    def get_group_info(self, params: Params) -> Any:
        group = self.world.group(_int(params, "group_id"))
        return {
            "group_id": group.group_id,
            "group_name": group.name,
            "member_count": len(group.members),
            "max_member_count": 200,
        }

    def get_group_list(self, _: Params) -> Any:
        return [self.get_group_info({"group_id": group}) for group in self.world.groups]

    def get_group_member_info(self, params: Params) -> Any:
        member = self.world.member(_int(params, "group_id"), _int(params, "user_id"))
        return {
            "group_id": _int(params, "group_id"),
            "user_id": member.user_id,
            "nickname": self.world.person(member.user_id).nickname,
            "card": member.card,
            "role": member.role,
            "title": member.title,
            "join_time": member.joined,
            "last_sent_time": member.joined,
        }

    def get_group_member_list(self, params: Params) -> Any:
        group = self.world.group(_int(params, "group_id"))
        return [
            self.get_group_member_info({"group_id": group.group_id, "user_id": user})
            for user in group.members
        ]

    def get_group_honor_info(self, params: Params) -> Any:
        return {"group_id": self.world.group(_int(params, "group_id")).group_id}

    def get_status(self, _: Params) -> Any:
        return {"online": True, "good": True}

    def get_version_info(self, _: Params) -> Any:
        return {"app_name": "fake-onebot", "app_version": "1.0.0", "protocol_version": "v11"}

    def can_send_image(self, _: Params) -> Any:
        return {"yes": True}

    def can_send_record(self, _: Params) -> Any:
        return {"yes": True}

    def send_like(self, params: Params) -> Any:
        _int(params, "user_id")

    # NapCat

    def set_msg_emoji_like(self, params: Params) -> Any:
        kept = self.world.found(_int(params, "message_id"))
        likes = kept.reactions.setdefault(str(params["emoji_id"]), set())
        if params.get("set", True):
            likes.add(self.world.self_id)
        else:
            likes.discard(self.world.self_id)

    def upload_group_file(self, params: Params) -> Any:
        group = self.world.group(_int(params, "group_id"))
        group.files.append({"name": params["name"], "file": params["file"]})
        segment = {"type": "file", "data": {"file": params["file"], "name": params["name"]}}
        self._note("group", group.group_id, [segment])
        return {"file_id": f"/{len(group.files)}"}

    def upload_private_file(self, params: Params) -> Any:
        segment = {"type": "file", "data": {"file": params["file"], "name": params["name"]}}
        self._note("private", _int(params, "user_id"), [segment])
        return {"file_id": "/p"}

    def get_group_file_url(self, params: Params) -> Any:
        self.world.group(_int(params, "group_id"))
        return {"url": self.file_url}

    def get_private_file_url(self, _: Params) -> Any:
        return {"url": self.file_url}

    def get_file(self, params: Params) -> Any:
        return {"file": str(params.get("file_id")), "url": self.file_url, "file_name": "a.txt"}

    def _forward(self, kind: str, target: int, params: Params) -> Any:
        kept = self.world.found(_int(params, "message_id"))
        self._note(kind, target, kept.segments)

    def forward_friend_single_msg(self, params: Params) -> Any:
        self._forward("private", _int(params, "user_id"), params)

    def forward_group_single_msg(self, params: Params) -> Any:
        self._forward("group", _int(params, "group_id"), params)

    def set_input_status(self, params: Params) -> Any:
        self.input_status.append((_int(params, "user_id"), _int(params, "event_type")))


ACTIONS: dict[str, Action] = {
    name: member
    for name, member in vars(Actions).items()
    if callable(member) and not name.startswith("_") and name not in {"run", "formatted"}
}
