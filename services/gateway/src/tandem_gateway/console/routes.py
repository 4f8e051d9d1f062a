"""HTTP of the console: one page for every address below `/console`, and its files."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tandem_gateway.static_files import STATIC, file_response, page_response

router = APIRouter(include_in_schema=False)


@router.get("/static/{name:path}")
async def static(name: str, request: Request) -> Response:
    """Serve a file of the console or the web chat."""
    return file_response(request, STATIC, name)


@router.get("/console")
async def entrance() -> Response:
    """Lead to the page."""
    return RedirectResponse("/console/")


@router.get("/console/{view:path}")
async def console(view: str) -> Response:  # noqa: ARG001 - the page itself reads its address
    """Serve the page; which view it shows is its own business."""
    return page_response(STATIC, "console/console.html")


@router.get("/api/v1/docs")
async def docs() -> Response:
    """Serve the page that shows the OpenAPI document."""
    return page_response(STATIC, "console/docs.html")
