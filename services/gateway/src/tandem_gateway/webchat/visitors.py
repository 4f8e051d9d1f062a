"""Who chats: an anonymous id in a signed cookie."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from tandem_common.contract.errors import ForbiddenError
from tandem_common.contract.ids import conversation_token
from tandem_common.runtime.ids import new_id
from tandem_gateway.security.tokens import Signer
from tandem_gateway.state import GatewayState

COOKIE = "tandem_visitor"
PLATFORM = "webchat"
_YEAR_S = 365 * 86_400


def visitor_of(gateway: GatewayState, request: HTTPConnection) -> str | None:
    """Return the visitor's id, or None for somebody new."""
    signed = request.cookies.get(COOKIE)
    return _signer(gateway).open(signed) if signed else None


def new_visitor() -> str:
    """Return the id of somebody new."""
    return f"v-{new_id()}"


def visitor_name(visitor: str) -> str:
    """Return what operators call somebody who has no name: short, and the same every time."""
    return f"Visitor {visitor[-4:].upper()}"


def cookie(gateway: GatewayState, visitor: str) -> str:
    """Return the Set-Cookie header that makes a browser be this visitor."""
    response = Response()
    is_secure = gateway.settings.secure_cookies
    response.set_cookie(
        COOKIE,
        _signer(gateway).sign(visitor),
        max_age=_YEAR_S,
        path="/chat",
        httponly=True,
        secure=is_secure,
        # In a frame on somebody else's page only a partitioned third-party cookie is sent.
        samesite="none" if is_secure else "lax",
    )
    header = response.headers["set-cookie"]
    return f"{header}; Partitioned" if is_secure else header


def conversation_of(bot: str, visitor: str) -> str:
    """Return the token of a visitor's conversation: the chat's id is the visitor's."""
    return conversation_token(PLATFORM, bot, visitor)


def require_own_page(gateway: GatewayState, request: HTTPConnection) -> None:
    """Refuse what another site's page does with our visitor's cookie.

    Raises:
        ForbiddenError: The page that asks is not ours.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return
    ours = {urlsplit(gateway.settings.public_url).netloc, request.headers.get("host", "")}
    if urlsplit(origin).netloc not in ours:
        raise ForbiddenError("This page may not speak here.")


def _signer(gateway: GatewayState) -> Signer:
    return Signer(gateway.settings.secret_key.get_secret_value(), "visitor")
