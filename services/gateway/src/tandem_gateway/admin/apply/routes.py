"""HTTP for a whole declared configuration."""

from typing import Annotated, Any

import yaml
from fastapi import Query
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract.errors import InvalidInputError
from tandem_gateway.admin.door import Gateway, admin_router, answer, permit, shown
from tandem_gateway.errors import load_json, parse
from tandem_gateway.security.principals import Principal

from . import service
from .schemas import Applied, Declared

router = admin_router("apply")


def _load(request: Request, raw: bytes) -> Any:
    if "yaml" not in request.headers.get("content-type", ""):
        return load_json(raw or b"{}")
    try:
        return yaml.safe_load(raw) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The body is not valid YAML: {error}") from None


@router.post("/apply", responses=shown(Applied))
async def apply(
    request: Request,
    gateway: Gateway,
    who: Annotated[Principal, permit("apply")],
    dry_run: Annotated[bool | None, Query()] = None,
    prune: Annotated[bool | None, Query()] = None,
) -> Response:
    """Make the configuration what is declared (JSON or YAML): all or nothing.

    `dry_run` answers with the differences only; `prune` deletes what is not declared.
    """
    value = _load(request, await request.body())
    if isinstance(value, dict):
        asked = {"dry_run": dry_run, "prune": prune}
        value = {**value, **{name: flag for name, flag in asked.items() if flag is not None}}
    declared = parse(Declared, to_json(value))
    return answer(await service.apply(gateway, declared, who))
