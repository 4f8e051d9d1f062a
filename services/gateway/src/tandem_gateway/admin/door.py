"""What every route of the admin API shares: who may, how bodies are read, how answers look."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel, rfc3339
from tandem_common.contract.errors import ConflictError, NotFoundError, UnavailableError
from tandem_common.contract.ledger import Audit
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.logging import get_logger
from tandem_gateway.errors import StaleError, parse
from tandem_gateway.models import AuditRow
from tandem_gateway.outbox import enqueue_record
from tandem_gateway.security.principals import Principal, authenticate
from tandem_gateway.security.roles import Action
from tandem_gateway.state import GatewayState, gateway_of

from .idempotency import HEADER as IDEMPOTENCY_KEY, once

log = get_logger(__name__)
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
M = TypeVar("M", bound=BaseModel)
R = TypeVar("R", bound=ContractModel)
ANSWER_S = 10.0


class AdminRoute(APIRoute):
    """Repeats of a POST with the same Idempotency-Key get the first answer again."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the route's handler."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                if request.method == "POST" and IDEMPOTENCY_KEY in request.headers:
                    return await self._once(request, inner)
                return await inner(request)
            except IntegrityError as error:
                raise ConflictError("Somebody else wrote the same thing first.") from error
            except DBAPIError as error:
                log.warning("database_failed", error=repr(error.orig))
                raise UnavailableError("The database is away.", retry_after_s=2) from error

        return handle

    async def _once(
        self, request: Request, inner: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        principal = await authenticate(request)
        return await once(gateway_of(request.app), request, principal.id, inner)


def admin_router(tag: str) -> APIRouter:
    """Return a router whose routes behave as the admin API's."""
    return APIRouter(route_class=AdminRoute, tags=[tag])


async def _gateway(request: Request) -> GatewayState:
    return gateway_of(request.app)


Gateway = Annotated[GatewayState, Depends(_gateway)]


class Permit:
    """A dependency: whoever asks must be allowed this action."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, request: Request) -> Principal:
        """Return who asks."""
        principal = await authenticate(request)
        principal.require(self.action)
        return principal


def permit(action: Action) -> Any:
    """Ask for an action of `security.roles.MAY`."""
    return Depends(Permit(action))


def path_id(name: str, pattern: str) -> Any:
    """Ask for an id in the path; one that cannot exist is as unknown as one that does not."""

    async def read(request: Request) -> str:
        ident = str(request.path_params[name])
        if re.fullmatch(pattern.strip("^$"), ident) is None:
            raise NotFoundError(f"There is no {name} {ident[:100]!r}.")
        return ident

    return Depends(read)


class JsonBody:
    """A dependency: the body as a model, with errors that name the field."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> BaseModel:
        """Read it."""
        return parse(self.model, await request.body())


def json_body(model: type[BaseModel]) -> Any:
    """Ask for a body of this shape."""
    return Depends(JsonBody(model))


def answer(value: Any, *, status: int = 200, rev: int | None = None) -> Response:
    """Answer with JSON; with an ETag where the thing has a revision."""
    headers = {} if rev is None else {"ETag": f'"{rev}"'}
    body = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return Response(
        to_json(body), status_code=status, media_type="application/json", headers=headers
    )


def no_content() -> Response:
    """Answer without a body."""
    return Response(status_code=204)


def page(items: list[Any], next_cursor: str | None = None) -> Response:
    """Answer with a list."""
    shown = [i.model_dump(mode="json") if isinstance(i, BaseModel) else i for i in items]
    return answer({"items": shown, "next": next_cursor})


Expect = Callable[[int], None]
"""Refuses a revision that is not the one the caller saw."""


def expecting(request: Request) -> Expect:
    """Return what holds `If-Match`, where it is given, against the current revision."""
    given = request.headers.get("if-match", "*")
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")}

    def expect(rev: int) -> None:
        if "*" not in tags and str(rev) not in tags:
            raise StaleError(
                f"This was changed in the meantime: it is at revision {rev}.",
                details={"rev": rev},
            )

    return expect


@asynccontextmanager
async def writing(gateway: GatewayState) -> AsyncIterator[AsyncSession]:
    """One unit of work: committed as a whole, then the outbox is told."""
    async with gateway.database.transaction() as session:
        yield session
    gateway.outbox.wake()


def audit(
    session: AsyncSession,
    gateway: GatewayState,
    who: Principal,
    action: str,
    target: str,
    **details: Any,
) -> None:
    """Keep who did what, in the same transaction as the deed."""
    now = gateway.clock.now()
    ident = new_id()
    session.add(
        AuditRow(
            id=ident,
            time=rfc3339(now),
            actor=who.id,
            action=action,
            target=target,
            details=details,
        )
    )
    record = Audit(id=ident, time=now, actor=who.id, action=action, target=target, details=details)
    enqueue_record(session, subjects.audit(action.partition(".")[0]), record)


async def ask(
    gateway: GatewayState, service: str, op: str, body: ContractModel, reply: type[R]
) -> R:
    """Ask another service.

    Raises:
        UnavailableError: NATS or the service is away: said at once, not after a deadline.
        TandemError: What the service answered.
    """
    if not gateway.broker.is_connected:
        raise UnavailableError("NATS is away.", retry_after_s=1)
    subject = subjects.service_op(service, op)
    return await gateway.broker.request(subject, body, reply, timeout_s=ANSWER_S)


class Refused(BaseModel):
    """How every error looks."""

    error: dict[str, Any]


def shown(model: type[BaseModel], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Describe a route's answers for the OpenAPI document."""
    return {status: {"model": model}, "default": {"model": Refused, "description": "An error"}}
