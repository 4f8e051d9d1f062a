"""HTTP for platforms that push: `/hooks/{platform}/{bot}`, any method, anything behind it."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract.errors import NotFoundError
from tandem_gateway.remote import address_of
from tandem_gateway.state import gateway_of

from . import service

router = APIRouter(include_in_schema=False)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PASSED_BACK = frozenset(
    {"content-type", "cache-control", "retry-after", "www-authenticate", "allow", "location"}
)
"""Headers an adapter may set; cookies and the like stay the gateway's business."""


@router.api_route("/hooks/{platform}/{bot}", methods=METHODS)
@router.api_route("/hooks/{platform}/{bot}/{rest:path}", methods=METHODS)
async def take(platform: str, bot: str, request: Request, rest: str = "") -> Response:
    """Hand a webhook to its adapter; answered only after the event is kept."""
    gateway = gateway_of(request.app)
    if platform in service.OWN_DOORS:
        raise NotFoundError("There is no such bot here.")
    service.require_bot(gateway, platform, bot)
    asked = service.hook_request(
        request.method,
        rest,
        request.url.query,
        dict(request.headers),
        await request.body(),
        address_of(request, gateway.settings),
    )
    answer = await service.deliver(gateway, platform, bot, asked)
    headers = {k: v for k, v in answer.headers.items() if k.lower() in _PASSED_BACK}
    return Response(service.body_of(answer), status_code=answer.status, headers=headers)
