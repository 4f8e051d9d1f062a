"""What the web chat can do."""

from tandem_adapters.base import settings_schema
from tandem_common.contract.capabilities import Capability, Labels, Limit, Manifest

from .settings import WebChatSettings


def _native(*names: str) -> tuple[Capability, ...]:
    return tuple(Capability(name=name) for name in names)


def _emulated(reason: str, *names: str) -> tuple[Capability, ...]:
    return tuple(Capability(name=name, support="emulated", reason=reason) for name in names)


MANIFEST = Manifest(
    name="webchat",
    labels=Labels(en="Web chat", zh="网页聊天"),
    description=Labels(
        en="A chat page and a widget for any web site.",
        zh="可独立使用，也可嵌入任意网站的聊天窗口。",
    ),
    icon="💬",
    settings_schema=settings_schema(WebChatSettings),
    events=(
        *_native("message.received"),
        *_emulated("told by the adapter from what it stores", "delivery.sent", "delivery.failed"),
    ),
    commands=_native(
        "send_message", "deliver_turn", "edit_message", "delete_message", "set_typing"
    ),
    components_in=_native("text", "image"),
    components_out=(
        *_native("text", "markdown", "image", "quote", "file", "voice", "video", "link"),
        *_emulated(
            "shown as text",
            "mention",
            "mention_all",
            "sticker",
            "location",
            "contact",
            "forward",
            "buttons",
            "card",
        ),
    ),
    limits=(
        Limit(name="message", value=900_000, unit="bytes", source="one NATS message"),
        Limit(name="history", value=20_000, unit="count", source="messages kept a conversation"),
    ),
    streaming="native",
    idempotent_send=True,
)
