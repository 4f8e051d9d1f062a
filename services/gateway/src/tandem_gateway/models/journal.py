"""What happened and what is still to be told: audit, outbox, answers to repeated requests."""

from typing import Any

from sqlmodel import JSON, Column, Field, Integer, SQLModel


class OutboxRow(SQLModel, table=True):
    """A change that NATS shall hear of; written in the transaction of the change itself."""

    __tablename__ = "outbox"

    seq: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    kind: str
    """`config`: a key of CFG (no value: delete it); `ledger`: a subject of LEDGER."""
    target: str
    value: str | None = None
    message_id: str


class AuditRow(SQLModel, table=True):
    """Who did what to which thing."""

    __tablename__ = "audit"

    id: str = Field(primary_key=True)
    time: str = Field(index=True)
    actor: str
    action: str
    target: str
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class IdempotencyRow(SQLModel, table=True):
    """The answer to a POST with an Idempotency-Key, sealed, for repeats of it."""

    __tablename__ = "idempotency"

    id: str = Field(primary_key=True)
    """Hash of who, where and which key."""
    request_hash: str
    status: int | None = None
    """None while the first request is still running."""
    answer: str | None = None
    created_at: str = Field(index=True)
