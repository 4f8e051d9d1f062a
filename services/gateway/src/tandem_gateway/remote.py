"""Where a request comes from."""

from starlette.requests import HTTPConnection

from .settings import GatewaySettings


def address_of(request: HTTPConnection, settings: GatewaySettings) -> str:
    """Return the caller's address; the proxy's word counts only where it is trusted."""
    if settings.trust_proxy:
        forwarded = request.headers.get("x-forwarded-for", "")
        # The last entry was written by the proxy in front of us; earlier ones by anybody.
        nearest = forwarded.rpartition(",")[2].strip()
        if nearest:
            return nearest
    return request.client.host if request.client else "unknown"
