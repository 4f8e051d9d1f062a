"""Files served as they lie here, with an ETag, and pages with a strict content policy."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tandem_common.contract.errors import NotFoundError

STATIC = Path(__file__).parent / "static"

_MIMES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; "
    "connect-src 'self'; font-src 'self'; media-src 'self' https:; frame-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)


@dataclass(frozen=True)
class File:
    """A file in memory."""

    data: bytes
    mime: str
    tag: str


@cache
def _load(folder: Path, name: str) -> File:
    path = (folder / name).resolve()
    mime = _MIMES.get(path.suffix)
    if mime is None or not path.is_relative_to(folder) or not path.is_file():
        raise NotFoundError("There is no such file.")
    data = path.read_bytes()
    return File(data, mime, f'"{hashlib.sha256(data).hexdigest()[:20]}"')


def file_response(request: Request, folder: Path, name: str) -> Response:
    """Answer with a file; unchanged ones need not travel again.

    Raises:
        NotFoundError: No such file.
    """
    found = _load(folder, name)
    headers = {"ETag": found.tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type=found.mime)


def page_response(folder: Path, name: str, *, ancestors: str = "'none'") -> Response:
    """Answer with a page: no inline script, no foreign code."""
    found = _load(folder, name)
    return Response(
        found.data,
        media_type=found.mime,
        headers={
            "Content-Security-Policy": CSP.format(ancestors=ancestors),
            "Cache-Control": "no-store",
        },
    )
