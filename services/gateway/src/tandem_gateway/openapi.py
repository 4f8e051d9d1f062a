"""The OpenAPI document of the admin API, and a page to read it."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from .admin import ROUTERS
from .admin.door import JsonBody, Permit, answer

router = APIRouter(include_in_schema=False)
_PREFIX = "/api/v1"
_TEMPLATE = "#/components/schemas/{model}"


def bodies_of(dependant: Dependant) -> list[type[BaseModel]]:
    """Return the models of the bodies a route reads."""
    found = [dependant.call.model] if isinstance(dependant.call, JsonBody) else []
    for inner in dependant.dependencies:
        found += bodies_of(inner)
    return found


def actions_of(dependant: Dependant) -> list[str]:
    """Return the actions a route asks for."""
    found = [str(dependant.call.action)] if isinstance(dependant.call, Permit) else []
    for inner in dependant.dependencies:
        found += actions_of(inner)
    return found


def admin_routes() -> list[APIRoute]:
    """Return the routes of the admin API; their paths lack the prefix."""
    return [r for router in ROUTERS for r in router.routes if isinstance(r, APIRoute)]


def document(app: FastAPI) -> dict[str, Any]:
    """Write the document: bodies are read by our own dependency, so they are added here."""
    written = get_openapi(
        title="Tandem admin API",
        version="1",
        description="Bearer key with scope `admin` or `operator`, or a session of the console.",
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    paths = {path: what for path, what in written["paths"].items() if path.startswith(_PREFIX)}
    written["paths"] = paths
    components = written.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    written["security"] = [{"key": []}]
    for route in admin_routes():
        for method in route.methods or ():
            operation = paths.get(_PREFIX + route.path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, route, schemas)
    return written


def _complete(operation: dict[str, Any], route: APIRoute, schemas: dict[str, Any]) -> None:
    actions = actions_of(route.dependant)
    if not actions:
        operation["security"] = []
    else:
        operation["x-action"] = actions[0]
    for model in bodies_of(route.dependant):
        _, found = models_json_schema([(model, "validation")], ref_template=_TEMPLATE)
        for name, schema in found.get("$defs", {}).items():
            schemas.setdefault(name, schema)
        operation["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": _TEMPLATE.format(model=model.__name__)}}
            },
        }


@router.get("/openapi.json")
async def openapi_json(request: Request) -> Response:
    """Serve the document; it holds no secrets."""
    app = request.app
    cached = getattr(app.state, "openapi_document", None)
    if cached is None:
        cached = app.state.openapi_document = document(app)
    return answer(cached)
