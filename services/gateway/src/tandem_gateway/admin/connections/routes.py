"""HTTP about upstream connections."""

from typing import Annotated

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
from .schemas import (
    CheckResult,
    ConnectionCreate,
    ConnectionList,
    ConnectionRead,
    ConnectionUpdate,
    ModelList,
)

router = admin_router("connections")
Reader = Annotated[Principal, permit("connections.read")]
Writer = Annotated[Principal, permit("connections.write")]


@router.get("/connections", responses=shown(ConnectionList))
async def list_connections(gateway: Gateway, _: Reader) -> Response:
    """List connections."""
    return page(list(await service.listed(gateway)))


@router.post("/connections", status_code=201, responses=shown(ConnectionRead, 201))
async def create_connection(
    gateway: Gateway, who: Writer, body: Annotated[ConnectionCreate, json_body(ConnectionCreate)]
) -> Response:
    """Make a connection."""
    made = await service.create(gateway, body, who)
    return answer(made, status=201, rev=made.rev)


@router.get("/connections/{connection}", responses=shown(ConnectionRead))
async def read_connection(connection: str, gateway: Gateway, _: Reader) -> Response:
    """Read a connection."""
    found = await service.read(gateway, connection)
    return answer(found, rev=found.rev)


@router.patch("/connections/{connection}", responses=shown(ConnectionRead))
async def change_connection(
    connection: str,
    request: Request,
    gateway: Gateway,
    who: Writer,
    body: Annotated[ConnectionUpdate, json_body(ConnectionUpdate)],
) -> Response:
    """Change a connection; what is left out stays."""
    changed = await service.update(gateway, connection, body, who, expecting(request))
    return answer(changed, rev=changed.rev)


@router.delete("/connections/{connection}", status_code=204)
async def delete_connection(
    connection: str, request: Request, gateway: Gateway, who: Writer
) -> Response:
    """Delete a connection."""
    await service.delete(gateway, connection, who, expecting(request))
    return no_content()


@router.post("/connections/{connection}/check", responses=shown(CheckResult))
async def check_connection(connection: str, gateway: Gateway, _: Writer) -> Response:
    """Ask the provider whether it answers."""
    return answer(await service.check(gateway, connection))


@router.get("/connections/{connection}/models", responses=shown(ModelList))
async def list_models(connection: str, gateway: Gateway, _: Reader) -> Response:
    """List what the provider offers."""
    return page(list(await service.models(gateway, connection)))
