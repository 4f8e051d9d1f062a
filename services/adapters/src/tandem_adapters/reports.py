"""Tells what became of what was sent.

Every delivery goes to the ledger stream in batches, for transcripts: cheap, and off the way of the
next send. Failures and doubts are events of their own, stored before the conversation goes on.
"""

import asyncio
from typing import Any

from tandem_common.contract import subjects
from tandem_common.contract.errors import ErrorBody, TandemError
from tandem_common.contract.events import DeliveryFailed, DeliverySent, DeliveryUnknown, Event
from tandem_common.contract.ledger import DeliveryBatch, DeliveryRecord
from tandem_common.contract.outcomes import Outcome
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger
from tandem_common.runtime.tasks import end_all

from .base import BotSettings, Done

log = get_logger(__name__)

_EVERY_S = 0.1
_BATCH = 500


class Reports:
    """Collects and publishes. Part of a service: `start`, `stop`."""

    def __init__(self, broker: Broker, clock: Clock, platform: str) -> None:
        self._broker, self._clock, self._platform = broker, clock, platform
        self._waiting: list[DeliveryRecord] = []
        self._events: list[Event] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._run(), name="reports")

    async def stop(self) -> None:
        """Publish what is left."""
        if self._task is not None:
            await end_all([self._task])
        await self._flush()

    def sent(
        self, outcome: Outcome, sequence: int, step: int, done: Done, settings: BotSettings
    ) -> None:
        """The platform took a step."""
        self._waiting.append(_record(outcome, sequence, step, "sent", done.message_id))
        if done.reduced:
            log.info("message_reduced", bot=outcome.bot, reduced=done.reduced)
        if settings.report_sent:
            fields = self._fields(outcome, sequence, step, "sent")
            self._events.append(DeliverySent(**fields, message_id=done.message_id))

    async def failed(self, outcome: Outcome, sequence: int, step: int, error: TandemError) -> None:
        """The platform refused a step for good."""
        log.warning("delivery_failed", bot=outcome.bot, code=error.code, error=error.message)
        fields = self._fields(outcome, sequence, step, "failed")
        await self._tell(DeliveryFailed(**fields, error=error.body()))
        self._waiting.append(_record(outcome, sequence, step, "failed", None, error.body()))

    async def unknown(self, outcome: Outcome, sequence: int, step: int, error: TandemError) -> None:
        """It is open whether the platform took a step."""
        log.warning("delivery_unknown", bot=outcome.bot, error=error.message)
        fields = self._fields(outcome, sequence, step, "unknown")
        await self._tell(DeliveryUnknown(**fields, error=error.body()))
        self._waiting.append(_record(outcome, sequence, step, "unknown", None, error.body()))

    async def _tell(self, event: Event) -> None:
        await self._broker.publish_event(event)

    def _fields(self, outcome: Outcome, sequence: int, step: int, what: str) -> dict[str, Any]:
        return {
            "id": new_id(),
            "time": self._clock.now(),
            "platform": outcome.platform,
            "bot": outcome.bot,
            "dedupe_key": f"delivery:{sequence}:{step}:{what}",
            "conversation": outcome.conversation,
            "answered_turn": outcome.turn,
            "out_sequence": sequence,
            "index": step,
        }

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(_EVERY_S)
            await self._flush()

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:_BATCH]
                await self._broker.publish(
                    subjects.deliveries(self._platform),
                    DeliveryBatch(items=tuple(batch)).to_json(),
                    {
                        subjects.HEADER_MSG_ID: f"{batch[0].out_sequence}:{batch[0].index}:{new_id()}"
                    },
                )
                del self._waiting[: len(batch)]
            while self._events:
                await self._tell(self._events[0])
                del self._events[0]
        except TandemError as error:
            log.info("reports_wait", waiting=len(self._waiting), error=error.message)


def _record(
    outcome: Outcome,
    sequence: int,
    step: int,
    state: str,
    message_id: str | None,
    error: ErrorBody | None = None,
) -> DeliveryRecord:
    return DeliveryRecord.read_object(
        {
            "platform": outcome.platform,
            "bot": outcome.bot,
            "out_sequence": sequence,
            "index": step,
            "state": state,
            "message_id": message_id,
            "error": error.message if error else None,
        }
    )
