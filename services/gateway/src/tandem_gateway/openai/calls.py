"""Requests to bots become events; a repeat of a request becomes the same turn.

The row comes first, then the event: a crash in between is mended by the client's own retry, and
the event's message id keeps it from being asked twice.
"""

import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.base import rfc3339
from tandem_common.contract.components import Component, Image, Text
from tandem_common.contract.config import BotConfig
from tandem_common.contract.entities import Chat, Conversation, User
from tandem_common.contract.errors import ConflictError, InvalidInputError, TooLargeError
from tandem_common.contract.events import Caller, MessageReceived
from tandem_common.contract.message import Message
from tandem_common.runtime.ids import new_id
from tandem_gateway.keys import Key
from tandem_gateway.models import CallRow
from tandem_gateway.state import GatewayState

from .catalogue import PLATFORM
from .request import Question, text_of

_KEPT = timedelta(hours=24)
_REPLAYED = timedelta(minutes=10)
"""A client that says it retries may have lost the end of an answer that was sent."""
_EVENT_BYTES = 900_000
_DATA_URL = "data:"


class Calls:
    """Finds or begins the turn of a request."""

    def __init__(self, gateway: GatewayState) -> None:
        self._gateway = gateway

    async def turn_of(self, question: Question, bot: BotConfig, key: Key) -> str:
        """Return the turn that answers a request, asking only if nobody was asked yet.

        Raises:
            ConflictError: The Idempotency-Key was used for something else.
            TooLargeError: The question does not fit into an event.
            UnavailableError: It could not be asked; nothing was begun that a retry would double.
        """
        now = self._gateway.clock.now()
        scope = _scope(question, bot, key)
        async with self._gateway.database.session() as session:
            row = await _find(session, scope, question, now)
        if row is None:
            event = await self._event(question, bot, key, now)
            row = await self._keep(event, scope, question, now)
        if not row.is_published:
            await self._gateway.broker.publish_event(MessageReceived.read(row.event))
            await self._published(row.turn)
        return row.turn

    async def delivered(self, turn: str) -> None:
        """Note that the caller got the whole answer: the same question is a new one from now."""
        async with self._gateway.database.transaction() as session:
            row = await session.get(CallRow, turn)
            if row is not None and row.delivered_at is None:
                row.delivered_at = rfc3339(self._gateway.clock.now())

    async def _keep(
        self, event: MessageReceived, scope: str, question: Question, now: datetime
    ) -> CallRow:
        async with self._gateway.database.transaction() as session:
            # Again, now that nobody else can write: two retries may arrive at once.
            row = await _find(session, scope, question, now)
            if row is None:
                row = CallRow(
                    turn=event.turn_id,
                    scope=scope,
                    fingerprint=question.fingerprint,
                    event=event.to_json().decode(),
                    created_at=rfc3339(now),
                )
                session.add(row)
            return row

    async def _published(self, turn: str) -> None:
        async with self._gateway.database.transaction() as session:
            row = await session.get(CallRow, turn)
            if row is not None:
                row.is_published = True

    async def _event(
        self, question: Question, bot: BotConfig, key: Key, now: datetime
    ) -> MessageReceived:
        turn = new_id()
        components = [
            component
            for i, message in enumerate(question.tail)
            for component in await self._components(message.get("content"), i)
        ]
        event = MessageReceived(
            id=turn,
            time=now,
            platform=PLATFORM,
            bot=bot.id,
            dedupe_key=f"turn:{turn}",
            conversation=Conversation(
                chat=Chat(id=question.chat_id, kind="private", name=question.person.name)
            ),
            actor=User(id=question.person.id, name=question.person.name),
            turn=turn,
            caller=Caller(
                key_id=key.id,
                end_user=question.person.id,
                request=question.extras,
                history=question.history,
                read_timeout_s=question.read_timeout_s,
                retry_count=question.retry_count,
            ),
            message=Message(id=turn, components=tuple(components), addressed=True),
        )
        if len(event.to_json()) > _EVENT_BYTES:
            raise TooLargeError(
                f"messages: the new messages are longer than {_EVENT_BYTES} bytes of text.",
                field="messages",
            )
        return event

    async def _components(self, content: Any, index: int) -> list[Component]:
        if isinstance(content, str):
            return [Text(text=content)]
        return [
            await self._part(part, f"messages[{index}].content[{i}]")
            for i, part in enumerate(content)
            if isinstance(part, dict)
        ]

    async def _part(self, part: dict[str, Any], field: str) -> Component:
        if part.get("type") != "image_url":
            return Text(text=text_of([part]))
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if not isinstance(url, str):
            raise InvalidInputError(f"{field}.image_url: a URL is required.", field=field)
        if url.startswith(_DATA_URL):
            return Image(media=await self._gateway.media.put(_decoded(url, field)))
        if not url.startswith(("http://", "https://")):
            raise InvalidInputError(
                f"{field}.image_url.url: only http, https and data URLs are images.", field=field
            )
        return Image(media=url)


def _decoded(url: str, field: str) -> bytes:
    try:
        return b64decode(url.partition(",")[2], validate=True)
    except (Base64Error, ValueError) as error:
        raise InvalidInputError(
            f"{field}: the data URL is not valid base64.", field=field
        ) from error


def _scope(question: Question, bot: BotConfig, key: Key) -> str:
    if question.idempotency_key:
        parts = ["key", key.id, question.idempotency_key]
    else:
        parts = ["asked", key.id, bot.id, question.chat_id, question.fingerprint]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


async def _find(
    session: AsyncSession, scope: str, question: Question, now: datetime
) -> CallRow | None:
    """Return the call a request repeats, if it is one."""
    query = (
        select(CallRow)
        .where(CallRow.scope == scope, col(CallRow.created_at) > rfc3339(now - _KEPT))
        .order_by(col(CallRow.created_at).desc())
        .limit(1)
    )
    row = (await session.exec(query)).first()
    if row is None:
        return None
    if question.idempotency_key:
        if row.fingerprint != question.fingerprint:
            raise ConflictError(
                "This Idempotency-Key was used with another body within the last 24 hours.",
                field="Idempotency-Key",
                details={"openai_code": "idempotency_key_in_use"},
            )
        return row
    if row.delivered_at is None:
        return row
    is_recent = row.delivered_at > rfc3339(now - _REPLAYED)
    return row if question.retry_count > 0 and is_recent else None
