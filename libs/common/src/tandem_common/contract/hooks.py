"""A platform's webhook on its way from the gateway to the adapter, byte for byte."""

from pydantic import Field

from .base import ContractModel


class HookRequest(ContractModel):
    """A raw webhook on `hook.<platform>.<bot>`; body in base64 as it came, byte for byte."""

    method: str
    path: str = ""
    query: str = ""
    headers: dict[str, str]
    """Lower-case names."""
    body: str
    remote: str | None = None


class HookResponse(ContractModel):
    """What the platform's webhook call is answered with."""

    status: int = 200
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    """Base64."""
