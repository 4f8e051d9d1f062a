"""What the box is told."""

from typing import ClassVar

from pydantic import Field

from tandem_common.runtime.settings import ServiceSettings


class BoxSettings(ServiceSettings):
    """Settings of the box: `TANDEM_BOX_<FIELD>`."""

    service: ClassVar[str] = "box"

    http_port: int = Field(default=8412, description="Port of /healthz, /readyz and /metrics.")
