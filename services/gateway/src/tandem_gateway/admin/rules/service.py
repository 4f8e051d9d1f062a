"""What may be done to a bot's rules: they are read and written as one list."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract import subjects
from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import InvalidInputError
from tandem_common.contract.events import EVENT_ADAPTER
from tandem_common.contract.rules import Rule
from tandem_common.contract.transcripts import RuleTestResult, TestRules
from tandem_gateway.admin.bots import repository
from tandem_gateway.admin.bots.service import unknown_bot
from tandem_gateway.admin.door import Expect, ask, audit, writing
from tandem_gateway.admin.handlers import shown_handler, stored_handler
from tandem_gateway.errors import parse_as
from tandem_gateway.masking import unseal
from tandem_gateway.models import BotRow, RulesRow
from tandem_gateway.outbox import enqueue
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

from .schemas import RulesRead, RulesTest

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def _refuse(field: str, sentence: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {sentence}", field=field)


def _read(bot: str, value: Any, before: Rule | None, now: str, at: str) -> Rule:
    if not isinstance(value, dict):
        raise _refuse(at, "must be an object.")
    if value.get("bot", bot) != bot:
        raise _refuse(f"{at}.bot", f"must be {bot!r} or left out.")
    created = rfc3339(before.created_at) if before and before.created_at else now
    filled = {**value, "bot": bot, "created_at": value.get("created_at") or created}
    return parse_as(_RULE, filled, at)


def checked_rules(
    gateway: GatewayState, bot: str, given: Sequence[Any], before: Sequence[Rule]
) -> list[Rule]:
    """Check a list of rules and return it as it is stored.

    Raises:
        InvalidInputError: `field` names the place, as `rules[1].when.text.regex`.
    """
    old = {rule.id: rule for rule in before}
    now = rfc3339(gateway.clock.now())
    seen: set[str] = set()
    rules: list[Rule] = []
    for index, value in enumerate(given):
        at = f"rules[{index}]"
        known = old.get(str(value.get("id"))) if isinstance(value, dict) else None
        rule = _read(bot, value, known, now, at)
        if rule.id in seen:
            raise _refuse(f"{at}.id", f"another rule is called {rule.id!r} already.")
        seen.add(rule.id)
        handler = stored_handler(
            rule.handler, known.handler if known else None, gateway.sealer, f"{at}.handler"
        )
        rules.append(rule.model_copy(update={"handler": handler}))
    return rules


def put(
    session: AsyncSession,
    gateway: GatewayState,
    bot: BotRow,
    row: RulesRow | None,
    given: Sequence[Any],
    who: Principal,
) -> RulesRow:
    """Put a bot's new rules into a transaction."""
    before = repository.rules_config(row).rules if row else ()
    dumped = [r.model_dump(mode="json") for r in checked_rules(gateway, bot.id, given, before)]
    now = rfc3339(gateway.clock.now())
    if row is None:
        row = RulesRow(bot=bot.id, rules=dumped, rev=1, updated_at=now)
    elif _opened(gateway, row.rules) == _opened(gateway, dumped):
        return row
    else:
        row.rules, row.rev, row.updated_at = dumped, row.rev + 1, now
    session.add(row)
    enqueue(session, subjects.rules_key(bot.platform, bot.id), repository.rules_config(row))
    audit(session, gateway, who, "rules.changed", f"bot:{bot.id}", count=len(dumped), rev=row.rev)
    return row


def _opened(gateway: GatewayState, rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [unseal(rule, gateway.sealer) for rule in rules]


def shown_rules(row: RulesRow | None, bot: str) -> RulesRead:
    """Return rules as they may be shown."""
    rules = repository.rules_config(row).rules if row else ()
    masked = tuple(r.model_copy(update={"handler": shown_handler(r.handler)}) for r in rules)
    return RulesRead(bot=bot, rules=masked, rev=row.rev if row else 0)


async def read(gateway: GatewayState, bot: str) -> RulesRead:
    """Return a bot's rules."""
    async with gateway.database.session() as session:
        if await repository.find(session, bot) is None:
            raise unknown_bot(bot)
        return shown_rules(await repository.rules_of(session, bot), bot)


async def replace(
    gateway: GatewayState, bot: str, given: Sequence[Any], who: Principal, expect: Expect
) -> RulesRead:
    """Put the whole list in place of the old one."""
    async with writing(gateway) as session:
        owner = await repository.find(session, bot, lock=True)
        if owner is None:
            raise unknown_bot(bot)
        row = await repository.rules_of(session, bot)
        expect(row.rev if row else 0)
        row = put(session, gateway, owner, row, given, who)
    gateway.config.put_rules(bot, repository.rules_config(row))
    return shown_rules(row, bot)


async def try_event(gateway: GatewayState, bot: str, body: RulesTest) -> RuleTestResult:
    """Ask the router which rule would win, and why the others would not."""
    async with gateway.database.session() as session:
        owner = await repository.find(session, bot)
        if owner is None:
            raise unknown_bot(bot)
        row = await repository.rules_of(session, bot)
    own = list(repository.rules_config(row).rules) if row else []
    rules = own if body.rules is None else checked_rules(gateway, bot, body.rules, own)
    event = parse_as(EVENT_ADAPTER, {**body.event, "bot": bot, "platform": owner.platform}, "event")
    request = TestRules(
        event=event, rules=tuple(rules), default_handler=repository.handler_of(owner)
    )
    result = await ask(gateway, "router", "test_rules", request, RuleTestResult)
    return result.model_copy(
        update={"handlers": tuple(shown_handler(handler) for handler in result.handlers)}
    )
