"""Asks a person: stores a request for a ticket, and is done.

The relay opens the ticket when it gets to it; that it is down, or slow, holds nobody's message.
"""

from tandem_common.contract import subjects
from tandem_common.contract.components import Text
from tandem_common.contract.events import MessageReceived
from tandem_common.contract.outcomes import Author
from tandem_common.contract.relay import OpenTicket
from tandem_common.contract.rules import HumanConfig
from tandem_common.runtime.broker import Broker

from .base import Reply, Task, send

_CALLER_WAITS = "openai"


class HumanHandler:
    """See the module."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def handle(self, task: Task) -> Reply:
        """Hand a message to the relay; other events need no person."""
        event, config = task.event, task.config
        author = Author(kind="system", name="relay")
        if not isinstance(event, MessageReceived) or not isinstance(config, HumanConfig):
            return Reply(author)
        wanted = OpenTicket(
            turn=event.turn_id,
            event=event,
            rule=task.rule,
            source_sequence=task.sequence,
            config=config,
        )
        await self._broker.publish(
            subjects.open_ticket(event.turn_id),
            wanted.to_json(),
            {subjects.HEADER_MSG_ID: event.turn_id, subjects.HEADER_TYPE: "ticket.open"},
        )
        if config.acknowledge and event.platform != _CALLER_WAITS:
            acknowledged = send(task, (Text(text=config.acknowledge),))
            return Reply(author, (acknowledged,), is_waiting=True)
        return Reply(author, is_waiting=True)
