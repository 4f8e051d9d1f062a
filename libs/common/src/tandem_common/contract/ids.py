"""Identifiers: strings with a fixed alphabet, because most of them stand in subjects."""

import hashlib
from base64 import b32encode
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints

SLUG_PATTERN = r"^[a-z0-9-]{1,40}$"
CONVERSATION_TOKEN_LENGTH = 20

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
BotId = Slug
PlatformName = Slug
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
EventId = Uuid
TurnId = Uuid
TicketId = Uuid
UserId = str
ChatId = str
MessageId = str
ConversationToken = Annotated[str, StringConstraints(pattern=r"^[a-z2-7]{20}$")]


@lru_cache(maxsize=65_536)
def conversation_token(
    platform: str, bot: str, chat_id: str, thread_id: str = "", *, is_private: bool = True
) -> str:
    """Return the token that stands for a conversation in subjects.

    A person and a group may have the same id (QQ's numbers do): they are two conversations.

    The first 20 characters of base32(blake2b(key)), lower case: 100 bits, so that two
    conversations never share one by accident, and no platform id can break a subject.
    """
    kind = "" if is_private else "\x1fgroup"
    key = f"{platform}\x1f{bot}\x1f{chat_id}\x1f{thread_id}{kind}".encode()
    digest = hashlib.blake2b(key, digest_size=16).digest()
    return b32encode(digest).decode().lower()[:CONVERSATION_TOKEN_LENGTH]
