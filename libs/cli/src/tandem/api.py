"""The gateway's HTTP API as the commands use it."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from .errors import CommandError

_OK_BELOW = 400
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
_STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=None)


class ApiError(CommandError):
    """Raised when the gateway refuses a call.

    Attributes:
        status: HTTP status.
        code: The error's stable code.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Api:
    """A session with the gateway."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._key}"}, trust_env=False
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **params: str) -> Any:
        """Read something."""
        return await self._call("GET", path, params=params)

    async def post(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Do something."""
        return await self._call("POST", path, json=body, headers=headers)

    async def delete(self, path: str) -> Any:
        """Remove something."""
        return await self._call("DELETE", path)

    async def items(self, path: str, **params: str) -> list[dict[str, Any]]:
        """Read a list with all its pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.get(path, **params)
            found += page.get("items", [])
            if not page.get("next"):
                return found
            params["cursor"] = page["next"]

    @contextlib.asynccontextmanager
    async def stream(self, path: str, body: Any = None) -> AsyncIterator[AsyncIterator[str]]:
        """Follow server-sent events; yields the data of each."""
        method = "GET" if body is None else "POST"
        async with self._open(method, path, json=body, timeout=_STREAM_TIMEOUT) as response:
            yield _events(response)

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        async with self._open(method, path, timeout=_TIMEOUT, **options) as response:
            if response.content_type != "application/json":
                return None
            return await response.json()

    @contextlib.asynccontextmanager
    async def _open(
        self, method: str, path: str, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the session is not open")
        try:
            async with self._session.request(
                method, URL(f"{self._url}{path}"), **options
            ) as response:
                await _raise_for(response)
                yield response
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise CommandError(
                f"the gateway at {self._url} does not answer: {str(error) or type(error).__name__}",
                hint="`tandem doctor` says what is running.",
            ) from error


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    async for raw in response.content:
        line = raw.decode(errors="replace").rstrip("\r\n")
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


async def _raise_for(response: aiohttp.ClientResponse) -> None:
    if response.status < _OK_BELOW:
        return
    text = await response.text()
    raise error_of(response.status, text, response.content_type)


def error_of(status: int, text: str, content_type: str) -> ApiError:
    """Return the error a response describes, as one readable line."""
    error: Any = None
    if content_type == "application/json":
        with contextlib.suppress(ValueError, AttributeError):
            error = json.loads(text).get("error")
    if not isinstance(error, dict):
        return ApiError(status, "internal", f"the gateway answered {status}")
    code = str(error.get("code") or "internal")
    where = error.get("field") or error.get("param")
    message = str(error.get("message") or f"the gateway answered {status}")
    return ApiError(status, code, f"{code}: {message}" + (f" ({where})" if where else ""))
