"""deliver_webhook and give_up_webhook."""

from nats.js.errors import NotFoundError as NatsNotFoundError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from tandem_common.contract import subjects
from tandem_common.contract.errors import ErrorBody
from tandem_common.contract.events import Event, read_event
from tandem_common.contract.outcomes import Author, HandledBy, Outcome
from tandem_common.contract.rules import HandlerRef, WebhookConfig, handler_config
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.outlog import OutLog
from tandem_router.routing.rulebook import Rulebook
from tandem_router.turns import TurnCloser
from tandem_router.webhooks.caller import WebhookCaller, WebhookFailedError
from tandem_router.webhooks.deferrals import Deferrals
from tandem_router.workflows.types import DELIVER_WEBHOOK, GIVE_UP_WEBHOOK, WebhookJob


class WebhookActivities:
    """The activities with what they need."""

    def __init__(  # noqa: PLR0913, PLR0917 - wiring
        self,
        broker: Broker,
        outlog: OutLog,
        closer: TurnCloser,
        caller: WebhookCaller,
        deferrals: Deferrals,
        rulebook: Rulebook,
        clock: Clock,
    ) -> None:
        self._broker, self._outlog, self._closer = broker, outlog, closer
        self._caller, self._deferrals, self._rulebook = caller, deferrals, rulebook
        self._clock = clock

    @activity.defn(name=DELIVER_WEBHOOK)
    async def deliver(self, job: WebhookJob) -> None:
        """Call the receiver once and store what it wants done."""
        event = await self._event(job)
        config = self._config(event, job.rule)
        try:
            commands = await self._caller.call(event, config, job.rule)
        except WebhookFailedError as error:
            raise ApplicationError(error.message, non_retryable=not error.is_temporary) from error
        outcome = Outcome(
            id=new_id(),
            time=self._clock.now(),
            platform=event.platform,
            bot=event.bot,
            conversation=event.conversation,
            source_event=event.id,
            turn=event.turn_id,
            handled_by=HandledBy(kind="webhook", rule=job.rule),
            author=Author(kind="webhook", id=job.rule or "default"),
            commands=commands,
        )
        if commands:
            await self._outlog.append(outcome, f"{event.id}:webhook:{job.rule}")
        await self._closer.close(event, outcome)
        await self._deferrals.remove(job.queue, event.id)

    @activity.defn(name=GIVE_UP_WEBHOOK)
    async def give_up(self, job: WebhookJob) -> None:
        """Put the event with the dead letters and end its turn."""
        stored = await self._broker.js.get_msg(subjects.EVENTS, job.call.sequence, direct=True)
        await self._broker.publish(
            subjects.dead(stored.subject or ""),
            stored.data or b"",
            {
                subjects.HEADER_MSG_ID: f"{job.queue}:{job.call.event_id}",
                subjects.HEADER_REASON: job.reason.replace("\n", " ")[:500],
                subjects.HEADER_ATTEMPTS: str(job.call.attempts + 1),
            },
        )
        event = read_event(stored.data or b"")
        if event.turn is not None:
            error = ErrorBody(code="upstream_error", message=job.reason or "the webhook failed")
            await self._closer.fail(event, error)
        await self._deferrals.remove(job.queue, job.call.event_id)

    async def _event(self, job: WebhookJob) -> Event:
        try:
            stored = await self._broker.js.get_msg(subjects.EVENTS, job.call.sequence, direct=True)
        except NatsNotFoundError as error:
            raise ApplicationError("the event is no longer kept", non_retryable=True) from error
        return read_event(stored.data or b"")

    def _config(self, event: Event, rule: str | None) -> WebhookConfig:
        handler = self._handler(event, rule)
        config = handler_config(handler) if handler else None
        if not isinstance(config, WebhookConfig):
            raise ApplicationError(f"the rule {rule} is gone", non_retryable=True)
        return config

    def _handler(self, event: Event, rule: str | None) -> HandlerRef | None:
        if rule is None:
            bot = self._rulebook.bot(event.platform, event.bot)
            return bot.default_handler if bot else None
        rules = self._rulebook.rules(event.platform, event.bot)
        return next((known.handler for known in rules if known.id == rule), None)
