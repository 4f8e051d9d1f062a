"""A service's HTTP port as a part of it."""

import asyncio
import contextlib
from typing import Any

import uvicorn

from tandem_common.contract.errors import UnavailableError


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the service decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class HttpServer:
    """Serves an ASGI application. Part of a service: `start`, `stop`."""

    def __init__(
        self, app: Any, host: str, port: int, *, grace_s: int = 5, backlog: int = 2048
    ) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=grace_s,
                backlog=backlog,
                ws_max_size=1 << 20,
                server_header=False,
                timeout_keep_alive=75,
            )
        )
        self._where = f"{host}:{port}"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            UnavailableError: The port is taken.
        """
        self._task = asyncio.create_task(self._serve(), name=f"http {self._where}")
        while not self._server.started:
            if self._task.done():
                raise UnavailableError(f"cannot listen on {self._where}: is the port taken?")
            await asyncio.sleep(0.005)

    async def _serve(self) -> None:
        with contextlib.suppress(SystemExit):
            await self._server.serve()

    async def stop(self) -> None:
        """Stop listening and let running requests end."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
