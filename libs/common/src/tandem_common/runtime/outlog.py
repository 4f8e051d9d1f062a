"""Outcomes: one message per event on the conversation's `out` subject, stored exactly once.

Every message on an `out` subject carries the highest event sequence of its conversation whose
outcome is stored. The router commits an event's outcome only beyond that mark and only after the
subject's last message it has seen, so a second writer (a late owner, a redelivery) is refused by
the server. What comes later of its own accord (a person's words) is appended, carrying the mark on.
"""

from collections import OrderedDict
from dataclasses import dataclass

from nats.js.errors import APIError, BadRequestError

from tandem_common.contract import subjects
from tandem_common.contract.entities import token_of
from tandem_common.contract.errors import UnavailableError
from tandem_common.contract.outcomes import Outcome

from . import tracing
from .broker import CONNECTION_ERRORS, Broker, Stored, is_conflict

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a conversation's `out` subject stands."""

    last: int
    """Stream sequence of its last message; 0: none."""
    source: int
    """Highest event sequence whose outcome is stored."""


def subject_of(outcome: Outcome) -> str:
    """Return where an outcome belongs."""
    token = token_of(outcome.platform, outcome.bot, outcome.conversation)
    return subjects.out(outcome.platform, outcome.bot, token)


class OutLog:
    """Writes outcomes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._marks: OrderedDict[str, Mark] = OrderedDict()

    async def commit(self, outcome: Outcome, source: int) -> bool:
        """Store the outcome of the event at stream sequence `source`.

        Returns:
            True if this call stored it; False if an outcome of that event was stored before.

        Raises:
            UnavailableError: Not known to be stored; repeating is safe.
        """
        subject, stream = subject_of(outcome), subjects.out_stream(outcome.platform)
        body = outcome.to_json()
        while True:
            mark = self._marks.get(subject) or await self.mark(stream, subject)
            if source <= mark.source:
                return False
            if await self._put(subject, body, mark, source, None):
                return True

    async def append(self, outcome: Outcome, message_id: str) -> int:
        """Store an outcome that answers no event directly, once per `message_id` (24 hours).

        Returns:
            Its stream sequence.
        """
        subject, stream = subject_of(outcome), subjects.out_stream(outcome.platform)
        body = outcome.to_json()
        while True:
            mark = await self.mark(stream, subject)
            if await self._put(subject, body, mark, mark.source, message_id):
                return self._marks[subject].last

    async def known_mark(self, stream: str, subject: str) -> Mark:
        """Return where a subject stood when this process last saw it; reads it the first time."""
        return self._marks.get(subject) or await self.mark(stream, subject)

    async def outcome_of(self, stream: str, subject: str, event_id: str) -> Outcome | None:
        """Return the stored outcome of an event, newest first, if it is still kept."""
        for stored in reversed(await self._broker.read_subject(stream, subject)):
            outcome = Outcome.read(stored.data)
            if outcome.source_event == event_id:
                return outcome
        return None

    async def mark(self, stream: str, subject: str) -> Mark:
        """Read where a subject stands."""
        try:
            stored = await self._broker.last(stream, subject)
        except CONNECTION_ERRORS as error:
            raise UnavailableError(f"NATS is away: {error!r}") from error
        except APIError as error:
            raise UnavailableError(f"{stream} cannot be read: {error}") from error
        return self._remember(subject, _mark_of(stored))

    async def _put(
        self, subject: str, body: bytes, mark: Mark, source: int, message_id: str | None
    ) -> bool:
        headers = {
            **tracing.outgoing_headers(),
            subjects.HEADER_TYPE: "outcome",
            subjects.HEADER_VERSION: subjects.CONTRACT_VERSION,
            subjects.HEADER_SOURCE_SEQUENCE: str(source),
            subjects.HEADER_EXPECTED: str(mark.last),
        }
        if message_id:
            headers[subjects.HEADER_MSG_ID] = message_id
        try:
            ack = await self._broker.js.publish(subject, body, headers=headers)
        except BadRequestError as error:
            self._marks.pop(subject, None)
            if not is_conflict(error):
                raise
            return False
        except (*CONNECTION_ERRORS, APIError) as error:
            self._marks.pop(subject, None)
            raise UnavailableError(f"NATS did not store {subject}: {error!r}") from error
        self._remember(subject, Mark(ack.seq, source))
        if ack.duplicate:
            self._marks.pop(subject, None)
            self._marks[subject] = Mark(ack.seq, source)
        return True

    def _remember(self, subject: str, mark: Mark) -> Mark:
        self._marks[subject] = mark
        self._marks.move_to_end(subject)
        if len(self._marks) > _REMEMBERED:
            self._marks.popitem(last=False)
        return mark


def _mark_of(stored: Stored | None) -> Mark:
    if stored is None:
        return Mark(0, 0)
    return Mark(stored.sequence, int(stored.headers.get(subjects.HEADER_SOURCE_SEQUENCE, "0")))
