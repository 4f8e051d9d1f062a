"""Who may come in: accounts, sessions, API keys and one-time invitations."""

from sqlmodel import JSON, Column, Field, SQLModel


class AccountRow(SQLModel, table=True):
    """A person with a password."""

    __tablename__ = "account"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    """What they sign in with; lower case."""
    display_name: str
    role: str
    password_hash: str
    disabled: bool = False
    created_at: str


class SessionRow(SQLModel, table=True):
    """A signed-in browser; the token itself is not kept."""

    __tablename__ = "session"

    token_hash: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    csrf: str
    created_at: str
    expires_at: str


class ApiKeyRow(SQLModel, table=True):
    """A key for `/v1` and `/api/v1`; the key itself is not kept."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True)
    hash: str = Field(unique=True)
    prefix: str
    name: str
    scopes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    models: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Model names this key may ask for, `*` at the end matches any rest; empty: all."""
    expires_at: str | None = None
    trusted_frontend: bool = False
    revoked: bool = False
    created_at: str
    created_by: str


class SetupTokenRow(SQLModel, table=True):
    """A one-time invitation to choose a name and a password."""

    __tablename__ = "setup_token"

    token_hash: str = Field(primary_key=True)
    role: str
    created_at: str
    expires_at: str
    used_at: str | None = None
