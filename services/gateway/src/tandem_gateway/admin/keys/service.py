"""What may be done to API keys."""

from datetime import timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import InvalidInputError, NotFoundError
from tandem_common.runtime.ids import new_id
from tandem_gateway.admin.door import audit, writing
from tandem_gateway.models import ApiKeyRow
from tandem_gateway.outbox import KEYS_REV, enqueue
from tandem_gateway.security.principals import Principal
from tandem_gateway.security.tokens import digest, new_key, shown_prefix
from tandem_gateway.state import GatewayState

from .schemas import KeyCreate, KeyMade, KeyRead


def shown_key(row: ApiKeyRow) -> KeyRead:
    """Return a key as it may be shown."""
    return KeyRead(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        scopes=tuple(row.scopes),
        models=tuple(row.models),
        expires_at=row.expires_at,
        trusted_frontend=row.trusted_frontend,
        revoked=row.revoked,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def add(
    session: AsyncSession, gateway: GatewayState, body: KeyCreate, raw: str, who: Principal
) -> ApiKeyRow:
    """Put a new key into a transaction; other gateways hear that keys changed, not which."""
    row = ApiKeyRow(
        id=new_id(),
        hash=digest(raw),
        prefix=shown_prefix(raw),
        name=body.name,
        scopes=list(dict.fromkeys(body.scopes)),
        models=list(body.models),
        expires_at=rfc3339(body.expires_at) if body.expires_at else None,
        trusted_frontend=body.trusted_frontend,
        created_at=rfc3339(gateway.clock.now()),
        created_by=who.id,
    )
    session.add(row)
    enqueue(session, KEYS_REV, new_id())
    audit(session, gateway, who, "key.created", f"key:{row.id}", name=row.name, scopes=row.scopes)
    return row


async def every(session: AsyncSession) -> list[ApiKeyRow]:
    """Return all keys, oldest first."""
    query = select(ApiKeyRow).order_by(col(ApiKeyRow.created_at))
    return list((await session.exec(query)).all())


async def reload(gateway: GatewayState) -> None:
    """Read all keys into memory again."""
    async with gateway.database.session() as session:
        gateway.keys.replace(await every(session))


async def create(gateway: GatewayState, body: KeyCreate, who: Principal) -> KeyMade:
    """Make a key."""
    soon = gateway.clock.now() + timedelta(seconds=1)
    if body.expires_at is not None and body.expires_at <= soon:
        raise InvalidInputError("expires_at: lies in the past.", field="expires_at")
    raw = new_key()
    async with writing(gateway) as session:
        row = add(session, gateway, body, raw, who)
    gateway.keys.put(row)
    return KeyMade(**shown_key(row).model_dump(), key=raw)


async def listed(gateway: GatewayState) -> list[KeyRead]:
    """Return all keys."""
    async with gateway.database.session() as session:
        return [shown_key(row) for row in await every(session)]


async def revoke(gateway: GatewayState, key: str, who: Principal) -> None:
    """Make a key open nothing any more."""
    async with writing(gateway) as session:
        row = await session.get(ApiKeyRow, key)
        if row is None:
            raise NotFoundError(f"There is no key {key!r}.")
        row.revoked = True
        session.add(row)
        enqueue(session, KEYS_REV, new_id())
        audit(session, gateway, who, "key.revoked", f"key:{row.id}", name=row.name)
    gateway.keys.put(row)
