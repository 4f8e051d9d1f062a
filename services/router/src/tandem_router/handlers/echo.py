"""Says the same back."""

import re

from tandem_common.contract.commands import DeliverTurn
from tandem_common.contract.components import Component, Mention, Quote, Text, plain_text
from tandem_common.contract.events import MessageReceived
from tandem_common.contract.outcomes import Author
from tandem_common.contract.rules import EchoConfig

from .base import Reply, Task, send

AUTHOR = Author(kind="bot", name="echo")
_WORDS = re.compile(r"\S+\s*|\s+")


class EchoHandler:
    """See the module."""

    async def handle(self, task: Task) -> Reply:
        """Answer a message with itself; other events with nothing."""
        event, config = task.event, task.config
        if not isinstance(event, MessageReceived) or not isinstance(config, EchoConfig):
            return Reply(AUTHOR)
        said = _without_address(event.message.components)
        if config.prefix:
            said = (Text(text=config.prefix), *said)
        if config.stream and event.conversation is not None:
            words = tuple(_WORDS.findall(plain_text(said)))
            command = DeliverTurn(turn=event.turn_id, conversation=event.conversation)
            return Reply(AUTHOR, (command,), stream=words, stream_delay_s=config.delay_ms / 1000)
        return Reply(AUTHOR, (send(task, said),) if said else ())


def _without_address(components: tuple[Component, ...]) -> tuple[Component, ...]:
    """Leave out whom the message was addressed to and what it quoted."""
    kept = [c for c in components if not isinstance(c, Quote | Mention)]
    if kept and isinstance(kept[0], Text):
        kept[0] = Text(text=kept[0].text.lstrip())
        if not kept[0].text:
            kept = kept[1:]
    return tuple(kept)
