"""Who talks, and where."""

from typing import Literal

from .base import ContractModel
from .ids import ChatId, UserId, conversation_token

ChatKind = Literal["private", "group", "channel"]


class User(ContractModel):
    """A person or bot of a platform."""

    id: UserId
    name: str | None = None
    username: str | None = None
    is_bot: bool = False
    avatar_url: str | None = None
    locale: str | None = None


class Group(ContractModel):
    """A group or channel of a platform."""

    id: ChatId
    name: str | None = None
    member_count: int | None = None
    max_member_count: int | None = None


class Member(ContractModel):
    """A user in a group."""

    user: User
    role: Literal["owner", "admin", "member"] = "member"
    display_name: str | None = None
    title: str | None = None
    joined_at_s: int | None = None


class Chat(ContractModel):
    """A private chat, group or channel."""

    id: ChatId
    kind: ChatKind
    name: str | None = None


class Conversation(ContractModel):
    """Where one talks: a chat and, where the platform has them, a thread in it."""

    chat: Chat
    thread_id: str = ""


def token_of(platform: str, bot: str, place: Conversation | None) -> str:
    """Return the token of a conversation; None stands for the bot itself."""
    if place is None:
        return conversation_token(platform, bot, "")
    is_private = place.chat.kind == "private"
    return conversation_token(platform, bot, place.chat.id, place.thread_id, is_private=is_private)
