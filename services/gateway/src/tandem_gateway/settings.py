"""What the gateway is told by its environment."""

from typing import ClassVar

from pydantic import Field, SecretStr

from tandem_common.runtime.settings import ServiceSettings

_MIB = 1 << 20


class GatewaySettings(ServiceSettings):
    """The gateway's settings: `TANDEM_GATEWAY_<FIELD>`, else `TANDEM_<FIELD>`."""

    service: ClassVar[str] = "gateway"

    http_port: int = Field(default=8400, description="Port of every door of the gateway.")
    session_hours: int = Field(default=24 * 14, ge=1, description="How long a sign-in lasts.")
    cors_origins: str = Field(
        default="", description="Origins, by comma, whose pages may call the APIs. Empty: none."
    )
    max_body_bytes: int = Field(default=32 * _MIB, ge=1024, description="Largest body on `/v1`.")
    admin_body_bytes: int = Field(
        default=4 * _MIB, ge=1024, description="Largest body on `/api/v1`."
    )
    hook_body_bytes: int = Field(
        default=1 * _MIB, ge=1024, description="Largest body of a platform's webhook."
    )
    hook_timeout_s: float = Field(
        default=15.0, gt=0, description="How long a webhook waits for its adapter."
    )
    upload_bytes: int = Field(
        default=10 * _MIB, ge=1024, description="Largest picture in the web chat."
    )
    media_url_s: int = Field(
        default=7 * 86_400, ge=60, description="How long a signed media URL works."
    )
    keepalive_s: float = Field(
        default=10.0, gt=0, le=60, description="A waiting caller hears something this often."
    )
    trust_proxy: bool = Field(
        default=False, description="Believe X-Forwarded-For of the proxy in front."
    )
    bootstrap_admin_key: SecretStr | None = Field(
        default=None, description="An API key with scopes admin and operator, made at start."
    )
    bootstrap_api_key: SecretStr | None = Field(
        default=None, description="An API key with scope chat, made at start."
    )
    bootstrap_owner_token: SecretStr | None = Field(
        default=None, description="One-time token with which the owner signs up."
    )
    bootstrap_onebot_token: SecretStr | None = Field(
        default=None, description="Access token of the demo OneBot bot."
    )
    seed_demo: bool = Field(default=False, description="Make one demo bot per door at start.")

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies may only travel over TLS."""
        return self.public_url.startswith("https://")

    @property
    def origins(self) -> list[str]:
        """The origins CORS is open for."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]
