"""A message: ordered components, and the questions one asks of them."""

from .base import ContractModel
from .components import Component, Text, plain_text
from .ids import MessageId


class Message(ContractModel):
    """What somebody said on a platform."""

    id: MessageId
    components: tuple[Component, ...]
    reply_to: MessageId | None = None
    addressed: bool = False
    """Private chat, mention of the bot, reply to it, or command."""

    @property
    def text(self) -> str:
        """The message said as plain text."""
        return plain_text(self.components)

    @property
    def own_text(self) -> str:
        """Only what was typed: no mentions, no placeholders for media."""
        return "".join(c.text for c in self.components if isinstance(c, Text)).strip()
