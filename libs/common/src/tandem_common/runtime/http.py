"""The one way out: an HTTP client that does not let itself be sent to places inside.

Addresses are checked after resolution, in the connector, so that neither a name that resolves to
a private address nor a redirect to one gets through; the checked address is the one connected to.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tandem_common.contract.errors import (
    ForbiddenError,
    InvalidInputError,
    TimeLimitError,
    TooLargeError,
    UpstreamError,
)

USER_AGENT = "tandem/0.1"
_MAX_REDIRECTS = 5
_DEFAULT_CAP_BYTES = 20 * 1024 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the public internet (IANA's special registries)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


class _GuardedResolver(AbstractResolver):
    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if is_public(result["host"])]
        if not allowed:
            raise _BlockedError(host)
        return allowed

    async def close(self) -> None:
        await self._inner.close()


class _BlockedError(OSError):
    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not a public address")
        self.host = host


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class GuardedClient:
    """Fetches what users name. Part of a service: `start`, `stop`."""

    def __init__(self, *, allow_private: bool = False, timeout_s: float = 15.0) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool."""
        resolver = None if self._allow_private else _GuardedResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, limit=200, ttl_dns_cache=10),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=5),
            headers={"User-Agent": USER_AGENT},
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
        cap_bytes: int = _DEFAULT_CAP_BYTES,
    ) -> Answer:
        """Make one request and read the whole answer.

        Raises:
            ForbiddenError: The address is private, link-local or otherwise not public.
            TooLargeError: The answer is longer than `cap_bytes`.
            TimeLimitError: It took too long; it may have been received.
            UpstreamError: Not reachable or broken off.
        """
        async with self.stream(
            method, url, headers=headers, body=body, timeout_s=timeout_s
        ) as response:
            data = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                data += chunk
                if len(data) > cap_bytes:
                    raise TooLargeError(f"{_shown(url)} answered with over {cap_bytes} bytes")
            return Answer(
                response.status,
                {k.lower(): v for k, v in response.headers.items()},
                bytes(data),
                str(response.url),
            )

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make one request and leave the reading to the caller; raises like `fetch`."""
        self.check(url)
        options: dict[str, Any] = {"headers": dict(headers or {}), "data": body}
        if timeout_s is not None:
            options["timeout"] = aiohttp.ClientTimeout(total=timeout_s, connect=min(5, timeout_s))
        try:
            async with await self._follow(method, url, options) as response:
                yield response
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _BlockedError):
                raise ForbiddenError(_blocked(url)) from error
            raise UpstreamError(f"{_shown(url)} cannot be reached: {error.os_error}") from error
        except TimeoutError as error:
            raise TimeLimitError(f"{_shown(url)} did not answer in time") from error
        except aiohttp.ClientError as error:
            raise UpstreamError(f"{_shown(url)} failed: {error}") from error

    async def _follow(
        self, method: str, url: str, options: dict[str, Any]
    ) -> aiohttp.ClientResponse:
        """Follow redirects by hand: each target is checked, and secrets stay with their host."""
        if self._session is None:
            raise UpstreamError("the HTTP client is not started")
        origin = URL(url).origin()
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._session.request(method, url, allow_redirects=False, **options)
            if response.status not in (301, 302, 303, 307, 308) or method != "GET":
                return response
            location = response.headers.get("Location", "")
            response.release()
            url = str(URL(url).join(URL(location)))
            self.check(url)
            if URL(url).origin() != origin:
                options["headers"] = {}
        raise UpstreamError(f"{_shown(url)} redirects too often")

    def check(self, url: str) -> None:
        """Refuse what can be refused before any name is resolved.

        Raises:
            InvalidInputError: Not an http(s) URL.
            ForbiddenError: The host is a literal address that is not public.
        """
        try:
            parsed = URL(url)
        except ValueError as error:
            raise InvalidInputError(f"not a URL: {url[:200]!r}") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise InvalidInputError(f"only http and https URLs can be fetched, not {url[:200]!r}")
        if self._allow_private:
            return
        try:
            literal = is_public(parsed.host)
        except ValueError:
            return  # a name: checked when it is resolved
        if not literal:
            raise ForbiddenError(_blocked(url))


def _shown(url: str) -> str:
    """Name a URL without what may be secret in it."""
    parsed = URL(url)
    return f"{parsed.scheme}://{parsed.host}{parsed.path}"


def _blocked(url: str) -> str:
    return (
        f"{_shown(url)} is not a public address; "
        "set TANDEM_ALLOW_PRIVATE_URLS=true to reach hosts inside"
    )
