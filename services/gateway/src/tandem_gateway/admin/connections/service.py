"""What may be done to a connection."""

from typing import Any

from pydantic_core import from_json
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract import subjects
from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import (
    ConflictError,
    NotFoundError,
    TandemError,
    UpstreamError,
)
from tandem_common.runtime.http import Answer
from tandem_gateway.admin.door import Expect, audit, writing
from tandem_gateway.masking import MASK, unmask
from tandem_gateway.models import ConnectionRow
from tandem_gateway.outbox import enqueue
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

from . import repository
from .schemas import CheckResult, ConnectionCreate, ConnectionRead, ConnectionUpdate

_CHECK_S = 10.0
_CAP_BYTES = 4 << 20
_OK = 200


def unknown_connection(connection: str) -> NotFoundError:
    """The answer for an id nobody has."""
    return NotFoundError(f"There is no connection {connection!r}.")


def shown_connection(row: ConnectionRow) -> ConnectionRead:
    """Return a connection as it may be shown."""
    return ConnectionRead(
        id=row.id,
        kind=row.kind,
        base_url=row.base_url,
        api_key=MASK if row.api_key else "",
        prefix=row.prefix,
        models=tuple(row.models),
        tags=tuple(row.tags),
        enabled=row.enabled,
        rev=row.rev,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def add(
    session: AsyncSession, gateway: GatewayState, body: ConnectionCreate, who: Principal
) -> ConnectionRow:
    """Put a new connection into a transaction."""
    now = rfc3339(gateway.clock.now())
    given = unmask({"api_key": body.api_key}, {}, "connection")
    row = ConnectionRow(
        id=body.id,
        kind=body.kind,
        base_url=body.base_url.rstrip("/"),
        api_key=gateway.sealer.seal(given["api_key"]),
        prefix=body.prefix,
        models=list(body.models),
        tags=list(body.tags),
        enabled=body.enabled,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    enqueue(session, subjects.connection_key(row.id), repository.config_of(row))
    audit(session, gateway, who, "connection.created", f"connection:{row.id}")
    return row


def change(
    session: AsyncSession,
    gateway: GatewayState,
    row: ConnectionRow,
    body: ConnectionUpdate,
    who: Principal,
) -> bool:
    """Put a change of a connection into a transaction; return whether it changes anything."""
    before = repository.config_of(row)
    given = body.model_dump(mode="json", exclude_none=True)
    if "api_key" in given:
        key = unmask({"api_key": given["api_key"]}, {"api_key": row.api_key}, "connection")
        same = gateway.sealer.open(key["api_key"]) == gateway.sealer.open(row.api_key)
        given["api_key"] = row.api_key if same else gateway.sealer.seal(key["api_key"])
    if "base_url" in given:
        given["base_url"] = given["base_url"].rstrip("/")
    for name, value in given.items():
        setattr(row, name, value)
    if repository.config_of(row) == before:
        return False
    row.rev += 1
    row.updated_at = rfc3339(gateway.clock.now())
    session.add(row)
    enqueue(session, subjects.connection_key(row.id), repository.config_of(row))
    audit(session, gateway, who, "connection.changed", f"connection:{row.id}", fields=sorted(given))
    return True


async def remove(
    session: AsyncSession, gateway: GatewayState, row: ConnectionRow, who: Principal
) -> None:
    """Put the end of a connection into a transaction."""
    await session.delete(row)
    enqueue(session, subjects.connection_key(row.id), None)
    audit(session, gateway, who, "connection.deleted", f"connection:{row.id}")


async def create(gateway: GatewayState, body: ConnectionCreate, who: Principal) -> ConnectionRead:
    """Make a connection."""
    async with writing(gateway) as session:
        if await repository.find(session, body.id) is not None:
            raise ConflictError(f"There is a connection {body.id!r} already.", field="id")
        row = add(session, gateway, body, who)
    gateway.config.put_connection(row.id, repository.config_of(row))
    return shown_connection(row)


async def update(
    gateway: GatewayState, connection: str, body: ConnectionUpdate, who: Principal, expect: Expect
) -> ConnectionRead:
    """Change a connection."""
    async with writing(gateway) as session:
        row = await repository.find(session, connection, lock=True)
        if row is None:
            raise unknown_connection(connection)
        expect(row.rev)
        change(session, gateway, row, body, who)
    gateway.config.put_connection(row.id, repository.config_of(row))
    return shown_connection(row)


async def delete(gateway: GatewayState, connection: str, who: Principal, expect: Expect) -> None:
    """End a connection."""
    async with writing(gateway) as session:
        row = await repository.find(session, connection, lock=True)
        if row is None:
            raise unknown_connection(connection)
        expect(row.rev)
        await remove(session, gateway, row, who)
    gateway.config.put_connection(connection, None)


async def listed(gateway: GatewayState) -> list[ConnectionRead]:
    """Return all connections."""
    async with gateway.database.session() as session:
        return [shown_connection(row) for row in await repository.every(session)]


async def read(gateway: GatewayState, connection: str) -> ConnectionRead:
    """Return one connection."""
    return shown_connection(await _row(gateway, connection))


async def _row(gateway: GatewayState, connection: str) -> ConnectionRow:
    async with gateway.database.session() as session:
        row = await repository.find(session, connection)
    if row is None:
        raise unknown_connection(connection)
    return row


async def _ask(gateway: GatewayState, row: ConnectionRow) -> Answer:
    key = gateway.sealer.open(row.api_key)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return await gateway.http.fetch(
        "GET", f"{row.base_url}/models", headers=headers, timeout_s=_CHECK_S, cap_bytes=_CAP_BYTES
    )


def _names(answer: Answer) -> list[str]:
    try:
        body: Any = from_json(answer.body)
        return sorted(str(model["id"]) for model in body["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise UpstreamError("The provider's list of models cannot be read.") from error


async def check(gateway: GatewayState, connection: str) -> CheckResult:
    """Ask a provider for its models and say how it went."""
    row = await _row(gateway, connection)
    began = gateway.clock.monotonic()
    try:
        answer = await _ask(gateway, row)
        took = round((gateway.clock.monotonic() - began) * 1000, 1)
        if answer.status != _OK:
            sentence = f"The provider answered with status {answer.status}."
            return CheckResult(
                ok=False,
                status=answer.status,
                latency_ms=took,
                error={"code": "upstream_error", "message": sentence},
            )
        return CheckResult(
            ok=True, status=answer.status, latency_ms=took, models=len(_names(answer))
        )
    except TandemError as error:
        return CheckResult(ok=False, error={"code": error.code, "message": error.message})


async def models(gateway: GatewayState, connection: str) -> list[str]:
    """Return what a provider offers."""
    answer = await _ask(gateway, await _row(gateway, connection))
    if answer.status != _OK:
        raise UpstreamError(f"The provider answered with status {answer.status}.")
    return _names(answer)
