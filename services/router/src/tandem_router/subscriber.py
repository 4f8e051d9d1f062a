"""An event arrives: find who acts, let them, store the outcome once, end the turn."""

from collections.abc import Awaitable, Callable, Mapping

from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.errors import ErrorBody
from tandem_common.contract.events import Event, MessageReceived, read_event
from tandem_common.contract.outcomes import HandledBy, Outcome
from tandem_common.contract.rules import HandlerKind, HandlerRef, handler_config
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.keyed import Delivery
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.outlog import OutLog

from .handlers.base import Handler, Reply, Task
from .routing.conditions import Moment
from .routing.matcher import decide
from .routing.rulebook import Rulebook
from .turns import TurnCloser

log = get_logger(__name__)

Refresh = Callable[[], Awaitable[None]]
_UNKNOWN_FOR_S = 2.0
"""A bot that was looked for in vain is not looked for again this long."""
_REPEATABLE: frozenset[HandlerKind] = frozenset({"echo", "discard", "human"})
"""Handlers that may run again for the same event without harm."""


class EventSubscriber:
    """Handles the events of the partitions this process owns."""

    def __init__(
        self,
        rulebook: Rulebook,
        handlers: Mapping[HandlerKind, Handler],
        outlog: OutLog,
        closer: TurnCloser,
        clock: Clock,
        refresh: Refresh,
    ) -> None:
        self._rulebook, self._handlers, self._refresh = rulebook, handlers, refresh
        self._unknown_since: dict[tuple[str, str], float] = {}
        self._outlog, self._closer, self._clock = outlog, closer, clock

    async def handle(self, delivery: Delivery) -> None:
        """Bring one event to its outcome; again is the same."""
        event = read_event(delivery.data)
        await self._know(event)
        chosen = self._choose(event)
        if not chosen:
            await self._nobody(event)
            return
        stream = subjects.out_stream(event.platform)
        subject = subjects.out(event.platform, event.bot, event.conversation_token)
        mark = await self._outlog.known_mark(stream, subject)
        is_done = delivery.sequence <= mark.source
        is_repeatable = all(handler.kind in _REPEATABLE for _, handler in chosen)
        if is_done and not is_repeatable:
            stored = await self._outlog.outcome_of(stream, subject, event.id)
            if stored is not None:
                await self._closer.close(event, stored)
            return
        replies = [
            await self._handlers[handler.kind].handle(
                Task(event, delivery.sequence, rule, handler_config(handler))
            )
            for rule, handler in chosen
        ]
        outcome = self._outcome(event, chosen, replies)
        if outcome.commands or not is_repeatable:
            await self._outlog.commit(outcome, delivery.sequence)
        if not outcome.is_waiting:
            stream_of = next((reply for reply in replies if reply.stream), None)
            await self._closer.close(
                event,
                outcome,
                stream_of.stream if stream_of else (),
                stream_of.stream_delay_s if stream_of else 0.0,
            )

    async def on_dead(self, delivery: Delivery, reason: str) -> None:
        """Tell whoever waits that an event was given up."""
        try:
            event = read_event(delivery.data)
        except ValidationError:
            return  # nobody can be attached to what was never an event
        if event.turn is not None:
            await self._closer.fail(event, ErrorBody(code="upstream_error", message=reason))

    async def _know(self, event: Event) -> None:
        """Make sure that a bot which exists is known: its first event may overtake its set-up."""
        place = (event.platform, event.bot)
        if self._rulebook.bot(*place) is not None:
            return
        now = self._clock.monotonic()
        if now - self._unknown_since.get(place, -_UNKNOWN_FOR_S) >= _UNKNOWN_FOR_S:
            await self._refresh()
            self._unknown_since[place] = now

    def _choose(self, event: Event) -> list[tuple[str | None, HandlerRef]]:
        bot = self._rulebook.bot(event.platform, event.bot)
        if bot is None or not bot.enabled:
            log.info("event_of_no_bot", platform=event.platform, bot=event.bot)
            return []
        moment = Moment(self._clock.now(), self._rulebook.business_hours(event.platform, event.bot))
        rules = self._rulebook.rules(event.platform, event.bot)
        decision = decide(event, rules, moment) if rules else None
        if decision is not None and decision.winners:
            return [(rule.id, rule.handler) for rule in decision.winners]
        is_for_default = isinstance(event, MessageReceived) or (
            bot.default_handler.kind == "webhook"
        )
        default = bot.default_handler if is_for_default else HandlerRef(kind="discard")
        return [(None, default)]

    async def _nobody(self, event: Event) -> None:
        if event.turn is not None:
            message = f"the bot {event.bot} does not exist or is disabled"
            await self._closer.fail(event, ErrorBody(code="not_found", message=message))

    def _outcome(
        self, event: Event, chosen: list[tuple[str | None, HandlerRef]], replies: list[Reply]
    ) -> Outcome:
        """Put what all winners want into one outcome: an event has one."""
        speaking = next((i for i, reply in enumerate(replies) if reply.commands), 0)
        rule, handler = chosen[speaking]
        return Outcome(
            id=new_id(),
            time=self._clock.now(),
            platform=event.platform,
            bot=event.bot,
            conversation=event.conversation,
            source_event=event.id,
            turn=event.turn_id,
            handled_by=HandledBy(kind=handler.kind, rule=rule),
            author=replies[speaking].author,
            commands=tuple(command for reply in replies for command in reply.commands),
            is_waiting=any(reply.is_waiting for reply in replies),
        )
