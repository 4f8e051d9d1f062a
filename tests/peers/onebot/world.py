"""What the fake remembers: people, groups, messages, requests, mutes."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from .cq import Segment


class Refused(Exception):  # noqa: N818 - the platform's word for it
    """Raised when the implementation answers an action with a failure."""

    def __init__(self, retcode: int, wording: str) -> None:
        super().__init__(wording)
        self.retcode = retcode
        self.wording = wording


@dataclass
class Person:
    """A QQ user."""

    user_id: int
    nickname: str


@dataclass
class GroupMember:
    """A user in a group."""

    user_id: int
    role: str = "member"
    card: str = ""
    title: str = ""
    joined: int = 1_700_000_000


@dataclass
class GroupChat:
    """A group and its members."""

    group_id: int
    name: str
    members: dict[int, GroupMember] = field(default_factory=dict)
    muted_until: dict[int, int] = field(default_factory=dict)
    all_muted: bool = False
    files: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Kept:
    """A message as the implementation keeps it."""

    message_id: int
    message_type: str
    user_id: int
    group_id: int | None
    segments: list[Segment]
    time: int
    recalled: bool = False
    reactions: dict[str, set[int]] = field(default_factory=dict)


@dataclass
class Sent:
    """One message the app made us send, in the order it came in."""

    at: float
    message_id: int
    message_type: str
    target: int
    segments: list[Segment]

    @property
    def text(self) -> str:
        """The text of what was sent."""
        return "".join(s["data"].get("text", "") for s in self.segments if s["type"] == "text")


@dataclass
class World:
    """All the state of one logged-in account."""

    self_id: int
    people: dict[int, Person] = field(default_factory=dict)
    friends: dict[int, str] = field(default_factory=dict)
    groups: dict[int, GroupChat] = field(default_factory=dict)
    messages: dict[int, Kept] = field(default_factory=dict)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Two lives of one account never say the same id: dedupe would be right to drop the second.
    next_message: int = field(default_factory=lambda: 3 * secrets.randbelow(300_000_000))

    def person(self, user_id: int) -> Person:
        """Return a user, known or not."""
        return self.people.setdefault(user_id, Person(user_id, f"user {user_id}"))

    def group(self, group_id: int) -> GroupChat:
        """Return a group the account is in."""
        if group_id not in self.groups:
            raise Refused(1200, f"群 {group_id} 不存在")
        return self.groups[group_id]

    def member(self, group_id: int, user_id: int) -> GroupMember:
        """Return a member of a group."""
        group = self.group(group_id)
        if user_id not in group.members:
            raise Refused(1200, f"群成员 {user_id} 不存在")
        return group.members[user_id]

    def new_message_id(self) -> int:
        """Message ids of real implementations are hashes and may be negative; so are ours."""
        self.next_message += 1
        return -self.next_message if self.next_message % 3 == 0 else 1_000_000 + self.next_message

    def keep(self, message: Kept) -> Kept:
        """Remember a message."""
        self.messages[message.message_id] = message
        return message

    def found(self, message_id: int) -> Kept:
        """Return a message by id."""
        kept = self.messages.get(message_id)
        if kept is None or kept.recalled:
            raise Refused(1200, "消息不存在")
        return kept

    def sender(self, user_id: int, group_id: int | None) -> dict[str, Any]:
        """Return the `sender` object of an event."""
        said: dict[str, Any] = {
            "user_id": user_id,
            "nickname": self.person(user_id).nickname,
            "sex": "unknown",
            "age": 0,
        }
        group = self.groups.get(group_id) if group_id is not None else None
        member = group.members.get(user_id) if group else None
        if member:
            said |= {"card": member.card, "role": member.role, "title": member.title}
        return said
