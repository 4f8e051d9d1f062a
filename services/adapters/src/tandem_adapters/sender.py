"""Carries out outcomes on the platform: in order, and nothing twice that would be seen twice."""

from collections.abc import Callable
from contextlib import aclosing

from tandem_common.contract import subjects
from tandem_common.contract.commands import Command, DeliverTurn
from tandem_common.contract.errors import (
    CapacityError,
    RateLimitedError,
    TandemError,
    UnavailableError,
    UnknownOutcomeError,
)
from tandem_common.contract.outcomes import Outcome
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.keyed import Delivery
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.turnlog import attach

from .base import Adapter, Done, Step
from .ledger import Entry, Ledger
from .pace import Pace
from .reports import Reports

log = get_logger(__name__)

_NOT_DONE = (UnavailableError, RateLimitedError, CapacityError)
_LONGEST_PAUSE_S = 30.0


class Sender:
    """Handles the outcomes of the bots this process speaks for."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        ledger: Ledger,
        reports: Reports,
        adapter_of: Callable[[str], Adapter | None],
    ) -> None:
        self._broker, self._clock = broker, clock
        self._ledger, self._reports, self._adapter_of = ledger, reports, adapter_of
        self._paces: dict[str, Pace] = {}

    async def handle(self, delivery: Delivery) -> None:
        """Carry out one outcome; again goes on where it stopped."""
        outcome = Outcome.read(delivery.data)
        if not outcome.commands:
            return
        adapter = self._adapter_of(outcome.bot)
        if adapter is None or not adapter.can_send:
            raise UnavailableError(f"the bot {outcome.bot} is not connected")
        task = _Task(outcome, delivery.sequence, subjects.parse_out(delivery.subject)[2])
        if adapter.is_idempotent:
            await self._carry_out(adapter, task, 0)
            return
        entry = task.before = await self._ledger.read(task.key)
        if entry.out > task.sequence or (entry.out == task.sequence and entry.state == "done"):
            return
        first = 0
        if entry.out == task.sequence:
            first = await self._resume(adapter, task, entry)
        await self._carry_out(adapter, task, first)

    async def _resume(self, adapter: Adapter, task: "_Task", entry: Entry) -> int:
        """Decide what became of the step that was begun, and return the next one."""
        if entry.state == "sent" or adapter.settings.on_unknown == "resend":
            return entry.step + (1 if entry.state == "sent" else 0)
        error = UnknownOutcomeError("the process ended while this was being sent")
        await self._reports.unknown(task.outcome, task.sequence, entry.step, error)
        return entry.step + 1

    async def _carry_out(self, adapter: Adapter, task: "_Task", first: int) -> None:
        steps = _steps(adapter, task.outcome)
        for number, step in enumerate(steps):
            if number < first:
                continue
            is_last = number == len(steps) - 1
            if isinstance(step, TandemError):
                await self._reports.failed(task.outcome, task.sequence, number, step)
            else:
                await self._one(adapter, task, number, step, is_last=is_last)
        if not adapter.is_idempotent and (not steps or first >= len(steps)):
            await self._ledger.write(task.key, Entry(out=task.sequence, state="done"))

    async def _one(
        self,
        adapter: Adapter,
        task: "_Task",
        number: int,
        step: "Step | DeliverTurn",
        *,
        is_last: bool,
    ) -> None:
        await self._pace(task.outcome.bot, adapter).slot()
        if not adapter.is_idempotent:
            sending = Entry(out=task.sequence, step=number, state="sending")
            await self._ledger.write(task.key, sending)
        key = f"{task.outcome.id}:{number}"
        try:
            done = await self._until_done(adapter, step, key)
        except UnknownOutcomeError as error:
            await self._reports.unknown(task.outcome, task.sequence, number, error)
        except TandemError as error:
            if isinstance(error, _NOT_DONE):
                await self._not_sent(adapter, task, number)
                raise
            await self._reports.failed(task.outcome, task.sequence, number, error)
        else:
            self._reports.sent(task.outcome, task.sequence, number, done, adapter.settings)
        if not adapter.is_idempotent:
            state = "done" if is_last else "sent"
            await self._ledger.write(
                task.key, Entry.read_object({"out": task.sequence, "step": number, "state": state})
            )

    async def _until_done(self, adapter: Adapter, step: "Step | DeliverTurn", key: str) -> Done:
        """Do a step, waiting out rate limits; other absences are the consumer's to wait for."""
        while True:
            try:
                if isinstance(step, DeliverTurn):
                    async with aclosing(attach(self._broker, step.turn)) as entries:
                        return await adapter.deliver(step, entries, key)
                return await adapter.perform(step, key)
            except RateLimitedError as error:
                pause = min(error.retry_after_s or 1.0, _LONGEST_PAUSE_S)
                log.info("rate_limited", retry_after_s=pause)
                await self._clock.sleep(pause)

    async def _not_sent(self, adapter: Adapter, task: "_Task", number: int) -> None:
        """Take the note back: nothing left, so a crash now leaves nothing in doubt."""
        if adapter.is_idempotent:
            return
        if number:
            entry = Entry(out=task.sequence, step=number - 1, state="sent")
        elif task.before.out < task.sequence:
            entry = task.before
        else:
            entry = Entry(out=task.sequence, step=-1, state="sent")
        await self._ledger.write(task.key, entry)

    def _pace(self, bot: str, adapter: Adapter) -> Pace:
        pace = self._paces.get(bot)
        if pace is None or pace.per_s != adapter.settings.sends_per_s:
            pace = self._paces[bot] = Pace(self._clock, adapter.settings.sends_per_s)
        return pace


class _Task:
    __slots__ = ("before", "key", "outcome", "sequence")

    def __init__(self, outcome: Outcome, sequence: int, conversation: str) -> None:
        self.outcome, self.sequence = outcome, sequence
        self.before = Entry()
        self.key = subjects.sent_key(outcome.platform, outcome.bot, conversation)


def _steps(adapter: Adapter, outcome: Outcome) -> list[Step | DeliverTurn | TandemError]:
    """Write all commands as steps; one that cannot be written fails alone."""
    steps: list[Step | DeliverTurn | TandemError] = []
    for command in outcome.commands:
        steps += _steps_of(adapter, command)
    return steps


def _steps_of(adapter: Adapter, command: Command) -> list[Step | DeliverTurn | TandemError]:
    if isinstance(command, DeliverTurn):
        return [command]
    try:
        return list(adapter.plan(command))
    except TandemError as error:
        return [error]
