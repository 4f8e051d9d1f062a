"""HTTP about tickets: the relay does the work, here stands who may."""

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract import subjects
from tandem_common.contract.base import ContractModel
from tandem_common.contract.errors import ConflictError
from tandem_common.contract.relay import (
    ClaimTicket,
    CloseTicket,
    ListTickets,
    NoteTicket,
    ReadTicket,
    ReleaseTicket,
    ReplyTicket,
    Ticket,
    TicketList,
    TypingTicket,
)
from tandem_common.runtime.ids import new_id
from tandem_gateway.admin.door import (
    ANSWER_S,
    UUID,
    Gateway,
    admin_router,
    answer,
    ask,
    json_body,
    path_id,
    permit,
    shown,
)
from tandem_gateway.admin.idempotency import HEADER
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

from .schemas import Claim, Filter, Note, Reply, Typing

router = admin_router("tickets")
Reader = Annotated[Principal, permit("tickets.read")]
Operator = Annotated[Principal, permit("tickets.answer")]
TicketPath = Annotated[str, path_id("ticket", UUID)]


async def _ask(gateway: GatewayState, op: str, body: ContractModel) -> Response:
    ticket = await ask(gateway, "relay", op, body, Ticket)
    return answer(ticket, rev=ticket.rev)


def _key(request: Request, given: str | None) -> str:
    return given or request.headers.get(HEADER, "")[:100] or new_id()


def _rev(request: Request, given: int | None) -> int | None:
    """Return the revision the operator saw, from the body or from If-Match."""
    tag = request.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    return given if given is not None else int(tag) if tag.isdigit() else None


@router.get("/tickets", responses=shown(TicketList))
async def list_tickets(
    gateway: Gateway, who: Reader, asked: Annotated[Filter, Query()]
) -> Response:
    """List tickets, oldest waiting first; `assignee` is an id, `me` or `none`."""
    query = ListTickets(
        status=asked.status,
        assignee=who.id if asked.assignee == "me" else asked.assignee,
        conversation_id=asked.conversation_id,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return answer(await ask(gateway, "relay", "list", query, TicketList))


@router.get("/tickets/{ticket}", responses=shown(Ticket))
async def read_ticket(ticket: TicketPath, gateway: Gateway, _: Reader) -> Response:
    """Read a ticket."""
    return await _ask(gateway, "read", ReadTicket(ticket=ticket))


@router.post("/tickets/{ticket}/claim", responses=shown(Ticket))
async def claim(
    ticket: TicketPath,
    gateway: Gateway,
    who: Operator,
    body: Annotated[Claim, json_body(Claim)],
) -> Response:
    """Take a ticket for ten minutes, renewed by every reply."""
    asked = ClaimTicket(ticket=ticket, operator=who.operator, force=body.force)
    return await _ask(gateway, "claim", asked)


@router.post("/tickets/{ticket}/release", responses=shown(Ticket))
async def release(ticket: TicketPath, gateway: Gateway, who: Operator) -> Response:
    """Give a ticket back to the queue."""
    return await _ask(gateway, "release", ReleaseTicket(ticket=ticket, operator=who.operator))


@router.post("/tickets/{ticket}/reply", responses=shown(Ticket))
async def reply(
    ticket: TicketPath,
    request: Request,
    gateway: Gateway,
    who: Operator,
    body: Annotated[Reply, json_body(Reply)],
) -> Response:
    """Say something; `final` ends the turn. A repeat with the same key says it once."""
    asked = ReplyTicket(
        ticket=ticket,
        operator=who.operator,
        components=body.said,
        final=body.final,
        idempotency_key=_key(request, body.idempotency_key),
        expected_rev=_rev(request, body.expected_rev),
    )
    try:
        return await _ask(gateway, "reply", asked)
    except ConflictError as error:
        raise await _with_ticket(gateway, ticket, error) from error


async def _with_ticket(gateway: GatewayState, ticket: str, error: ConflictError) -> ConflictError:
    """Show the operator what the other one said."""
    details: dict[str, Any] = dict(error.details)
    if "ticket" not in details:
        found = await ask(gateway, "relay", "read", ReadTicket(ticket=ticket), Ticket)
        details["ticket"] = found.model_dump(mode="json")
    return ConflictError(error.message, field=error.field, details=details)


@router.post("/tickets/{ticket}/note", responses=shown(Ticket))
async def note(
    ticket: TicketPath,
    request: Request,
    gateway: Gateway,
    who: Operator,
    body: Annotated[Note, json_body(Note)],
) -> Response:
    """Leave a note for other operators."""
    key = _key(request, body.idempotency_key)
    asked = NoteTicket(ticket=ticket, operator=who.operator, text=body.text, idempotency_key=key)
    return await _ask(gateway, "note", asked)


@router.post("/tickets/{ticket}/close", responses=shown(Ticket))
async def close(ticket: TicketPath, gateway: Gateway, who: Operator) -> Response:
    """End a ticket without (further) words."""
    return await _ask(gateway, "close", CloseTicket(ticket=ticket, operator=who.operator))


@router.post("/tickets/{ticket}/typing", responses=shown(Ticket))
async def typing(
    ticket: TicketPath,
    gateway: Gateway,
    who: Operator,
    body: Annotated[Typing, json_body(Typing)],
) -> Response:
    """Say that the operator is writing."""
    asked = TypingTicket(ticket=ticket, operator=who.operator, typing=body.typing)
    subject = subjects.service_op("relay", "typing")
    await gateway.broker.request_raw(subject, asked.to_json(), timeout_s=ANSWER_S)
    return answer({"ok": True})
