"""HTTP of the web chat: page, widget, uploads, the socket, and signed media."""

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from tandem_common.contract.errors import ForbiddenError, NotFoundError, TooLargeError
from tandem_gateway.hooks.service import require_bot
from tandem_gateway.media_links import media_response
from tandem_gateway.state import GatewayState, gateway_of
from tandem_gateway.static_files import STATIC, file_response, page_response

from . import service, visitors
from .socket import ChatSocket

router = APIRouter(include_in_schema=False)
_SHOWN = ("title", "title_zh", "welcome", "welcome_zh", "colour", "placeholder")
_CLOSE_FORBIDDEN, _CLOSE_UNKNOWN = 4403, 4404


@router.get("/chat/widget.js")
async def widget(request: Request) -> Response:
    """Serve the script other sites embed."""
    response = file_response(request, STATIC, "chat/widget.js")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@router.get("/chat/{bot}")
async def chat_page(bot: str, request: Request) -> Response:
    """Serve the page; somebody new gets an id. Without its bot the page says so itself."""
    gateway = gateway_of(request.app)
    response = page_response(STATIC, "chat/chat.html", ancestors="*")
    try:
        require_bot(gateway, visitors.PLATFORM, bot)
    except NotFoundError:
        response.status_code = 404
    if visitors.visitor_of(gateway, request) is None:
        made = visitors.cookie(gateway, visitors.new_visitor())
        response.headers.append("set-cookie", made)
    return response


@router.get("/chat/{bot}/about")
async def about(bot: str, request: Request) -> Response:
    """Say what the page needs to know of the bot."""
    gateway = gateway_of(request.app)
    require_bot(gateway, visitors.PLATFORM, bot)
    config = gateway.config.bots[bot]
    shown = {name: config.settings[name] for name in _SHOWN if name in config.settings}
    limit = gateway.settings.upload_bytes
    body = {"id": config.id, "name": config.name, "upload_bytes": limit, **shown}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


@router.post("/chat/{bot}/media")
async def upload(bot: str, request: Request) -> Response:
    """Keep a picture: the body is its bytes."""
    gateway = gateway_of(request.app)
    require_bot(gateway, visitors.PLATFORM, bot)
    visitors.require_own_page(gateway, request)
    visitor = visitors.visitor_of(gateway, request)
    if visitor is None:
        raise ForbiddenError("Open the chat first.")
    gateway.upload_pace.take(visitor)
    data = await request.body()
    if len(data) > gateway.settings.upload_bytes:
        raise TooLargeError(f"A picture has at most {gateway.settings.upload_bytes} bytes.")
    return Response(
        to_json(await service.upload(gateway, data)), status_code=201, media_type="application/json"
    )


@router.get("/media/{digest}")
async def media(digest: str, request: Request, exp: str = "", sig: str = "") -> Response:
    """Serve stored media to whoever holds a signed link."""
    gateway = gateway_of(request.app)
    reference = gateway.links.check(digest, exp, sig, gateway.clock.now())
    return media_response(*await _bytes(gateway, reference))


async def _bytes(gateway: GatewayState, reference: str) -> tuple[bytes, str]:
    found = await gateway.media.get(reference)
    return found.data, found.mime


@router.websocket("/chat/{bot}/ws")
async def socket(bot: str, socket: WebSocket) -> None:
    """Serve one open chat."""
    gateway = gateway_of(socket.app)
    try:
        require_bot(gateway, visitors.PLATFORM, bot)
        visitors.require_own_page(gateway, socket)
    except NotFoundError:
        await _refuse(socket, _CLOSE_UNKNOWN)
        return
    except ForbiddenError:
        await _refuse(socket, _CLOSE_FORBIDDEN)
        return
    visitor = visitors.visitor_of(gateway, socket)
    headers: list[tuple[bytes, bytes]] = []
    if visitor is None:
        visitor = visitors.new_visitor()
        headers = [(b"set-cookie", visitors.cookie(gateway, visitor).encode())]
    await socket.accept(headers=headers)
    try:
        await ChatSocket(gateway, socket, bot, visitor).serve()
    except (WebSocketDisconnect, RuntimeError):
        return


async def _refuse(socket: WebSocket, code: int) -> None:
    # Accepted first: a browser learns the code of a close, never the status of a handshake.
    await socket.accept()
    await socket.close(code)
