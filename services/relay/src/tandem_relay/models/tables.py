"""Tickets and what belongs to them; SQL is the truth, streams and timers only wake others."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, Integer, MetaData, Text
from sqlmodel import Field, SQLModel

METADATA = MetaData()


class _Base(SQLModel):
    metadata = METADATA


def _time(*, null: bool = False) -> Any:
    return Column(DateTime(timezone=True), nullable=null)


def _json() -> Any:
    return Column(JSON, nullable=False)


class TicketRow(_Base, table=True):
    """One ticket."""

    __tablename__ = "tickets"

    id: str = Field(primary_key=True)
    turn: str = Field(unique=True)
    state: str
    rev: int = 1
    platform: str
    bot: str
    conversation_id: str
    conversation: dict[str, Any] = Field(sa_column=_json())
    user: dict[str, Any] | None = Field(default=None, sa_column=Column("user_info", JSON))
    rule: str | None = None
    config: dict[str, Any] = Field(sa_column=_json())
    source_sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    assignee_id: str | None = Field(default=None, index=True)
    assignee_name: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_column=_time(null=True))
    opened_at: datetime = Field(sa_column=_time())
    updated_at: datetime = Field(sa_column=_time())
    fallback_at: datetime | None = Field(default=None, sa_column=_time(null=True))
    reminders: int = 0
    typing_at: datetime | None = Field(default=None, sa_column=_time(null=True))

    __table_args__ = (
        Index("ix_tickets_queue", "state", "opened_at", "id"),
        Index("ix_tickets_conversation", "conversation_id", "state"),
    )


class TurnRow(_Base, table=True):
    """A turn a ticket answers: several when questions were merged."""

    __tablename__ = "ticket_turns"

    turn: str = Field(primary_key=True)
    ticket: str | None = Field(default=None, index=True)
    """None: cancelled before its ticket was opened."""
    next_n: int = 0
    is_closed: bool = False


class QuestionRow(_Base, table=True):
    """One message the user wants answered."""

    __tablename__ = "questions"

    event_id: str = Field(primary_key=True)
    ticket: str = Field(index=True)
    source_sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    time: datetime = Field(sa_column=_time())
    components: list[dict[str, Any]] = Field(sa_column=_json())
    text: str = Field(default="", sa_column=Column(Text, nullable=False))


class PartRow(_Base, table=True):
    """One thing an operator, or a fallback, said."""

    __tablename__ = "parts"

    id: str = Field(primary_key=True)
    ticket: str
    key: str
    number: int
    author: dict[str, Any] = Field(sa_column=_json())
    components: list[dict[str, Any]] = Field(sa_column=_json())
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    final: bool = False
    time: datetime = Field(sa_column=_time())

    __table_args__ = (Index("ux_parts_key", "ticket", "key", unique=True),)


class NoteRow(_Base, table=True):
    """Said among operators."""

    __tablename__ = "notes"

    id: str = Field(primary_key=True)
    ticket: str
    key: str
    author_id: str
    author_name: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    time: datetime = Field(sa_column=_time())

    __table_args__ = (Index("ux_notes_key", "ticket", "key", unique=True),)


class OutboxRow(_Base, table=True):
    """What must still be told to the streams or to Temporal, in order per ticket."""

    __tablename__ = "outbox"

    id: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    ticket: str = Field(index=True)
    kind: str
    """`turn`, `outcome`, `start` or `end` (of the workflow)."""
    key: str
    body: dict[str, Any] = Field(sa_column=_json())
    created_at: datetime = Field(sa_column=_time())
