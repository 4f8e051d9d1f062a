"""Who asks: a signed-in person or an API key."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import HTTPConnection

from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import ForbiddenError, UnauthenticatedError
from tandem_common.contract.relay import Operator
from tandem_gateway.models import AccountRow, SessionRow
from tandem_gateway.state import GatewayState, gateway_of

from .roles import Action, Role, may
from .tokens import digest, new_token, same

COOKIE = "tandem_session"
CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Principal:
    """Somebody who proved who they are."""

    id: str
    name: str
    role: Role | None
    account: str = ""
    """The account's id; empty for a key."""
    login: str = ""
    csrf: str = ""

    def require(self, action: Action) -> None:
        """Let pass what the role allows.

        Raises:
            ForbiddenError: It does not.
        """
        if not may(self.role, action):
            raise ForbiddenError(
                f"{self.name} may not do this: {action}.", details={"action": action}
            )

    @property
    def operator(self) -> Operator:
        """How the relay knows this person."""
        return Operator(id=self.id, name=self.name)


@dataclass(frozen=True)
class NewSession:
    """A fresh sign-in: the token goes into the cookie and is not kept."""

    token: str
    principal: Principal


def person(account: AccountRow, csrf: str) -> Principal:
    """Return the principal of a signed-in account."""
    return Principal(
        id=f"account:{account.id}",
        name=account.display_name,
        role=cast("Role", account.role),
        account=account.id,
        login=account.name,
        csrf=csrf,
    )


def open_session(session: AsyncSession, gateway: GatewayState, account: AccountRow) -> NewSession:
    """Sign an account in."""
    token, csrf, now = new_token(), new_token(), gateway.clock.now()
    session.add(
        SessionRow(
            token_hash=digest(token),
            account_id=account.id,
            csrf=csrf,
            created_at=rfc3339(now),
            expires_at=rfc3339(now + timedelta(hours=gateway.settings.session_hours)),
        )
    )
    return NewSession(token, person(account, csrf))


async def close_session(session: AsyncSession, token: str) -> None:
    """Sign one browser out."""
    await session.exec(delete(SessionRow).where(col(SessionRow.token_hash) == digest(token)))


async def close_sessions_of(session: AsyncSession, account: str) -> None:
    """Sign an account out everywhere."""
    await session.exec(delete(SessionRow).where(col(SessionRow.account_id) == account))


async def authenticate(request: HTTPConnection) -> Principal:
    """Say who asks; remembered for the rest of the request.

    Raises:
        UnauthenticatedError: Nobody known.
        ForbiddenError: A signed-in browser without the CSRF token.
    """
    known = getattr(request.state, "principal", None)
    if isinstance(known, Principal):
        return known
    gateway = gateway_of(request.app)
    header = request.headers.get("authorization", "")
    principal = _by_key(gateway, header) if header else await _by_cookie(gateway, request)
    request.state.principal = principal
    return principal


def _by_key(gateway: GatewayState, header: str) -> Principal:
    scheme, _, raw = header.partition(" ")
    key = gateway.keys.lookup(raw.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise UnauthenticatedError("This API key is not valid.")
    return Principal(id=f"key:{key.id}", name=key.name, role=key.role)


async def _by_cookie(gateway: GatewayState, request: HTTPConnection) -> Principal:
    token = request.cookies.get(COOKIE)
    if not token:
        raise UnauthenticatedError("Sign in, or send an API key as a bearer token.")
    principal = await find_session(gateway, token)
    if principal is None:
        raise UnauthenticatedError("The session has ended; sign in again.")
    method = request.scope.get("method", "GET")
    if method not in _SAFE and not same(request.headers.get(CSRF_HEADER, ""), principal.csrf):
        raise ForbiddenError(f"The header {CSRF_HEADER} is missing or wrong.")
    return principal


async def find_session(gateway: GatewayState, token: str) -> Principal | None:
    """Return who a session token belongs to, as long as it lasts."""
    query = (
        select(SessionRow, AccountRow)
        .join(AccountRow, col(AccountRow.id) == col(SessionRow.account_id))
        .where(col(SessionRow.token_hash) == digest(token))
    )
    async with gateway.database.session() as session:
        found = (await session.exec(query)).first()
    if found is None:
        return None
    row, account = found
    if account.disabled or row.expires_at <= rfc3339(gateway.clock.now()):
        return None
    return person(account, row.csrf)


async def still_valid(request: HTTPConnection, principal: Principal) -> bool:
    """Say whether a long-lived connection may go on: asked at every heartbeat."""
    request.state.principal = None
    try:
        fresh = await authenticate(request)
    except (UnauthenticatedError, ForbiddenError):
        return False
    return replace(fresh, csrf="") == replace(principal, csrf="")
