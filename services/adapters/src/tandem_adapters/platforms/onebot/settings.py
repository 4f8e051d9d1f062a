"""What one needs to set up a OneBot v11 bot."""

from typing import Literal

from pydantic import Field, field_validator

from tandem_adapters.base import BotSettings, hint


class OneBotSettings(BotSettings):
    """Settings of one bot."""

    access_token: str = Field(
        default="",
        title="Access token",
        description=(
            "The implementation must present it when it connects; also used for HTTP calls. "
            "Without one only this machine may connect."
        ),
        json_schema_extra=hint(
            "访问令牌",
            "协议端连接时必须出示；调用 HTTP API 时也会使用。留空则只允许本机连接。",
            secret=True,
        ),
    )
    self_id: str = Field(
        default="",
        pattern=r"^\d*$",
        title="Account",
        description="Only this QQ account may connect. Empty: the first one that does.",
        json_schema_extra=hint("账号", "只允许该 QQ 号连接；留空则不限制。"),
    )
    http_secret: str = Field(
        default="",
        title="Secret of HTTP events",
        description="Posted events are refused unless signed with it (X-Signature).",
        json_schema_extra=hint(
            "HTTP 上报密钥", "HTTP 上报必须用它签名（X-Signature），否则拒绝。", secret=True
        ),
    )
    api_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        title="HTTP API address",
        description="Where actions are posted when no WebSocket stands.",
        json_schema_extra=hint("HTTP API 地址", "没有 WebSocket 连接时，向此地址调用接口。"),
    )
    send_format: Literal["array", "string"] = Field(
        default="array",
        title="Message format",
        description="How messages are sent: segments or CQ codes.",
        json_schema_extra=hint("消息格式", "发送消息的格式：消息段数组或 CQ 码。"),
    )
    max_text: int = Field(
        default=4000,
        ge=100,
        le=50_000,
        title="Longest text",
        description="Longer texts are sent as several messages.",
        json_schema_extra=hint("单条最长文本", "超出的文本会拆成多条发送。"),
    )
    fetch_quoted: bool = Field(
        default=True,
        title="Read quoted messages",
        description="Look up who wrote a quoted message and what.",
        json_schema_extra=hint("读取被引用消息", "查询被引用消息的作者与内容。"),
    )
    command_prefixes: tuple[str, ...] = Field(
        default=("/",),
        title="Command prefixes",
        description="A group message that begins so counts as addressed to the bot.",
        json_schema_extra=hint("命令前缀", "以此开头的群消息视为对机器人说的。"),
    )
    call_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=300,
        title="Patience with answers",
        description="Seconds an action may take.",
        json_schema_extra=hint("调用超时", "等待接口应答的秒数。"),
    )

    @field_validator("api_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")
