"""HTTP about a bot's rules."""

from typing import Annotated

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract.transcripts import RuleTestResult
from tandem_gateway.admin.door import (
    Gateway,
    admin_router,
    answer,
    expecting,
    json_body,
    permit,
    shown,
)
from tandem_gateway.errors import load_json, parse_as
from tandem_gateway.security.principals import Principal

from . import service
from .schemas import RulesRead, RulesTest, RulesWrite

router = admin_router("rules")
RULES_WRITE: TypeAdapter[RulesWrite] = TypeAdapter(RulesWrite)


@router.get("/bots/{bot}/rules", responses=shown(RulesRead))
async def read_rules(
    bot: str, gateway: Gateway, _: Annotated[Principal, permit("rules.read")]
) -> Response:
    """Read a bot's rules."""
    found = await service.read(gateway, bot)
    return answer(found, rev=found.rev)


@router.put(
    "/bots/{bot}/rules",
    responses=shown(RulesRead),
)
async def replace_rules(
    bot: str,
    request: Request,
    gateway: Gateway,
    who: Annotated[Principal, permit("rules.write")],
) -> Response:
    """Put a whole list in place of the old one: `{"rules": [...]}` or the bare list."""
    value = load_json(await request.body() or b"{}")
    wrapped = {"rules": value} if isinstance(value, list) else value
    body = parse_as(RULES_WRITE, wrapped)
    changed = await service.replace(gateway, bot, body.rules, who, expecting(request))
    return answer(changed, rev=changed.rev)


@router.post("/bots/{bot}/rules/test", responses=shown(RuleTestResult))
async def try_rules(
    bot: str,
    gateway: Gateway,
    _: Annotated[Principal, permit("rules.read")],
    body: Annotated[RulesTest, json_body(RulesTest)],
) -> Response:
    """Say which rule an event would meet, and why not the others."""
    return answer(await service.try_event(gateway, bot, body))
