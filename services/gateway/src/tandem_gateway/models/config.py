"""What is configured: bots, their rules, upstream connections. Secrets are sealed here too."""

from typing import Any

from sqlmodel import JSON, Column, Field, SQLModel


class BotRow(SQLModel, table=True):
    """One account on one platform."""

    __tablename__ = "bot"

    id: str = Field(primary_key=True)
    platform: str = Field(index=True)
    name: str
    enabled: bool = True
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    settings_checked: bool = False
    """Whether the settings were held against the platform's schema."""
    default_handler: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    rev: int = 1
    created_at: str
    updated_at: str


class RulesRow(SQLModel, table=True):
    """All rules of one bot, as one list with one revision."""

    __tablename__ = "rules"

    bot: str = Field(primary_key=True, foreign_key="bot.id", ondelete="CASCADE")
    rules: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    rev: int = 1
    updated_at: str


class ConnectionRow(SQLModel, table=True):
    """An upstream provider."""

    __tablename__ = "connection"

    id: str = Field(primary_key=True)
    kind: str
    base_url: str
    api_key: str = ""
    prefix: str = ""
    models: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    enabled: bool = True
    rev: int = 1
    created_at: str
    updated_at: str


class SettingRow(SQLModel, table=True):
    """A value the gateway remembers about itself."""

    __tablename__ = "setting"

    key: str = Field(primary_key=True)
    value: str
