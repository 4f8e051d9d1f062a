"""Tells each open chat socket that its conversation has something new, or somebody is typing."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.webchat import ChatTyping
from tandem_common.runtime.broker import Broker

_QUEUED = 50
Place = tuple[str, str]
"""Bot and conversation token."""


class Ear:
    """One socket listening to one conversation."""

    def __init__(self) -> None:
        self.stored = asyncio.Event()
        """Something was stored: read from where you are."""
        self.typing: asyncio.Queue[ChatTyping] = asyncio.Queue(_QUEUED)


class ChatHub:
    """One subscription for the process. It only wakes: what is read is what is stored, in order."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._ears: defaultdict[Place, set[Ear]] = defaultdict(set)
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        """Subscribe."""
        await self._broker.declare((subjects.WEBCHAT,))
        for subject, take in (
            (subjects.all_webchat(), self._take_stored),
            (subjects.webchat_typing("*", "*"), self._take_typing),
        ):
            self._subscriptions.append(await self._broker.nc.subscribe(subject, cb=take))
        self._broker.on_reconnect(self._wake_all)

    async def stop(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            if not self._broker.nc.is_closed:
                with contextlib.suppress(Exception):
                    await subscription.unsubscribe()

    @contextlib.contextmanager
    def listening(self, bot: str, conversation: str) -> Iterator[Ear]:
        """Listen to a conversation."""
        place, ear = (bot, conversation), Ear()
        self._ears[place].add(ear)
        try:
            yield ear
        finally:
            self._ears[place].discard(ear)
            if not self._ears[place]:
                del self._ears[place]

    def _wake_all(self) -> None:
        for ears in self._ears.values():
            for ear in ears:
                ear.stored.set()

    def _of(self, msg: Msg) -> set[Ear]:
        _, bot, conversation = msg.subject.split(".")
        return self._ears.get((bot, conversation), set())

    async def _take_stored(self, msg: Msg) -> None:
        for ear in self._of(msg):
            ear.stored.set()

    async def _take_typing(self, msg: Msg) -> None:
        ears = self._of(msg)
        if not ears:
            return
        with contextlib.suppress(ValidationError, asyncio.QueueFull):
            frame = ChatTyping.read(msg.data)
            for ear in ears:
                ear.typing.put_nowait(frame)
