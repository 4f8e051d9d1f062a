"""What a message is made of: a closed union on `kind`."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from .base import ContractModel, Timestamp
from .entities import User
from .ids import MessageId, UserId

MediaRef = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|https?://\S+)$", max_length=4096)]


class Text(ContractModel):
    """Plain text."""

    kind: Literal["text"] = "text"
    text: str


class Markdown(ContractModel):
    """Rich text on its way out; each platform renders or degrades it."""

    kind: Literal["markdown"] = "markdown"
    text: str


class Mention(ContractModel):
    """A user called by name."""

    kind: Literal["mention"] = "mention"
    user: User


class MentionAll(ContractModel):
    """Everybody in the group called at once."""

    kind: Literal["mention_all"] = "mention_all"


class _Media(ContractModel):
    media: MediaRef
    name: str | None = None
    mime: str | None = None
    size_bytes: int | None = None
    duration_s: float | None = None
    alt: str | None = None


class Image(_Media):
    """A picture."""

    kind: Literal["image"] = "image"


class Voice(_Media):
    """A voice note."""

    kind: Literal["voice"] = "voice"


class Video(_Media):
    """A video."""

    kind: Literal["video"] = "video"


class File(_Media):
    """Any other file."""

    kind: Literal["file"] = "file"


class Quote(ContractModel):
    """The message this one answers."""

    kind: Literal["quote"] = "quote"
    message_id: MessageId
    author: User | None = None
    excerpt: str | None = None


class ForwardItem(ContractModel):
    """One message inside a forward."""

    author: User
    time: Timestamp | None = None
    components: tuple["Component", ...]


class Forward(ContractModel):
    """Messages from elsewhere, carried over together."""

    kind: Literal["forward"] = "forward"
    items: tuple[ForwardItem, ...] = ()
    forward_id: str | None = None


class Sticker(ContractModel):
    """A sticker or platform emoji."""

    kind: Literal["sticker"] = "sticker"
    id: str
    name: str | None = None
    emoji: str | None = None


class Location(ContractModel):
    """A point on the map; degrees."""

    kind: Literal["location"] = "location"
    lat: float
    lon: float
    title: str | None = None


class Contact(ContractModel):
    """A user or group handed on as a card."""

    kind: Literal["contact"] = "contact"
    id: UserId
    contact_kind: Literal["user", "group"] = "user"
    name: str | None = None


class Link(ContractModel):
    """A link with a preview."""

    kind: Literal["link"] = "link"
    url: str
    title: str | None = None
    description: str | None = None
    image_url: str | None = None


class Button(ContractModel):
    """One button: pressing it comes back as `interaction.received`, or opens `url`."""

    label: str
    action: str
    value: str | None = None
    style: Literal["default", "primary", "danger"] = "default"
    url: str | None = None


class Buttons(ContractModel):
    """Rows of buttons."""

    kind: Literal["buttons"] = "buttons"
    rows: tuple[tuple[Button, ...], ...]


class CardField(ContractModel):
    """One line of a card."""

    name: str
    value: str


class Card(ContractModel):
    """A titled box of fields."""

    kind: Literal["card"] = "card"
    title: str
    text: str | None = None
    fields: tuple[CardField, ...] = ()
    url: str | None = None


class PlatformComponent(ContractModel):
    """Something only one platform knows; others ignore it."""

    kind: Literal["platform"] = "platform"
    platform: str
    type: str
    data: dict[str, Any] = Field(default_factory=dict)


class Unknown(ContractModel):
    """Something the adapter could not read."""

    kind: Literal["unknown"] = "unknown"
    type: str
    excerpt: str = ""


Component = Annotated[
    Text
    | Markdown
    | Mention
    | MentionAll
    | Image
    | Voice
    | Video
    | File
    | Quote
    | Forward
    | Sticker
    | Location
    | Contact
    | Link
    | Buttons
    | Card
    | PlatformComponent
    | Unknown,
    Field(discriminator="kind"),
]

ForwardItem.model_rebuild()
Forward.model_rebuild()

_SPOKEN: dict[str, Callable[[Any], str]] = {
    "text": lambda c: c.text,
    "markdown": lambda c: c.text,
    "mention": lambda c: f"@{c.user.name or c.user.id}",
    "mention_all": lambda _: "@all",
    "sticker": lambda c: c.emoji or f"[{c.name or 'sticker'}]",
    "link": lambda c: c.url,
    "card": lambda c: c.title,
    "image": lambda c: c.alt or c.name or "[image]",
    "voice": lambda c: c.alt or c.name or "[voice]",
    "video": lambda c: c.alt or c.name or "[video]",
    "file": lambda c: c.alt or c.name or "[file]",
    "forward": lambda _: "[forwarded messages]",
    "location": lambda c: c.title or "[location]",
    "contact": lambda c: c.name or "[contact]",
}


def plain_text(components: tuple[Component, ...]) -> str:
    """Say components as plain text: what a log line, a list or a text-only reader shows."""
    said = (_SPOKEN[c.kind](c) for c in components if c.kind in _SPOKEN)
    return "".join(said).strip()
