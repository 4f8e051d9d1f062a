"""A POST with an Idempotency-Key happens once; repeats get the first answer again."""

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import ConflictError, InvalidInputError
from tandem_gateway.models import IdempotencyRow
from tandem_gateway.security.tokens import digest
from tandem_gateway.state import GatewayState

HEADER = "idempotency-key"
REPLAYED = "Idempotent-Replayed"
KEPT_S = 86_400
ABANDONED_S = 60
"""A first request that has not ended after this died with its process."""
_MAX_KEY = 255
_SERVER_ERROR = 500
_KEPT_HEADERS = ("content-type", "etag", "location")


async def once(
    gateway: GatewayState,
    request: Request,
    who: str,
    inner: Callable[[Request], Awaitable[Response]],
) -> Response:
    """Run a request once for its key.

    Raises:
        ConflictError: The same key came with another body, or the first is still running.
    """
    key = request.headers[HEADER]
    if not 1 <= len(key) <= _MAX_KEY:
        raise InvalidInputError(f"{HEADER} has 1 to {_MAX_KEY} characters.", field=HEADER)
    ident = digest(f"{who}\n{request.method} {request.url.path}?{request.url.query}\n{key}")
    asked = digest((await request.body()).decode("latin-1"))
    first = await _begin(gateway, ident, asked)
    if first is not None:
        return _replay(gateway, first, asked)
    try:
        response = await inner(request)
    except BaseException:
        # Nothing was promised: the caller may try again with the same key.
        await _forget(gateway, ident)
        raise
    if response.status_code >= _SERVER_ERROR or not hasattr(response, "body"):
        await _forget(gateway, ident)
    else:
        await _keep(gateway, ident, response)
    return response


async def _begin(gateway: GatewayState, ident: str, asked: str) -> IdempotencyRow | None:
    """Take the key; return the row of an earlier request with it."""
    now = gateway.clock.now()
    stale = rfc3339(now - timedelta(seconds=KEPT_S))
    abandoned = rfc3339(now - timedelta(seconds=ABANDONED_S))
    table = IdempotencyRow
    try:
        async with gateway.database.transaction() as session:
            await session.exec(delete(table).where(col(table.created_at) < stale))
            await session.exec(
                delete(table)
                .where(col(table.status).is_(None))
                .where(col(table.created_at) < abandoned)
            )
            session.add(IdempotencyRow(id=ident, request_hash=asked, created_at=rfc3339(now)))
    except IntegrityError:
        async with gateway.database.session() as session:
            return await session.get(IdempotencyRow, ident)
    return None


def _replay(gateway: GatewayState, row: IdempotencyRow, asked: str) -> Response:
    if row.request_hash != asked:
        raise ConflictError("This Idempotency-Key was used with another body.", field=HEADER)
    if row.status is None or row.answer is None:
        raise ConflictError(
            "The first request with this Idempotency-Key is still running.", retry_after_s=1
        )
    kept = json.loads(gateway.sealer.open(row.answer))
    headers = {**kept["headers"], REPLAYED: "true"}
    return Response(b64decode(kept["body"]), status_code=row.status, headers=headers)


async def _keep(gateway: GatewayState, ident: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    kept = json.dumps({"headers": headers, "body": b64encode(bytes(response.body)).decode()})
    async with gateway.database.transaction() as session:
        row = await session.get(IdempotencyRow, ident)
        if row is not None:
            # Sealed: the answer to a new API key holds the key.
            row.status, row.answer = response.status_code, gateway.sealer.seal(kept)
            session.add(row)


async def _forget(gateway: GatewayState, ident: str) -> None:
    async with gateway.database.transaction() as session:
        await session.exec(delete(IdempotencyRow).where(col(IdempotencyRow.id) == ident))
