"""Carries out outcomes on the platform: in order, and nothing twice that would be seen twice."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Literal

from tandem_common.contract import subjects
from tandem_common.contract.commands import Command, DeliverTurn, SendMessage
from tandem_common.contract.components import Markdown
from tandem_common.contract.errors import (
    CapacityError,
    NotFoundError,
    RateLimitedError,
    TandemError,
    UnavailableError,
    UnknownOutcomeError,
    UpstreamError,
)
from tandem_common.contract.outcomes import Author, Outcome
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
_TURN_LOG_KEPT_S = 25 * 3600.0


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
        steps = await self._steps(adapter, task.outcome)
        for number, step in enumerate(steps):
            if number < first:
                continue
            is_last = number == len(steps) - 1
            if isinstance(step, TandemError):
                await self._reports.failed(task.outcome, task.sequence, number, step)
            else:
                await self._one(adapter, task, number, step, is_last=is_last)
        if not adapter.is_idempotent and first >= len(steps):
            await self._ledger.write(task.key, Entry(out=task.sequence, state="done"))

    async def _steps(
        self, adapter: Adapter, outcome: Outcome
    ) -> list[Step | DeliverTurn | TandemError]:
        """Write all commands as steps; one that cannot be written fails alone."""
        steps: list[Step | DeliverTurn | TandemError] = []
        for command in outcome.commands:
            try:
                steps += await self._steps_of(adapter, command)
            except _NOT_DONE:
                raise
            except TandemError as error:
                steps.append(error)
        return steps

    async def _steps_of(
        self, adapter: Adapter, command: Command
    ) -> Sequence[Step | DeliverTurn | TandemError]:
        if not isinstance(command, DeliverTurn):
            return adapter.plan(command)
        if adapter.streams:
            return [command]
        # Where nothing streams, the turn is waited for before anything is noted as `sending`: it
        # may take hours, and whoever takes over in between waits on instead of doubting.
        message = await self._answer(command)
        return adapter.plan(message) if message is not None else []

    async def _answer(self, command: DeliverTurn) -> SendMessage | None:
        """Wait for a turn's end; None when it ended without an answer."""
        try:
            async with asyncio.timeout(_TURN_LOG_KEPT_S):
                return await self._final(command)
        except TimeoutError:
            raise NotFoundError(f"the log of turn {command.turn} is gone") from None

    async def _final(self, command: DeliverTurn) -> SendMessage | None:
        async with aclosing(attach(self._broker, command.turn)) as entries:
            async for entry in entries:
                if entry.kind == "failed":
                    raise UpstreamError(f"the turn failed: {entry.error.message}")
                if entry.kind == "final" and (entry.components or entry.text):
                    return SendMessage(
                        conversation=command.conversation,
                        components=entry.components or (Markdown(text=entry.text),),
                        reply_to=command.reply_to,
                        idempotency_key=f"turn:{command.turn}",
                    )
        return None

    async def _one(
        self,
        adapter: Adapter,
        task: "_Task",
        number: int,
        step: "Step | DeliverTurn",
        *,
        is_last: bool,
    ) -> None:
        sending = Entry(out=task.sequence, step=number, state="sending")
        key = f"{task.outcome.id}:{number}"
        try:
            done = await self._until_done(adapter, task, step, sending, key)
        except UnknownOutcomeError as error:
            await self._reports.unknown(task.outcome, task.sequence, number, error)
        except TandemError as error:
            if isinstance(error, _NOT_DONE):
                raise
            await self._reports.failed(task.outcome, task.sequence, number, error)
        else:
            self._reports.sent(task.outcome, task.sequence, number, done, adapter.settings)
        if not adapter.is_idempotent:
            state: Literal["done", "sent"] = "done" if is_last else "sent"
            settled = Entry(out=task.sequence, step=number, state=state)
            await self._ledger.settle(task.key, settled, sending, self._clock)

    async def _until_done(
        self,
        adapter: Adapter,
        task: "_Task",
        step: "Step | DeliverTurn",
        sending: Entry,
        key: str,
    ) -> Done:
        """Do a step, waiting out rate limits; other absences are the consumer's to wait for."""
        while True:
            # The slot first: `sending` is noted only by what really goes out now.
            await self._pace(task.outcome.bot, adapter).slot()
            if not adapter.is_idempotent:
                await self._ledger.write(task.key, sending)
            try:
                return await self._do(adapter, step, key, task.outcome.author)
            except _NOT_DONE as error:
                await self._not_sent(adapter, task, sending)
                if not isinstance(error, RateLimitedError):
                    raise
                pause = min(error.retry_after_s or 1.0, _LONGEST_PAUSE_S)
                log.info("rate_limited", retry_after_s=pause)
                await self._clock.sleep(pause)

    async def _do(
        self, adapter: Adapter, step: "Step | DeliverTurn", key: str, author: Author
    ) -> Done:
        if isinstance(step, DeliverTurn):
            async with aclosing(attach(self._broker, step.turn)) as entries:
                return await adapter.deliver(step, entries, key)
        return await adapter.perform(step, key, author)

    async def _not_sent(self, adapter: Adapter, task: "_Task", sending: Entry) -> None:
        """Take the note back: nothing left, so a crash now leaves nothing in doubt."""
        if adapter.is_idempotent:
            return
        if sending.step:
            entry = Entry(out=task.sequence, step=sending.step - 1, state="sent")
        elif task.before.out < task.sequence:
            entry = task.before
        else:
            entry = Entry(out=task.sequence, step=-1, state="sent")
        await self._ledger.settle(task.key, entry, sending, self._clock)

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
