"""The adapter process's HTTP port: health, metrics, and the platform's own sockets."""

from collections.abc import Mapping, Sequence

from aiohttp import web
from prometheus_client import generate_latest

from tandem_common.contract.errors import UnavailableError
from tandem_common.runtime.health import Check, run_checks


class HttpDoor:
    """Part of a service: `start`, `stop`."""

    def __init__(
        self,
        host: str,
        port: int,
        checks: Mapping[str, Check],
        routes: Sequence[web.AbstractRouteDef],
    ) -> None:
        self._host, self._port, self._checks = host, port, checks
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                *routes,
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)

    async def start(self) -> None:
        """Listen.

        Raises:
            UnavailableError: The port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {self._host}:{self._port}: {error.strerror}"
            ) from error

    async def stop(self) -> None:
        """Close all sockets."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _: web.Request) -> web.Response:
        is_ready, words = await run_checks(self._checks)
        body = {"status": "ready" if is_ready else "not ready", "checks": words}
        return web.json_response(body, status=200 if is_ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), content_type="text/plain")
