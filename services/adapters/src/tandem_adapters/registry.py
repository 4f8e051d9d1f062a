"""Name to platform, in one table; a process imports only its own."""

from importlib import import_module

from tandem_common.contract.errors import NotFoundError

from .base import Platform

PLATFORMS: dict[str, str] = {
    "onebot": "tandem_adapters.platforms.onebot",
    "webchat": "tandem_adapters.platforms.webchat",
}


def platform(name: str) -> Platform:
    """Load a platform.

    Raises:
        NotFoundError: No such platform.
    """
    module = PLATFORMS.get(name)
    if module is None:
        raise NotFoundError(
            f"no platform is called {name!r}; there are: {', '.join(sorted(PLATFORMS))}"
        )
    found: Platform = import_module(module).PLATFORM
    return found
