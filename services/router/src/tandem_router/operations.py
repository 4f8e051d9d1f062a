"""What the router answers on `router.v1.<op>`."""

from tandem_common.contract.rules import HandlerRef
from tandem_common.contract.transcripts import (
    ConversationList,
    ListConversations,
    ReadTranscript,
    ReadTurn,
    RuleTestResult,
    TestRules,
    Transcript,
    Turn,
)
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock

from .repository import TranscriptRepository
from .routing.conditions import Moment
from .routing.matcher import decide
from .routing.rulebook import Rulebook

SERVICE = "router"
VERSION = "0.1.0"


class Operations:
    """Answers other services. Part of a service: `start`, `stop`."""

    def __init__(
        self, broker: Broker, rulebook: Rulebook, repository: TranscriptRepository, clock: Clock
    ) -> None:
        self._broker, self._rulebook = broker, rulebook
        self._repository, self._clock = repository, clock

    async def start(self) -> None:
        """Begin to answer."""
        await self._broker.serve(
            SERVICE,
            {
                "test_rules": (TestRules, self.test_rules),
                "conversations": (ListConversations, self.conversations),
                "transcript": (ReadTranscript, self.transcript),
                "turn": (ReadTurn, self.turn),
            },
            version=VERSION,
        )

    async def stop(self) -> None:
        """Stop with the connection."""

    async def test_rules(self, wanted: TestRules) -> RuleTestResult:
        """Say which rule would win, and why the others would not."""
        event = wanted.event
        rules = wanted.rules
        if rules is None:
            rules = self._rulebook.rules(event.platform, event.bot)
        hours = self._rulebook.business_hours(event.platform, event.bot)
        decision = decide(event, rules, Moment(self._clock.now(), hours))
        handlers = tuple(rule.handler for rule in decision.winners)
        return RuleTestResult(
            winners=tuple(rule.id for rule in decision.winners),
            handlers=handlers or (self._default(wanted),),
            verdicts=decision.verdicts,
        )

    def _default(self, wanted: TestRules) -> HandlerRef:
        if wanted.default_handler is not None:
            return wanted.default_handler
        bot = self._rulebook.bot(wanted.event.platform, wanted.event.bot)
        return bot.default_handler if bot else HandlerRef(kind="discard")

    async def conversations(self, wanted: ListConversations) -> ConversationList:
        """List conversations."""
        return await self._repository.conversations(wanted)

    async def transcript(self, wanted: ReadTranscript) -> Transcript:
        """Read a transcript."""
        return await self._repository.transcript(wanted)

    async def turn(self, wanted: ReadTurn) -> Turn:
        """Read a turn."""
        return await self._repository.turn(wanted.turn)
