"""What is said about API keys."""

from typing import Annotated, Literal

from pydantic import Field

from tandem_common.contract.base import ContractModel, Timestamp

Scope = Literal["admin", "operator", "chat"]


class KeyCreate(ContractModel):
    """A new key."""

    name: str = Field(min_length=1, max_length=100)
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = ("chat",)
    models: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Names it may ask for, `*` at the end matches any rest; empty: all."""
    expires_at: Timestamp | None = None
    trusted_frontend: bool = False
    """Believe the user this caller names in its headers."""


class KeyRead(ContractModel):
    """A key, without the key."""

    id: str
    prefix: str
    name: str
    scopes: tuple[str, ...]
    models: tuple[str, ...]
    expires_at: str | None
    trusted_frontend: bool
    revoked: bool
    created_at: str
    created_by: str


class KeyMade(KeyRead):
    """A fresh key: the only time the key itself is shown."""

    key: str


class KeyList(ContractModel):
    """All keys."""

    items: tuple[KeyRead, ...]
    next: str | None = None
