"""TicketWorkflow: reminds, and falls back when nobody answers."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from .types import FALL_BACK, REMIND, Reminder, TicketTimers

_ATTEMPT = timedelta(seconds=30)
_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


@workflow.defn
class TicketWorkflow:
    """See the module. The activities look at the ticket themselves: a late timer does no harm."""

    def __init__(self) -> None:
        self._is_closed = False

    @workflow.signal
    def closed(self) -> None:
        """The ticket has ended."""
        self._is_closed = True

    @workflow.run
    async def run(self, timers: TicketTimers) -> None:
        """Wait for the end, reminding on the way."""
        deadline = workflow.now() + timedelta(seconds=timers.fallback_after_s)
        for number in range(1, timers.remind_times + 1):
            due = workflow.now() + timedelta(seconds=timers.remind_every_s)
            if due >= deadline or await self._ended_within(due - workflow.now()):
                break
            reminder = Reminder(ticket=timers.ticket, number=number)
            is_open = await workflow.execute_activity(
                REMIND,
                reminder,
                start_to_close_timeout=_ATTEMPT,
                retry_policy=_RETRY,
                result_type=bool,
            )
            if not is_open:
                return
        if await self._ended_within(deadline - workflow.now()):
            return
        await workflow.execute_activity(
            FALL_BACK, timers.ticket, start_to_close_timeout=_ATTEMPT, retry_policy=_RETRY
        )

    async def _ended_within(self, span: timedelta) -> bool:
        if self._is_closed:
            return True
        if span <= timedelta():
            return False
        try:
            await workflow.wait_condition(lambda: self._is_closed, timeout=span)
        except TimeoutError:
            return False
        return True
