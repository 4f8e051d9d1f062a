"""The queries about connections."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.config import ConnectionConfig
from tandem_gateway.models import ConnectionRow


async def find(
    session: AsyncSession, connection: str, *, lock: bool = False
) -> ConnectionRow | None:
    """Return a connection."""
    query = select(ConnectionRow).where(col(ConnectionRow.id) == connection)
    if lock:
        query = query.with_for_update()
    return (await session.exec(query)).first()


async def every(session: AsyncSession) -> list[ConnectionRow]:
    """Return all connections by id."""
    return list((await session.exec(select(ConnectionRow).order_by(col(ConnectionRow.id)))).all())


def config_of(row: ConnectionRow) -> ConnectionConfig:
    """Return a connection as the services need it."""
    return ConnectionConfig(
        id=row.id,
        kind=row.kind,
        base_url=row.base_url,
        api_key=row.api_key,
        prefix=row.prefix,
        models=tuple(row.models),
        tags=tuple(row.tags),
        enabled=row.enabled,
        rev=row.rev,
    )
