"""What the router is told."""

from typing import ClassVar

from pydantic import Field

from tandem_common.runtime.settings import ServiceSettings


class RouterSettings(ServiceSettings):
    """Settings of the router: `TANDEM_ROUTER_<FIELD>`."""

    service: ClassVar[str] = "router"

    http_port: int = Field(default=8410, description="Port of /healthz, /readyz and /metrics.")
    sqlite_synchronous: str = Field(
        default="NORMAL",
        description="Transcripts are made from streams and can be made again: NORMAL is enough.",
    )
    concurrency: int = Field(
        default=128, ge=1, description="Conversations handled side by side in one process."
    )
