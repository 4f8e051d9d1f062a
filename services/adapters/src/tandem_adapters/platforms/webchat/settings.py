"""What one needs to set up a web chat."""

from pydantic import Field

from tandem_adapters.base import BotSettings, hint


class WebChatSettings(BotSettings):
    """Settings of one web chat."""

    title: str = Field(
        default="Chat",
        max_length=80,
        title="Title",
        description="Shown above the conversation.",
        json_schema_extra=hint("标题", "显示在对话上方。"),
    )
    welcome: str = Field(
        default="",
        max_length=2000,
        title="Welcome",
        description="Shown before the first message.",
        json_schema_extra=hint("欢迎语", "在第一条消息之前显示。"),
    )
    title_zh: str = Field(
        default="",
        max_length=80,
        title="Title in Chinese",
        description="Shown to Chinese readers; empty: the other one.",
        json_schema_extra=hint("中文标题", "向中文读者显示；留空则用上面的标题。"),
    )
    welcome_zh: str = Field(
        default="",
        max_length=2000,
        title="Welcome in Chinese",
        description="Shown to Chinese readers; empty: the other one.",
        json_schema_extra=hint("中文欢迎语", "向中文读者显示；留空则用上面的欢迎语。"),
    )
    placeholder: str = Field(
        default="",
        max_length=80,
        title="Placeholder",
        description="Shown in the empty input.",
        json_schema_extra=hint("输入提示", "显示在空输入框中。"),
    )
    colour: str = Field(
        default="#2f6fed",
        pattern=r"^#[0-9a-fA-F]{6}$",
        title="Colour",
        description="Of buttons and the visitor's messages.",
        json_schema_extra=hint("主题色", "按钮与访客消息的颜色。"),
    )
