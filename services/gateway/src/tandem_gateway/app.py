"""The application: routers and middleware, no logic."""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tandem_common.contract.errors import InvalidInputError, TandemError
from tandem_common.runtime.health import Check, health_routes

from . import openapi
from .admin import ROUTERS
from .console.routes import router as console
from .errors import CODE_OF_STATUS, error_body, error_response, join_path
from .hooks.routes import router as hooks
from .middleware import BodyLimit, LastResort, RequestId
from .openai.door import OpenAIDoor
from .settings import GatewaySettings
from .state import GatewayState
from .webchat.routes import router as webchat

API = "/api/v1"
_UPLOAD_FRAMING = 64 * 1024


def create_app(gateway: GatewayState, checks: Mapping[str, Check]) -> FastAPI:
    """Build the application around what `service.wire` made."""
    app = FastAPI(title="Tandem", docs_url=None, redoc_url=None, openapi_url=None)
    gateway.attach(app.state)
    app.router.routes.extend(health_routes(checks))
    for router in ROUTERS:
        app.include_router(router, prefix=API)
    app.include_router(openapi.router, prefix=API)
    app.include_router(hooks)
    app.include_router(webchat)
    app.include_router(console)
    app.add_api_route("/", _home, include_in_schema=False)
    app.add_exception_handler(TandemError, _refused)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(HTTPException, _http)
    _wrap(app, gateway)
    return app


def _wrap(app: FastAPI, gateway: GatewayState) -> None:
    """Add middleware; the last added is the outermost."""
    settings = gateway.settings
    app.add_middleware(BodyLimit, limit_of=_limits(settings))
    app.add_middleware(LastResort)
    app.add_middleware(RequestId)
    # Before everything the other doors need: nothing else stands on its way.
    app.add_middleware(
        OpenAIDoor, gateway=gateway, upstreams=gateway.upstreams, names=gateway.upstream_names
    )
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "X-Request-Id"],
        )


def _limits(settings: GatewaySettings) -> "_Limits":
    return _Limits(settings)


class _Limits:
    """The largest body a path takes."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._by_prefix = (
            ("/hooks/", settings.hook_body_bytes),
            ("/chat/", settings.upload_bytes + _UPLOAD_FRAMING),
        )
        self._otherwise = settings.admin_body_bytes

    def __call__(self, path: str) -> int:
        """Return it in bytes."""
        return next(
            (limit for prefix, limit in self._by_prefix if path.startswith(prefix)),
            self._otherwise,
        )


async def _home(_: Request) -> Response:
    return RedirectResponse("/console/")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, TandemError)  # noqa: S101 - Starlette's signature is wider
    return error_response(error)


async def _wrong(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    first = error.errors()[0]
    # Queries and paths are flat; further steps name members of unions, not fields.
    field = join_path(first["loc"][1:2])
    return error_response(InvalidInputError(f"{field}: {first['msg']}.", field=field or None))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    code = CODE_OF_STATUS.get(error.status_code, "internal")
    sentences = {404: "There is nothing at this address.", 405: "This method is not for here."}
    message = sentences.get(error.status_code, str(error.detail))
    return JSONResponse(
        error_body(code, message), status_code=error.status_code, headers=error.headers
    )
