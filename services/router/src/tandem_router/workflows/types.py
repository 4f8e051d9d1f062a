"""What goes into workflows and activities: ids only, never bodies."""

from tandem_common.contract.base import ContractModel

TASK_QUEUE = "tandem-router"
DELIVER_WEBHOOK = "deliver_webhook"
GIVE_UP_WEBHOOK = "give_up_webhook"


class WebhookCall(ContractModel):
    """One deferred call."""

    event_id: str
    sequence: int
    """The event's place in EVENTS."""
    attempts: int
    """How often it may still be tried."""


class WebhookQueue(ContractModel):
    """Input of `WebhookWorkflow`: one rule in one conversation, and what waits in it."""

    queue: str
    rule: str | None
    waiting: tuple[WebhookCall, ...] = ()


class WebhookJob(ContractModel):
    """Input of the webhook activities."""

    queue: str
    rule: str | None
    call: WebhookCall
    reason: str = ""
