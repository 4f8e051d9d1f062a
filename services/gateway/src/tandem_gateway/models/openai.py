"""Which request is which turn, so that a client's retry asks nobody twice."""

from sqlmodel import Field, SQLModel


class CallRow(SQLModel, table=True):
    """One request to a model that is a bot."""

    __tablename__ = "openai_calls"

    turn: str = Field(primary_key=True)
    scope: str = Field(index=True)
    """Hash of the key and the Idempotency-Key, or of the key and what was asked where."""
    fingerprint: str
    """Hash of the body, to tell a repeat from a misuse of an Idempotency-Key."""
    event: str
    """The event as it was (or will be) published."""
    is_published: bool = False
    created_at: str = Field(index=True)
    delivered_at: str | None = None
