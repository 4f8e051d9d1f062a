"""What an adapter process is told."""

from typing import ClassVar

from pydantic import Field

from tandem_common.runtime.settings import ServiceSettings


class AdapterSettings(ServiceSettings):
    """Settings of an adapter process: `TANDEM_ADAPTERS_<FIELD>`."""

    service: ClassVar[str] = "adapters"

    platform: str = Field(
        default="", description="The platform; normally the command line's first word."
    )
    http_port: int = Field(
        default=8421, description="Port of /healthz, /readyz, /metrics and the platform's sockets."
    )
    max_frame_bytes: int = Field(
        default=32 << 20, ge=1024, description="Largest frame a platform's socket may send."
    )
    concurrency: int = Field(
        default=512, ge=1, description="Conversations served side by side in one process."
    )

    @property
    def user(self) -> str:
        """The NATS user of this process: one a platform."""
        return self.nats_user or f"adapter-{self.platform}"
