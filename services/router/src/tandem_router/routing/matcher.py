"""The first rule that matches wins; `then: continue` lets the next one act too."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem_common.contract.base import rfc3339
from tandem_common.contract.events import Event
from tandem_common.contract.rules import Rule, matches_pattern
from tandem_common.contract.transcripts import RuleVerdict

from .conditions import CONDITIONS, Moment


@dataclass(frozen=True)
class Decision:
    """Who acts; no winner: the bot's default handler."""

    winners: tuple[Rule, ...]
    verdicts: tuple[RuleVerdict, ...]


def _specificity(rule: Rule, event_type: str) -> int | None:
    """0: named exactly, 1: `message.*`, 2: `*`; None: not this event."""
    ranks = [
        0 if pattern == event_type else 2 if pattern == "*" else 1
        for pattern in rule.events
        if matches_pattern(pattern, event_type)
    ]
    return min(ranks, default=None)


def _order(rule: Rule, event_type: str) -> tuple[int, int, str, str]:
    rank = _specificity(rule, event_type)
    age = rfc3339(rule.created_at) if rule.created_at else ""
    return -rule.priority, 3 if rank is None else rank, age, rule.id


def _objection(rule: Rule, event: Event, moment: Moment) -> str | None:
    if not rule.enabled:
        return "the rule is disabled"
    if _specificity(rule, event.type) is None:
        return f"the rule is for {', '.join(rule.events)}, not {event.type}"
    for condition in CONDITIONS:
        reason = condition(rule.when, event, moment)
        if reason is not None:
            return reason
    return None


def decide(event: Event, rules: Sequence[Rule], moment: Moment) -> Decision:
    """Say which rules act on an event, and why the others do not."""
    winners: list[Rule] = []
    verdicts: list[RuleVerdict] = []
    is_settled = False
    for rule in sorted(rules, key=lambda r: _order(r, event.type)):
        reason = _objection(rule, event, moment)
        if reason is None and is_settled:
            verdicts.append(
                RuleVerdict(rule=rule.id, matches=True, reason=f"but {winners[-1].id} comes first")
            )
            continue
        verdicts.append(
            RuleVerdict(rule=rule.id, matches=reason is None, reason=reason or "matches")
        )
        if reason is None:
            winners.append(rule)
            is_settled = rule.then == "stop"
    return Decision(tuple(winners), tuple(verdicts))
