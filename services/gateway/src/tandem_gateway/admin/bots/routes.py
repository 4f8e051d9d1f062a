"""HTTP about bots."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from tandem_gateway.admin.door import (
    Gateway,
    admin_router,
    answer,
    expecting,
    json_body,
    no_content,
    page,
    permit,
    shown,
)
from tandem_gateway.security.principals import Principal

from . import service
from .schemas import BotCreate, BotList, BotRead, BotUpdate

router = admin_router("bots")


@router.get("/bots", responses=shown(BotList))
async def list_bots(
    gateway: Gateway,
    _: Annotated[Principal, permit("bots.read")],
    platform: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    """List bots by id."""
    items, more = await service.listed(gateway, platform, cursor, limit)
    return page(list(items), more)


@router.post("/bots", status_code=201, responses=shown(BotRead, 201))
async def create_bot(
    gateway: Gateway,
    who: Annotated[Principal, permit("bots.write")],
    body: Annotated[BotCreate, json_body(BotCreate)],
) -> Response:
    """Make a bot."""
    made = await service.create(gateway, body, who)
    return answer(made, status=201, rev=made.rev)


@router.get("/bots/{bot}", responses=shown(BotRead))
async def read_bot(
    bot: str, gateway: Gateway, _: Annotated[Principal, permit("bots.read")]
) -> Response:
    """Read a bot."""
    found = await service.read(gateway, bot)
    return answer(found, rev=found.rev)


@router.patch("/bots/{bot}", responses=shown(BotRead))
async def change_bot(
    bot: str,
    request: Request,
    gateway: Gateway,
    who: Annotated[Principal, permit("bots.write")],
    body: Annotated[BotUpdate, json_body(BotUpdate)],
) -> Response:
    """Change a bot; what is left out stays."""
    changed = await service.update(gateway, bot, body, who, expecting(request))
    return answer(changed, rev=changed.rev)


@router.delete("/bots/{bot}", status_code=204)
async def delete_bot(
    bot: str,
    request: Request,
    gateway: Gateway,
    who: Annotated[Principal, permit("bots.write")],
) -> Response:
    """Delete a bot and its rules."""
    await service.delete(gateway, bot, who, expecting(request))
    return no_content()
