"""Our own URLs for stored media: signed, and good for a while only."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from starlette.responses import Response

from tandem_common.contract.errors import ForbiddenError

from .security.tokens import derive, same
from .settings import GatewaySettings

_PREFIX = "sha256:"
_INLINE = "image/"
_STEP_S = 3600
"""Links made within one hour are equal, so that browsers may keep what they fetched."""


class MediaLinks:
    """Signs and checks."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._key = derive(settings.secret_key.get_secret_value(), "media")
        self._lasts = timedelta(seconds=settings.media_url_s)

    def path(self, reference: str, now: datetime) -> str:
        """Return where stored media can be fetched: a path on this gateway."""
        ends = int((now + self._lasts).timestamp()) // _STEP_S * _STEP_S + _STEP_S
        digest = reference.removeprefix(_PREFIX)
        return f"/media/{digest}?exp={ends}&sig={self._sign(digest, str(ends))}"

    def check(self, digest: str, expires: str, signature: str, now: datetime) -> str:
        """Return the reference a link stands for.

        Raises:
            ForbiddenError: Not our signature, or too late.
        """
        if not same(self._sign(digest, expires), signature):
            raise ForbiddenError("This link was not made here.")
        if not expires.isdigit() or int(expires) < now.timestamp():
            raise ForbiddenError("This link has expired.")
        return _PREFIX + digest

    def _sign(self, digest: str, expires: str) -> str:
        return hmac.new(self._key, f"{digest}.{expires}".encode(), sha256).hexdigest()[:40]

    def with_urls(self, value: Any, now: datetime) -> Any:
        """Return decoded JSON with a `url` beside every reference to stored media."""
        if isinstance(value, list):
            return [self.with_urls(item, now) for item in value]
        if not isinstance(value, dict):
            return value
        shown = {name: self.with_urls(inner, now) for name, inner in value.items()}
        media = shown.get("media")
        if isinstance(media, str):
            shown["url"] = self.path(media, now) if media.startswith(_PREFIX) else media
        return shown


def media_response(data: bytes, mime: str) -> Response:
    """Answer with media: pictures to look at, the rest to save, nothing to run."""
    is_shown = mime.startswith(_INLINE)
    return Response(
        data,
        media_type=mime,
        headers={
            "Content-Disposition": "inline" if is_shown else "attachment",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=86400, immutable",
        },
    )
