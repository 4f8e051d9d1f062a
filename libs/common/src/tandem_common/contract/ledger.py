"""Usage and audit records on `usage.<kind>` and `audit.<kind>`."""

from typing import Any

from pydantic import Field

from .base import ContractModel, Timestamp


class Usage(ContractModel):
    """What one request cost."""

    id: str
    time: Timestamp
    key_id: str
    model: str
    connection: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    status: int
    duration_ms: float
    streamed: bool = False
    cancelled: bool = False


class UsageBatch(ContractModel):
    """What is stored on `usage.chat`: records are cheap because many share a message."""

    items: tuple[Usage, ...]


class Audit(ContractModel):
    """Who did what to which thing."""

    id: str
    time: Timestamp
    actor: str
    action: str
    target: str
    details: dict[str, Any] = Field(default_factory=dict)
