"""Write a migration from the difference between a service's tables and its last migration.

.venv/bin/python tools/new_migration.py router "what changes"
"""

import asyncio
import sys
import tempfile
from importlib import import_module, resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine


def _revise(connection: Connection, service: str, message: str) -> None:
    folder = resources.files(f"tandem_{service}") / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    versions = folder / "versions"
    number = sum(1 for file in versions.iterdir() if file.name.endswith(".py"))
    command.revision(config, message=message, autogenerate=True, rev_id=f"{number + 1:04d}")


async def _main(service: str, message: str) -> None:
    import_module(f"tandem_{service}")
    with tempfile.TemporaryDirectory() as folder:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/empty.db")
        async with engine.connect() as connection:
            await connection.run_sync(_revise, service, message)
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2]))
