"""The audit trail."""

from typing import Any

from sqlmodel import col, select

from tandem_gateway.models import AuditRow
from tandem_gateway.state import GatewayState


async def audit_page(
    gateway: GatewayState, before: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of the audit trail, newest first, and where the next begins."""
    query = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit + 1)
    if before is not None:
        query = query.where(col(AuditRow.id) < before)
    async with gateway.database.session() as session:
        rows = list((await session.exec(query)).all())
    more = rows[limit - 1].id if len(rows) > limit else None
    return [row.model_dump() for row in rows[:limit]], more
