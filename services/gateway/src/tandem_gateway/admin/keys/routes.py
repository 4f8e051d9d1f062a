"""HTTP about API keys."""

from typing import Annotated

from starlette.responses import Response

from tandem_gateway.admin.door import (
    Gateway,
    admin_router,
    answer,
    json_body,
    no_content,
    page,
    permit,
    shown,
)
from tandem_gateway.security.principals import Principal

from . import service
from .schemas import KeyCreate, KeyList, KeyMade

router = admin_router("keys")


@router.get("/keys", responses=shown(KeyList))
async def list_keys(gateway: Gateway, _: Annotated[Principal, permit("keys.read")]) -> Response:
    """List keys, without the keys."""
    return page(list(await service.listed(gateway)))


@router.post("/keys", status_code=201, responses=shown(KeyMade, 201))
async def create_key(
    gateway: Gateway,
    who: Annotated[Principal, permit("keys.write")],
    body: Annotated[KeyCreate, json_body(KeyCreate)],
) -> Response:
    """Make a key; it is shown this once."""
    return answer(await service.create(gateway, body, who), status=201)


@router.delete("/keys/{key}", status_code=204)
async def revoke_key(
    key: str, gateway: Gateway, who: Annotated[Principal, permit("keys.write")]
) -> Response:
    """Revoke a key."""
    await service.revoke(gateway, key, who)
    return no_content()
