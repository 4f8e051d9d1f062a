"""A command's session with the running house."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tandem.api import Api
from tandem.connection import Connection, find
from tandem.settings import CliSettings


def connection(data: Path) -> Connection:
    """Return where the house is.

    Raises:
        CommandError: None is running.
    """
    return find(data, CliSettings.read())


@contextlib.asynccontextmanager
async def admin_api(data: Path) -> AsyncIterator[Api]:
    """Open the admin API of the running house."""
    found = connection(data)
    async with Api(found.gateway, found.admin_key) as api:
        yield api
