"""What a browser and the web chat say to each other over the socket, and what is stored of it.

Client to server: `hello`, `say`, `typing`. Server to client: `welcome`, `frame`s, `ack`, `error`.
A frame carries `n`, its place in the stored conversation: after a lost connection the client says
`hello` with the last `n` it has and gets everything since.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .base import ContractModel, Timestamp
from .components import Component
from .errors import ErrorBody
from .outcomes import Author


class Hello(ContractModel):
    """First word of a client; `after` is the last `n` it has (0: everything stored)."""

    kind: Literal["hello"] = "hello"
    after: int = Field(default=0, ge=0)


class Say(ContractModel):
    """A visitor's message; `id` is the client's own, so that a repeat is the same message."""

    kind: Literal["say"] = "say"
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    components: tuple[Component, ...] = Field(min_length=1, max_length=20)
    reply_to: str | None = None


class VisitorTyping(ContractModel):
    """The visitor is writing."""

    kind: Literal["typing"] = "typing"


ClientFrame = Annotated[Hello | Say | VisitorTyping, Field(discriminator="kind")]
CLIENT_FRAME_ADAPTER: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


class _Stored(ContractModel):
    id: str
    time: Timestamp
    author: Author


class ChatMessage(_Stored):
    """A whole message, from either side."""

    kind: Literal["message"] = "message"
    components: tuple[Component, ...]
    reply_to: str | None = None
    client_id: str | None = None


class ChatDelta(_Stored):
    """A piece of a message that is being written; `id` is the message it grows into."""

    kind: Literal["delta"] = "delta"
    text: str


class ChatEdited(_Stored):
    """A message now says something else."""

    kind: Literal["edited"] = "edited"
    components: tuple[Component, ...]


class ChatDeleted(_Stored):
    """A message was taken back."""

    kind: Literal["deleted"] = "deleted"


ChatFrame = Annotated[
    ChatMessage | ChatDelta | ChatEdited | ChatDeleted, Field(discriminator="kind")
]
CHAT_FRAME_ADAPTER: TypeAdapter[ChatFrame] = TypeAdapter(ChatFrame)


class ChatTyping(ContractModel):
    """The other side is writing; not stored, no `n`."""

    kind: Literal["typing"] = "typing"
    typing: bool = True
    who: str | None = None


class Ack(ContractModel):
    """The visitor's message is kept: it will be answered even if everything restarts."""

    kind: Literal["ack"] = "ack"
    client_id: str
    id: str


class Refusal(ContractModel):
    """A client frame was refused; the socket stays open."""

    kind: Literal["error"] = "error"
    client_id: str | None = None
    error: ErrorBody
