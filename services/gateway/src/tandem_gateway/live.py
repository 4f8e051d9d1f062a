"""The live feed: what passes on NATS, made small, to every console that looks on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.base import rfc3339
from tandem_common.contract.components import plain_text
from tandem_common.contract.events import (
    DeliveryFailed,
    DeliveryUnknown,
    MessageReceived,
    read_event,
)
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.relay import TicketChange
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.logging import get_logger

log = get_logger(__name__)

_QUEUED = 200
_EXCERPT = 200
Item = dict[str, Any]
RESET: Item = {"type": "reset", "data": {}}
"""Told to a reader that fell behind: read your lists again."""


def ticket_item(data: bytes) -> Item:
    """A ticket changed."""
    change = TicketChange.read(data)
    ticket = change.ticket
    return {
        "type": f"ticket.{change.kind}",
        "data": {
            "id": ticket.id,
            "rev": ticket.rev,
            "state": ticket.state,
            "conversation_id": ticket.conversation_id,
            "assignee": ticket.assignee.model_dump() if ticket.assignee else None,
            "by": change.by.model_dump() if change.by else None,
        },
    }


def event_item(data: bytes) -> Item:
    """Something happened on a platform."""
    event = read_event(data)
    body: Item = {
        "id": event.id,
        "time": rfc3339(event.time),
        "platform": event.platform,
        "bot": event.bot,
        "conversation_id": event.conversation_token,
    }
    if event.actor is not None:
        body["actor"] = event.actor.name or event.actor.id
    if isinstance(event, MessageReceived):
        body["text"] = event.message.text[:_EXCERPT]
    elif isinstance(event, DeliveryFailed | DeliveryUnknown) and event.error is not None:
        body["error"] = {"code": event.error.code, "message": event.error.message}
    return {"type": event.type, "data": body}


def outcome_item(subject: str, data: bytes) -> Item:
    """Something will be said on a platform."""
    outcome = Outcome.read(data)
    said = [plain_text(c.components) for c in outcome.commands if c.kind == "send_message"]
    return {
        "type": "outcome",
        "data": {
            "id": outcome.id,
            "time": rfc3339(outcome.time),
            "platform": outcome.platform,
            "bot": outcome.bot,
            "conversation_id": subjects.parse_out(subject)[2],
            "handled_by": outcome.handled_by.model_dump(),
            "commands": [command.kind for command in outcome.commands],
            "text": "\n".join(said)[:_EXCERPT],
        },
    }


def item_of(subject: str, data: bytes) -> Item:
    """Make a message of any of the three kinds small."""
    if subject.startswith("relay."):
        return ticket_item(data)
    if subject.startswith("out."):
        return outcome_item(subject, data)
    return event_item(data)


class LiveFeed:
    """One subscription for the whole process, one bounded queue for each reader."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._readers: set[asyncio.Queue[Item]] = set()
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        """Subscribe."""
        for subject in (subjects.ALL_TICKET_CHANGES, subjects.ALL_EVENTS, subjects.ALL_OUTCOMES):
            taken = await self._broker.nc.subscribe(subject, cb=self._take)
            self._subscriptions.append(taken)
        # What passed while the connection was away is not known: everybody reads again.
        self._broker.on_reconnect(lambda: self._spread(RESET))

    async def stop(self) -> None:
        """Let every reader go."""
        for subscription in self._subscriptions:
            if not self._broker.nc.is_closed:
                with contextlib.suppress(Exception):
                    await subscription.unsubscribe()

    async def _take(self, msg: Msg) -> None:
        if not self._readers:
            return
        try:
            item = item_of(msg.subject, msg.data)
        except (ValidationError, ValueError, KeyError) as error:
            log.warning("live_item_not_read", subject=msg.subject, error=str(error)[:300])
            return
        self._spread(item)

    def _spread(self, item: Item) -> None:
        for queue in self._readers:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(RESET)
            else:
                queue.put_nowait(item)

    @contextlib.contextmanager
    def _reading(self) -> Any:
        queue: asyncio.Queue[Item] = asyncio.Queue(_QUEUED)
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)

    async def follow(
        self, wanted: Callable[[Item], bool], heartbeat_s: float
    ) -> AsyncIterator[Item | None]:
        """Yield items as they pass; None when nothing passed for `heartbeat_s`."""
        with self._reading() as queue:
            while True:
                try:
                    item = await asyncio.wait_for(queue.get(), heartbeat_s)
                except TimeoutError:
                    yield None
                    continue
                if item is RESET or wanted(item):
                    yield item
