"""Posts an event to somebody else's program and does what the answer says.

The first attempt is made at once. When it fails for a reason that may pass, a workflow goes on
trying, through restarts of everything, and later events of the same conversation and rule queue
behind it, so that the receiver gets them in order.
"""

from temporalio.service import RPCError

from tandem_common.contract.errors import UnavailableError
from tandem_common.contract.outcomes import Author
from tandem_common.contract.rules import WebhookConfig
from tandem_common.runtime.keyed import GiveUpError
from tandem_common.runtime.temporal import Temporal
from tandem_router.webhooks.caller import WebhookCaller, WebhookFailedError
from tandem_router.webhooks.deferrals import Deferrals, queue_id
from tandem_router.workflows.types import TASK_QUEUE, WebhookCall, WebhookQueue
from tandem_router.workflows.webhook import WebhookWorkflow

from .base import Reply, Task


class WebhookHandler:
    """See the module."""

    def __init__(self, caller: WebhookCaller, deferrals: Deferrals, temporal: Temporal) -> None:
        self._caller, self._deferrals, self._temporal = caller, deferrals, temporal

    async def handle(self, task: Task) -> Reply:
        """Make the first attempt, or queue behind one that is being tried again."""
        event, config = task.event, task.config
        if not isinstance(config, WebhookConfig):
            raise GiveUpError("the rule's settings are not those of a webhook")
        author = Author(kind="webhook", id=task.rule or "default")
        queue = queue_id(event.platform, event.bot, event.conversation_token, task.rule)
        if await self._deferrals.is_waiting(queue):
            await self._defer(queue, task, config.max_attempts)
            return Reply(author, is_waiting=True)
        try:
            return Reply(author, await self._caller.call(event, config, task.rule))
        except WebhookFailedError as error:
            if not error.is_temporary or config.max_attempts == 1:
                raise GiveUpError(error.message) from error
        await self._defer(queue, task, config.max_attempts - 1)
        return Reply(author, is_waiting=True)

    async def _defer(self, queue: str, task: Task, attempts: int) -> None:
        call = WebhookCall(event_id=task.event.id, sequence=task.sequence, attempts=attempts)
        await self._deferrals.add(queue, call.event_id)
        client = await self._temporal.client()
        try:
            await client.start_workflow(
                WebhookWorkflow.run,
                WebhookQueue(queue=queue, rule=task.rule),
                id=queue,
                task_queue=TASK_QUEUE,
                start_signal="add",
                start_signal_args=[call],
            )
        except RPCError as error:
            raise UnavailableError(f"Temporal is away: {error.message}") from error
