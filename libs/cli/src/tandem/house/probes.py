"""Whether a program is ready for its callers; a port that accepts is not enough."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from .ports import HOST

Probe = Callable[[], Awaitable[bool]]

_PATIENCE_S = 2.0


def http_ok(port: int, path: str) -> Probe:
    """Return a probe that asks a path and wants a 200."""

    async def probe() -> bool:
        try:
            return await asyncio.wait_for(_status(port, path), _PATIENCE_S) == b"200"
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

    return probe


async def _status(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        line = await reader.readuntil(b"\n")
        return line.split()[1] if line.startswith(b"HTTP/") else b""
    finally:
        writer.close()


class TemporalProbe:
    """Wants the namespace: Temporal registers it after its port opens."""

    def __init__(self, address: str, namespace: str) -> None:
        self._address, self._namespace = address, namespace
        self._client: Any = None

    async def __call__(self) -> bool:
        """Say whether workflows can be started."""
        # Loading the client takes half a second; it is spent while the server starts.
        from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest  # noqa: PLC0415
        from temporalio.client import Client  # noqa: PLC0415
        from temporalio.service import RPCError  # noqa: PLC0415

        try:
            self._client = self._client or await Client.connect(self._address, lazy=True)
            await self._client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=self._namespace),
                timeout=timedelta(seconds=_PATIENCE_S),
            )
        except (RPCError, RuntimeError, OSError):
            return False
        return True
