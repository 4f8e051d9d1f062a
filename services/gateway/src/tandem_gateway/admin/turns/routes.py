"""HTTP about turns."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract import subjects
from tandem_common.contract.errors import NotFoundError, UnavailableError
from tandem_common.contract.relay import CancelTurn
from tandem_common.contract.transcripts import ReadTurn, Turn
from tandem_common.contract.turns import TERMINAL_KINDS, TurnEvent
from tandem_common.runtime.turnlog import attach
from tandem_gateway.admin.door import (
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
from tandem_gateway.security.principals import Principal, still_valid
from tandem_gateway.sse import BEAT, HEARTBEAT_S, block, stream
from tandem_gateway.state import GatewayState

from .schemas import Cancel

router = admin_router("turns")
Reader = Annotated[Principal, permit("turns.read")]
TurnPath = Annotated[str, path_id("turn", UUID)]


async def _read(gateway: GatewayState, turn: str) -> Turn:
    return await ask(gateway, "router", "turn", ReadTurn(turn=turn), Turn)


@router.get("/turns/{turn}", responses=shown(Turn))
async def read_turn(turn: TurnPath, gateway: Gateway, _: Reader) -> Response:
    """Read what is stored of a turn."""
    return answer(await _read(gateway, turn))


async def _known(gateway: GatewayState, turn: str) -> bool:
    if await gateway.broker.last(subjects.TURNS, subjects.turn_log(turn)) is not None:
        return True
    with contextlib.suppress(NotFoundError):
        return bool(await _read(gateway, turn))
    return False


async def _follow(
    request: Request, gateway: GatewayState, who: Principal, turn: str, after: int
) -> AsyncIterator[bytes]:
    log = attach(gateway.broker, turn, after)
    coming: asyncio.Task[TurnEvent] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(log))
            done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT_S)
            if not done:
                if not await still_valid(request, who):
                    return
                yield BEAT
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield block(event.model_dump(mode="json"), event=event.kind, ident=event.n)
            if event.kind in TERMINAL_KINDS:
                return
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
        if isinstance(log, AsyncGenerator):
            await log.aclose()


@router.get("/turns/{turn}/events")
async def follow_turn(
    turn: TurnPath,
    request: Request,
    gateway: Gateway,
    who: Reader,
    starting_after: Annotated[int, Query(ge=-1)] = -1,
) -> Response:
    """Follow a turn's log as server-sent events, from the entry after `starting_after`."""
    resumed = request.headers.get("last-event-id", "")
    after = int(resumed) if resumed.isdigit() else starting_after
    try:
        known = await _known(gateway, turn)
    except UnavailableError:
        known = True
    if not known:
        raise NotFoundError(f"There is no turn {turn!r}.")
    return stream(_follow(request, gateway, who, turn, after))


@router.post("/turns/{turn}/cancel", status_code=202)
async def cancel_turn(
    turn: TurnPath,
    gateway: Gateway,
    who: Annotated[Principal, permit("turns.cancel")],
    body: Annotated[Cancel, json_body(Cancel)],
) -> Response:
    """Give a turn up."""
    asked = CancelTurn(turn=turn, reason=body.reason or f"cancelled by {who.name}")
    headers = {subjects.HEADER_MSG_ID: f"cancel:{turn}"}
    await gateway.broker.publish(subjects.cancel_ticket(turn), asked.to_json(), headers)
    return answer({"turn": turn, "cancelling": True}, status=202)
