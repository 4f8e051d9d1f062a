"""HTTP about dead letters."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from tandem_gateway.admin.door import Gateway, admin_router, answer, no_content, permit, shown
from tandem_gateway.security.principals import Principal

from . import service
from .schemas import DeadLetterList, DeadLetterRead, Replayed

router = admin_router("dead letters")
Reader = Annotated[Principal, permit("dlq.read")]
Writer = Annotated[Principal, permit("dlq.write")]


@router.get("/dlq", responses=shown(DeadLetterList))
async def list_letters(
    gateway: Gateway,
    _: Reader,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """List dead letters, oldest first."""
    return answer(await service.listed(gateway, cursor, limit))


@router.get("/dlq/{letter}", responses=shown(DeadLetterRead))
async def read_letter(letter: str, gateway: Gateway, _: Reader) -> Response:
    """Read a dead letter with its body."""
    return answer(await service.read(gateway, letter))


@router.post("/dlq/{letter}/replay", responses=shown(Replayed))
async def replay_letter(letter: str, gateway: Gateway, who: Writer) -> Response:
    """Send a dead letter on its way again."""
    return answer(await service.replay(gateway, letter, who))


@router.delete("/dlq/{letter}", status_code=204)
async def delete_letter(letter: str, gateway: Gateway, who: Writer) -> Response:
    """Throw a dead letter away."""
    await service.delete(gateway, letter, who)
    return no_content()
