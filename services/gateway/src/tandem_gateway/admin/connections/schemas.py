"""What is said about upstream connections."""

from typing import Annotated, Literal

from pydantic import Field

from tandem_common.contract.base import ContractModel
from tandem_common.contract.ids import Slug

BaseUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]
Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=500)
]


class ConnectionCreate(ContractModel):
    """A new connection."""

    id: Slug
    kind: Literal["openai"] = "openai"
    base_url: BaseUrl
    api_key: str = Field(default="", max_length=2000)
    prefix: str = Field(default="", max_length=100)
    models: Names = ()
    tags: Names = ()
    enabled: bool = True


class ConnectionUpdate(ContractModel):
    """A change; what is left out stays."""

    base_url: BaseUrl | None = None
    api_key: str | None = Field(default=None, max_length=2000)
    prefix: str | None = Field(default=None, max_length=100)
    models: Names | None = None
    tags: Names | None = None
    enabled: bool | None = None


class ConnectionRead(ContractModel):
    """A connection; the key is stars."""

    id: Slug
    kind: str
    base_url: str
    api_key: str
    prefix: str
    models: tuple[str, ...]
    tags: tuple[str, ...]
    enabled: bool
    rev: int
    created_at: str
    updated_at: str


class ConnectionList(ContractModel):
    """All connections."""

    items: tuple[ConnectionRead, ...]
    next: str | None = None


class CheckResult(ContractModel):
    """Whether a provider answers, and what it says."""

    ok: bool
    status: int | None = None
    latency_ms: float | None = None
    models: int | None = None
    error: dict[str, str] | None = None


class ModelList(ContractModel):
    """What a provider offers."""

    items: tuple[str, ...]
    next: str | None = None
