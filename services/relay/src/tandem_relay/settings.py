"""What the relay is told."""

from typing import ClassVar

from pydantic import Field

from tandem_common.runtime.settings import ServiceSettings


class RelaySettings(ServiceSettings):
    """Settings of the relay: `TANDEM_RELAY_<FIELD>`."""

    service: ClassVar[str] = "relay"

    http_port: int = Field(default=8411, description="Port of /healthz, /readyz and /metrics.")
    claim_lease_s: int = Field(
        default=600, ge=10, description="A claim returns to the queue after this long without word."
    )
