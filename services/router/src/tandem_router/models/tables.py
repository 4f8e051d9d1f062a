"""Conversations, what was said in them, turns, and deferred webhook calls.

All but `DeferralRow` are made from the streams and can be made again from them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, MetaData, String, Text
from sqlmodel import Field, SQLModel

METADATA = MetaData()


class _Base(SQLModel):
    metadata = METADATA


def _time(*, null: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=null)


class ConversationRow(_Base, table=True):
    """One conversation."""

    __tablename__ = "conversations"

    id: str = Field(primary_key=True)
    platform: str
    bot: str = Field(index=True)
    chat_id: str
    chat_kind: str
    chat_name: str | None = None
    thread_id: str = ""
    user: dict[str, Any] | None = Field(default=None, sa_column=Column("user_info", JSON))
    last_text: str = Field(default="", sa_column=Column(Text, nullable=False))
    last_at: datetime = Field(sa_column=_time())

    __table_args__ = (Index("ix_conversations_newest", "last_at", "id"),)


class EntryRow(_Base, table=True):
    """One message of a conversation, from either side."""

    __tablename__ = "entries"

    id: str = Field(primary_key=True)
    conversation_id: str
    platform: str
    direction: str
    event_type: str | None = None
    author: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    components: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    stored_at: datetime = Field(sa_column=_time())
    turn: str | None = None
    message_id: str | None = None
    handler: str | None = None
    is_turn: bool = False
    """Its text is the turn's."""
    out_sequence: int | None = Field(default=None, sa_column=Column(BigInteger))
    out_index: int | None = None

    __table_args__ = (Index("ix_entries_in_order", "conversation_id", "stored_at", "id"),)


class DeliveryRow(_Base, table=True):
    """What became of one thing we said."""

    __tablename__ = "deliveries"

    platform: str = Field(primary_key=True)
    out_sequence: int = Field(sa_column=Column(BigInteger, primary_key=True))
    out_index: int = Field(primary_key=True)
    state: str
    message_id: str | None = None
    error: str | None = Field(default=None, sa_column=Column(Text))


class TurnRow(_Base, table=True):
    """One turn, kept after its log has expired; its columns come from three streams."""

    __tablename__ = "turns"

    id: str = Field(primary_key=True)
    platform: str | None = None
    bot: str | None = None
    conversation_id: str | None = Field(default=None, index=True)
    handler: str | None = None
    state: str = Field(
        default="opened", sa_column=Column(String, nullable=False, server_default="opened")
    )
    opened_at: datetime | None = Field(default=None, sa_column=_time(null=True))
    closed_at: datetime | None = Field(default=None, sa_column=_time(null=True))
    author: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    text: str | None = Field(default=None, sa_column=Column(Text))
    error: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))


class DeferralRow(_Base, table=True):
    """One webhook call that is being tried again."""

    __tablename__ = "deferrals"

    queue: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
