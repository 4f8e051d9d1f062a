"""HTTP about what happens now, and who did what."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from tandem_gateway.admin.door import Gateway, admin_router, page, permit
from tandem_gateway.live import Item
from tandem_gateway.security.principals import Principal, still_valid
from tandem_gateway.sse import BEAT, HEARTBEAT_S, block, stream
from tandem_gateway.state import GatewayState

from . import service

router = admin_router("events")


def _wanted(types: str | None) -> tuple[str, ...]:
    return tuple(kind.strip() for kind in (types or "").split(",") if kind.strip())


def _matches(item: Item, wanted: tuple[str, ...]) -> bool:
    return not wanted or any(str(item["type"]).startswith(prefix) for prefix in wanted)


async def _feed(
    request: Request, gateway: GatewayState, who: Principal, wanted: tuple[str, ...]
) -> AsyncIterator[bytes]:
    yield block({"type": "hello", "data": {}})
    async for item in gateway.live.follow(lambda i: _matches(i, wanted), HEARTBEAT_S):
        if item is not None:
            yield block(item)
        elif await still_valid(request, who):
            yield BEAT
        else:
            return


@router.get("/events")
async def follow_events(
    request: Request,
    gateway: Gateway,
    who: Annotated[Principal, permit("events.read")],
    types: str | None = None,
) -> Response:
    """Follow what happens as server-sent events; `types` are prefixes, by comma.

    Nothing is kept: after a lost connection, and after an item of type `reset`, read lists again.
    """
    return stream(_feed(request, gateway, who, _wanted(types)))


@router.get("/audit")
async def list_audit(
    gateway: Gateway,
    _: Annotated[Principal, permit("audit.read")],
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """List who did what, newest first."""
    items, more = await service.audit_page(gateway, cursor, limit)
    return page(items, more)
