"""A turn's log: written by the turn's owner, attached to by whoever waits for the answer."""

import asyncio
from collections.abc import AsyncGenerator

from nats.aio.msg import Msg
from nats.js.errors import APIError

from tandem_common.contract import subjects
from tandem_common.contract.errors import UnavailableError
from tandem_common.contract.turns import TERMINAL_KINDS, TurnEvent, read_turn_event

from . import tracing
from .broker import CONNECTION_ERRORS, SETTLE_S, Broker

REREAD_S = 15.0
"""A waiter reads the stored log again this often, should a message have been missed."""


class TurnLog:
    """Writes turns' logs."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def write(self, event: TurnEvent) -> None:
        """Store one entry, once per turn and `n`.

        Raises:
            UnavailableError: Not known to be stored; repeating is safe.
        """
        await self._broker.publish(
            subjects.turn(event.turn, event.kind), event.to_json(), _headers(event)
        )

    async def write_soon(self, event: TurnEvent) -> None:
        """Publish one entry without waiting for the stream: for deltas."""
        try:
            await self._broker.nc.publish(
                subjects.turn(event.turn, event.kind),
                event.to_json(),
                headers={**tracing.outgoing_headers(), **_headers(event)},
            )
        except CONNECTION_ERRORS as error:
            raise UnavailableError(f"NATS is away: {error!r}") from error


def _headers(event: TurnEvent) -> dict[str, str]:
    return {
        subjects.HEADER_MSG_ID: f"{event.turn}:{event.n}",
        subjects.HEADER_TYPE: f"turn.{event.kind}",
        subjects.HEADER_VERSION: subjects.CONTRACT_VERSION,
    }


async def attach(
    broker: Broker, turn: str, after_n: int = -1, *, reread_s: float = REREAD_S
) -> AsyncGenerator[TurnEvent, None]:
    """Follow a turn from the entry after `after_n` to its end, through lost connections.

    First subscribes, then reads what is stored, then waits. A gap in `n`, or `reread_s` without
    a word, makes it read the stored log again. Ends after the turn's terminal entry.
    """
    arrived: asyncio.Queue[TurnEvent] = asyncio.Queue()

    async def take(msg: Msg) -> None:
        arrived.put_nowait(read_turn_event(msg.data))

    subscription = await broker.nc.subscribe(subjects.turn_log(turn), cb=take)
    try:
        seen, pauses = after_n, iter(SETTLE_S)
        stored = await _stored(broker, turn, seen)
        while True:
            for event in stored:
                seen = event.n
                yield event
                if event.kind in TERMINAL_KINDS:
                    return
            heard = await _heard(arrived, next(pauses, reread_s))
            if heard is not None and heard.n <= seen + 1:
                stored = [heard] if heard.n > seen else []
                continue
            if heard is not None:
                pauses = iter(SETTLE_S)
            stored = await _stored(broker, turn, seen)
    finally:
        if not broker.nc.is_closed:
            await subscription.unsubscribe()


async def _heard(arrived: "asyncio.Queue[TurnEvent]", pause_s: float) -> TurnEvent | None:
    try:
        return await asyncio.wait_for(arrived.get(), pause_s)
    except TimeoutError:
        return None


async def _stored(broker: Broker, turn: str, seen: int) -> list[TurnEvent]:
    try:
        kept = await broker.read_subject(subjects.TURNS, subjects.turn_log(turn))
    except (*CONNECTION_ERRORS, APIError):
        return []
    events = sorted((read_turn_event(message.data) for message in kept), key=lambda e: e.n)
    return [event for event in events if event.n > seen]
