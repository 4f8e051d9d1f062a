"""Ends the turns the router answers itself, for whoever is attached to them."""

from collections.abc import Sequence

from tandem_common.contract.components import Component, plain_text
from tandem_common.contract.errors import ErrorBody
from tandem_common.contract.events import Event
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.turns import (
    TurnDelta,
    TurnFailed,
    TurnFinal,
    TurnStarted,
)
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.turnlog import TurnLog


class TurnCloser:
    """Writes logs of turns; every entry's `n` follows from the outcome, so a repeat is the same."""

    def __init__(self, turns: TurnLog, clock: Clock) -> None:
        self._turns, self._clock = turns, clock

    async def close(
        self, event: Event, outcome: Outcome, stream: Sequence[str] = (), delay_s: float = 0.0
    ) -> None:
        """Write what an outcome says to the turn's log; nothing if nobody can be attached."""
        streams = any(command.kind == "deliver_turn" for command in outcome.commands)
        if event.turn is None and not streams:
            return
        turn = event.turn_id
        await self._turns.write(
            TurnStarted(turn=turn, n=0, time=self._clock.now(), handler=outcome.handled_by.kind)
        )
        n = 1
        for piece in stream:
            await self._turns.write_soon(
                TurnDelta(turn=turn, n=n, time=self._clock.now(), text=piece)
            )
            n += 1
            if delay_s:
                await self._clock.sleep(delay_s)
        said = said_in(outcome)
        await self._turns.write(
            TurnFinal(
                turn=turn,
                n=n,
                time=self._clock.now(),
                author=outcome.author,
                text="".join(stream).strip() or said_as_text(outcome),
                components=said,
            )
        )

    async def fail(self, event: Event, error: ErrorBody) -> None:
        """End a turn without an answer."""
        turn, now = event.turn_id, self._clock.now()
        await self._turns.write(TurnStarted(turn=turn, n=0, time=now, handler="none"))
        await self._turns.write(TurnFailed(turn=turn, n=1, time=now, error=error))


def said_in(outcome: Outcome) -> tuple[Component, ...]:
    """Return everything an outcome says, in order."""
    return tuple(
        component
        for command in outcome.commands
        if command.kind == "send_message"
        for component in command.components
    )


def said_as_text(outcome: Outcome) -> str:
    """Return everything an outcome says as text, messages parted by empty lines."""
    return "\n\n".join(
        plain_text(command.components)
        for command in outcome.commands
        if command.kind == "send_message"
    )
