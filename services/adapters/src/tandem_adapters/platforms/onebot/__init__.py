"""OneBot v11: QQ through NapCat, Lagrange and others. https://github.com/botuniverse/onebot-11."""

from collections.abc import Callable, Sequence

from aiohttp import web

from tandem_adapters.base import Adapter, Platform

from .adapter import OneBotAdapter
from .manifest import MANIFEST

_PATHS = ("/onebot/v11/{bot}/ws", "/onebot/v11/{bot}/", "/onebot/v11/{bot}")


def _routes(adapter_of: Callable[[str], Adapter | None]) -> Sequence[web.AbstractRouteDef]:
    async def serve(request: web.Request) -> web.StreamResponse:
        bot = request.match_info["bot"]
        adapter = adapter_of(bot)
        if not isinstance(adapter, OneBotAdapter):
            return web.Response(status=404, text=f"no enabled OneBot bot is called {bot[:40]!r}")
        return await adapter.lines.serve(request)

    return [web.get(path, serve) for path in _PATHS]


PLATFORM = Platform(manifest=MANIFEST, make=OneBotAdapter, routes=_routes)
