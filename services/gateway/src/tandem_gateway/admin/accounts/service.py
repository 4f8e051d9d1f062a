"""People: signing in and out, invitations, roles."""

from datetime import timedelta
from typing import cast

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
)
from tandem_common.runtime.ids import new_id
from tandem_gateway.admin.door import audit, writing
from tandem_gateway.models import AccountRow, SetupTokenRow
from tandem_gateway.security import passwords
from tandem_gateway.security.principals import (
    NewSession,
    Principal,
    close_session,
    close_sessions_of,
    open_session,
)
from tandem_gateway.security.roles import actions_of
from tandem_gateway.security.tokens import digest, new_token
from tandem_gateway.state import GatewayState

from .schemas import (
    AccountRead,
    AccountUpdate,
    AnyRole,
    Invitation,
    Me,
    NewPassword,
    SignIn,
    TokenRead,
    Welcome,
)

INVITATION_DAYS = 7


def me(principal: Principal) -> Me:
    """Say who somebody is."""
    return Me(
        id=principal.id,
        name=principal.name,
        login=principal.login,
        role=principal.role,
        actions=tuple(actions_of(principal.role)),
        csrf=principal.csrf,
    )


def shown_account(row: AccountRow) -> AccountRead:
    """Return an account as it may be shown."""
    return AccountRead(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        role=cast("AnyRole", row.role),
        disabled=row.disabled,
        created_at=row.created_at,
    )


async def _by_name(session: AsyncSession, name: str) -> AccountRow | None:
    query = select(AccountRow).where(col(AccountRow.name) == name.lower())
    return (await session.exec(query)).first()


async def sign_in(gateway: GatewayState, body: SignIn, address: str) -> NewSession:
    """Check name and password; slow for whoever guesses."""
    pair = f"{body.name.lower()} {address}"
    gateway.limiter.check(pair)
    gateway.address_limiter.check(address)
    async with gateway.database.session() as session:
        account = await _by_name(session, body.name)
    usable = account is not None and not account.disabled
    stored = account.password_hash if account is not None and usable else None
    if not await passwords.verify_password(stored, body.password) or account is None:
        gateway.limiter.failed(pair)
        gateway.address_limiter.failed(address)
        raise UnauthenticatedError("Name or password is wrong.")
    gateway.limiter.succeeded(pair)
    async with writing(gateway) as session:
        made = open_session(session, gateway, account)
        audit(session, gateway, made.principal, "session.opened", made.principal.id)
    return made


async def sign_out(gateway: GatewayState, token: str) -> None:
    """End a browser's session."""
    async with writing(gateway) as session:
        await close_session(session, token)


async def token_role(gateway: GatewayState, token: str) -> TokenRead:
    """Say what a one-time token is good for."""
    async with gateway.database.session() as session:
        row = await _usable(session, gateway, token)
    return TokenRead(role=cast("AnyRole", row.role), expires_at=row.expires_at)


async def _usable(session: AsyncSession, gateway: GatewayState, token: str) -> SetupTokenRow:
    query = select(SetupTokenRow).where(col(SetupTokenRow.token_hash) == digest(token))
    row = (await session.exec(query.with_for_update())).first()
    if row is None or row.used_at or row.expires_at <= rfc3339(gateway.clock.now()):
        raise ForbiddenError("This link has been used or has expired; ask for a new one.")
    return row


async def welcome(gateway: GatewayState, body: Welcome, address: str) -> NewSession:
    """Make an account by a one-time token, and sign it in."""
    key = f"welcome {address}"
    gateway.limiter.check(key)
    passwords.check_strength(body.password)
    hashed = await passwords.hash_password(body.password)
    try:
        async with writing(gateway) as session:
            token = await _usable(session, gateway, body.token)
            if await _by_name(session, body.name) is not None:
                raise ConflictError("This name is taken.", field="name")
            now = rfc3339(gateway.clock.now())
            token.used_at = now
            account = AccountRow(
                id=new_id(),
                name=body.name.lower(),
                display_name=body.display_name or body.name,
                role=token.role,
                password_hash=hashed,
                created_at=now,
            )
            session.add_all((token, account))
            await session.flush()
            made = open_session(session, gateway, account)
            audit(
                session,
                gateway,
                made.principal,
                "account.created",
                made.principal.id,
                role=account.role,
            )
    except ForbiddenError:
        gateway.limiter.failed(key)
        raise
    return made


