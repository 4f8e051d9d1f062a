"""WebhookWorkflow: calls one receiver for one conversation, in order, until it answers."""

from collections import deque
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from .types import (
        DELIVER_WEBHOOK,
        GIVE_UP_WEBHOOK,
        WebhookCall,
        WebhookJob,
        WebhookQueue,
    )

_FIRST_PAUSE = timedelta(seconds=2)
_LONGEST_PAUSE = timedelta(minutes=30)
_GROWTH = 3.0
_ATTEMPT = timedelta(seconds=90)
_CALLS_A_RUN = 500


@workflow.defn
class WebhookWorkflow:
    """See the module. Ends when nothing waits any more."""

    @workflow.init
    def __init__(self, queue: WebhookQueue) -> None:
        self._waiting: deque[WebhookCall] = deque(queue.waiting)
        self._known = {call.event_id for call in queue.waiting}

    @workflow.signal
    def add(self, call: WebhookCall) -> None:
        """Queue a call; the same event is queued once."""
        if call.event_id not in self._known:
            self._known.add(call.event_id)
            self._waiting.append(call)

    @workflow.run
    async def run(self, queue: WebhookQueue) -> None:
        """Make the calls one by one."""
        for _ in range(_CALLS_A_RUN):
            if not self._waiting:
                return
            await self._deliver(queue, self._waiting[0])
            self._waiting.popleft()
        workflow.continue_as_new(
            WebhookQueue(queue=queue.queue, rule=queue.rule, waiting=tuple(self._waiting))
        )

    async def _deliver(self, queue: WebhookQueue, call: WebhookCall) -> None:
        job = WebhookJob(queue=queue.queue, rule=queue.rule, call=call)
        try:
            await workflow.execute_activity(
                DELIVER_WEBHOOK,
                job,
                start_to_close_timeout=_ATTEMPT,
                retry_policy=RetryPolicy(
                    initial_interval=_FIRST_PAUSE,
                    backoff_coefficient=_GROWTH,
                    maximum_interval=_LONGEST_PAUSE,
                    maximum_attempts=max(1, call.attempts),
                ),
            )
        except ActivityError as error:
            given_up = job.model_copy(update={"reason": str(error.cause or error)[:500]})
            await workflow.execute_activity(
                GIVE_UP_WEBHOOK, given_up, start_to_close_timeout=_ATTEMPT
            )
