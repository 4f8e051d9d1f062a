"""Usage, delivery and audit records in the stream LEDGER."""

from typing import Any, Literal

from pydantic import Field

from .base import ContractModel, Timestamp
from .ids import BotId, PlatformName


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


class DeliveryRecord(ContractModel):
    """What became of one step of an outcome."""

    platform: PlatformName
    bot: BotId
    out_sequence: int
    index: int
    state: Literal["sent", "failed", "unknown"]
    message_id: str | None = None
    error: str | None = None


class DeliveryBatch(ContractModel):
    """What is stored on `delivery.<platform>`."""

    items: tuple[DeliveryRecord, ...]


class Audit(ContractModel):
    """Who did what to which thing."""

    id: str
    time: Timestamp
    actor: str
    action: str
    target: str
    details: dict[str, Any] = Field(default_factory=dict)