async def change_password(gateway: GatewayState, body: NewPassword, who: Principal) -> NewSession:
    """Change one's own password; every other browser is signed out."""
    passwords.check_strength(body.new, "new")
    gateway.limiter.check(who.id)
    async with gateway.database.session() as session:
        account = await session.get(AccountRow, who.account)
    if account is None:
        raise ForbiddenError("An API key has no password.")
    if not await passwords.verify_password(account.password_hash, body.current):
        gateway.limiter.failed(who.id)
        raise ForbiddenError("The current password is wrong.", field="current")
    hashed = await passwords.hash_password(body.new)
    async with writing(gateway) as session:
        row = await _account(session, account.id)
        row.password_hash = hashed
        session.add(row)
        await close_sessions_of(session, row.id)
        made = open_session(session, gateway, row)
        audit(session, gateway, who, "account.password_changed", who.id)
    return made


async def _account(session: AsyncSession, ident: str) -> AccountRow:
    row = await session.get(AccountRow, ident, with_for_update=True)
    if row is None:
        raise NotFoundError(f"There is no account {ident!r}.")
    return row


async def listed(gateway: GatewayState) -> list[AccountRead]:
    """Return all people by name."""
    async with gateway.database.session() as session:
        rows = (await session.exec(select(AccountRow).order_by(col(AccountRow.name)))).all()
    return [shown_account(row) for row in rows]


async def _keep_an_owner(session: AsyncSession) -> None:
    count = (
        select(func.count())
        .select_from(AccountRow)
        .where(col(AccountRow.role) == "owner")
        .where(col(AccountRow.disabled).is_(False))
    )
    if not (await session.exec(count)).one():
        raise ConflictError("This is the last owner; make somebody else owner first.")


async def update(
    gateway: GatewayState, ident: str, body: AccountUpdate, who: Principal
) -> AccountRead:
    """Change a person's name, role or access; their sessions end with it."""
    async with writing(gateway) as session:
        row = await _account(session, ident)
        changes = body.model_dump(exclude_none=True)
        for name, value in changes.items():
            setattr(row, name, value)
        session.add(row)
        await session.flush()
        await _keep_an_owner(session)
        if body.disabled:
            await close_sessions_of(session, ident)
        audit(session, gateway, who, "account.changed", f"account:{ident}", **changes)
    return shown_account(row)


async def delete(gateway: GatewayState, ident: str, who: Principal) -> None:
    """Remove a person."""
    async with writing(gateway) as session:
        row = await _account(session, ident)
        await close_sessions_of(session, ident)
        await session.delete(row)
        await session.flush()
        await _keep_an_owner(session)
        audit(session, gateway, who, "account.deleted", f"account:{ident}", name=row.name)


def add_token(
    session: AsyncSession, gateway: GatewayState, raw: str, role: AnyRole
) -> SetupTokenRow:
    """Put a one-time token into a transaction."""
    now = gateway.clock.now()
    row = SetupTokenRow(
        token_hash=digest(raw),
        role=role,
        created_at=rfc3339(now),
        expires_at=rfc3339(now + timedelta(days=INVITATION_DAYS)),
    )
    session.add(row)
    return row


async def invite(gateway: GatewayState, role: AnyRole, who: Principal) -> Invitation:
    """Make a one-time link for somebody."""
    raw = new_token()
    async with writing(gateway) as session:
        row = add_token(session, gateway, raw, role)
        audit(session, gateway, who, "account.invited", "account", role=role)
    base = gateway.settings.public_url.rstrip("/")
    url = f"{base}/console/welcome?token={raw}"
    return Invitation(role=role, url=url, expires_at=row.expires_at)
