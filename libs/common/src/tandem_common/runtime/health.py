"""/healthz says the process lives, /readyz that what it needs is there, /metrics the rest."""

from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], Awaitable[str | None]]
"""Returns why a dependency cannot be used now, or None."""


async def run_checks(checks: Mapping[str, Check]) -> tuple[bool, dict[str, str]]:
    """Run all checks; return whether all passed, and a word for each."""
    results = {name: await check() for name, check in checks.items()}
    words = {name: reason or "ok" for name, reason in results.items()}
    return all(reason is None for reason in results.values()), words


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """Return the three routes every service has."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        is_ready, words = await run_checks(checks)
        body = {"status": "ready" if is_ready else "not ready", "checks": words}
        return JSONResponse(body, status_code=200 if is_ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def health_app(checks: Mapping[str, Check]) -> Starlette:
    """Return the HTTP application of a service that has no other."""
    return Starlette(routes=health_routes(checks))
