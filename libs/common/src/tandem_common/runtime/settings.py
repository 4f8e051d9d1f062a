"""Process settings, read from the environment once, at start."""

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class ServiceSettings(BaseSettings):
    """What every service is told: `TANDEM_<SERVICE>_<FIELD>`, else `TANDEM_<FIELD>`."""

    service: ClassVar[str] = "service"
    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    nats_url: str = Field(default="nats://127.0.0.1:4222", description="NATS servers, by comma.")
    nats_nkey_file: str = Field(default="", description="File with this service's nkey seed.")
    nats_user: str = Field(
        default="", description="Name of the NATS user: prefix of its inbox. Empty: the service's."
    )
    nats_tls_ca: str = Field(default="", description="CA file when NATS speaks TLS.")
    temporal_address: str = Field(default="127.0.0.1:7233", description="Temporal front end.")
    temporal_namespace: str = Field(default="default", description="Temporal namespace.")
    database_url: str = Field(
        default="", description="`sqlite+aiosqlite:///file` or `postgresql+asyncpg://…`."
    )
    database_schema: str = Field(
        default="", description="PostgreSQL schema. Empty: `tandem_<service>`."
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="Fernet keys by comma, newest first: seals secrets at rest.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP port listens on.")
    http_port: int = Field(default=8080, description="Port of /healthz, /readyz and /metrics.")
    public_url: str = Field(
        default="http://127.0.0.1:8400", description="Where users reach the gateway."
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    allow_private_urls: bool = Field(
        default=False,
        description="Let outbound fetches reach private addresses (on-premises, development).",
    )
    trace_sample: float = Field(default=0.0, ge=0, le=1, description="Share of traces recorded.")
    storage_scale: float = Field(
        default=1.0, gt=0, description="Factor on the byte limits of all streams."
    )
    sqlite_synchronous: str = Field(
        default="FULL", description="FULL survives loss of power; NORMAL only kills."
    )

    @property
    def user(self) -> str:
        """The NATS user of this process."""
        return self.nats_user or self.service

    @property
    def schema_name(self) -> str:
        """The PostgreSQL schema of this service."""
        return self.database_schema or f"tandem_{self.service}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the service's own variable first, then the one common to all."""
        own = EnvSettingsSource(settings_cls, env_prefix=f"TANDEM_{cls.service.upper()}_")
        common = EnvSettingsSource(settings_cls, env_prefix="TANDEM_")
        return init_settings, own, common
