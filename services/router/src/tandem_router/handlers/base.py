"""What every handler gets and gives."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from tandem_common.contract.commands import Command, SendMessage
from tandem_common.contract.components import Component
from tandem_common.contract.events import Event
from tandem_common.contract.outcomes import Author


@dataclass(frozen=True)
class Task:
    """One event for one handler."""

    event: Event
    sequence: int
    """The event's place in EVENTS."""
    rule: str | None
    """The rule that chose this handler; None: the bot's default."""
    config: Any
    """The handler's own settings, checked."""


@dataclass(frozen=True)
class Reply:
    """What a handler wants done, and who says it."""

    author: Author
    commands: tuple[Command, ...] = ()
    is_waiting: bool = False
    """The turn stays open: a person, or a later attempt, ends it."""
    stream: tuple[str, ...] = field(default=())
    """Deltas of a streamed answer, joined they are its text."""
    stream_delay_s: float = 0.0


class Handler(Protocol):
    """Does something with an event."""

    async def handle(self, task: Task) -> Reply:
        """Act once.

        It may be called again for the same event after a crash; effects outside carry the
        event's id so that the other side can tell.

        Raises:
            TandemError: With `retryable` codes the event waits; others are tried again a few
                times and then given up.
        """
        ...


def send(task: Task, components: tuple[Component, ...], index: int = 0) -> SendMessage:
    """Say something where the event happened."""
    place = task.event.conversation
    if place is None:
        raise ValueError(f"{task.event.type} happened in no conversation")
    return SendMessage(
        conversation=place,
        components=components,
        idempotency_key=f"{task.event.id}:{task.rule or 'default'}:{index}",
    )
