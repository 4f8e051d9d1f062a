"""A service's own database: SQLite with WAL when embedded, PostgreSQL by URL."""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Iterator
from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.errors import InvalidInputError, UnavailableError

_LOCK_ID = 0x7A4DE
_BUSY_MS = 15_000


class Database:
    """The engine and its sessions. Part of a service: `start` migrates, `stop` closes."""

    def __init__(
        self, url: str, *, schema: str, migrations: str, synchronous: str = "FULL"
    ) -> None:
        """Describe a database.

        Args:
            url: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://user:password@host/name`.
            schema: PostgreSQL schema the service's tables live in.
            migrations: Package whose `migrations` folder holds the Alembic scripts.
            synchronous: SQLite's setting; FULL survives loss of power.
        """
        if not url:
            raise InvalidInputError("no database URL: set TANDEM_<SERVICE>_DATABASE_URL")
        self.url, self._schema, self._migrations = url, schema, migrations
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url, synchronous) if self.is_sqlite else _postgres(url, schema)
        self._sessions = async_sessionmaker(
            self.engine, class_=AsyncSession, expire_on_commit=False
        )
        # SQLite has one writer: waiting here is cheaper and fairer than its busy handler.
        self._writer = asyncio.Lock() if self.is_sqlite else None

    async def start(self) -> None:
        """Bring the tables to their present shape, under a lock, so that replicas may race."""
        if self.is_sqlite:
            Path(_sqlite_file(self.url)).parent.mkdir(parents=True, exist_ok=True)
        async with self.engine.connect() as connection:
            await connection.run_sync(self._migrate)

    async def stop(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def check(self) -> str | None:
        """Return why the database cannot be used now, or None."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (DBAPIError, OSError) as error:
            return f"database not reachable: {type(error).__name__}"
        return None

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading."""
        with _unavailable():
            async with self._sessions() as session:
                yield session

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a session whose changes are committed together, or not at all."""
        with _unavailable():
            async with self._writer or contextlib.nullcontext(), self._sessions() as session:
                if self.is_sqlite:
                    # Take the write lock at once: a reader that becomes a writer cannot wait.
                    await (await session.connection()).exec_driver_sql("BEGIN IMMEDIATE")
                yield session
                await session.commit()

    def _migrate(self, connection: Connection) -> None:
        with _migration_lock(self, connection):
            if not self.is_sqlite:
                connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"'))
                connection.commit()
            config = Config()
            folder = resources.files(self._migrations) / "migrations"
            config.set_main_option("script_location", str(folder))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()


def _sqlite_file(url: str) -> str:
    return url.partition("///")[2]


def _sqlite(url: str, synchronous: str) -> AsyncEngine:
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: object, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        # The driver shall not begin transactions by itself: `transaction` says which kind.
        connection.isolation_level = None  # type: ignore[attr-defined]

    return engine


def _postgres(url: str, schema: str) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=10,
        max_overflow=10,
        pool_pre_ping=True,
        connect_args={"server_settings": {"search_path": schema}},
    )


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnavailableError("the database went away", retry_after_s=1) from error
        raise
    except OSError as error:
        raise UnavailableError(
            f"the database cannot be reached: {error}", retry_after_s=1
        ) from error


@contextlib.contextmanager
def _migration_lock(database: Database, connection: Connection) -> Iterator[None]:
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": _LOCK_ID})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": _LOCK_ID})
            connection.commit()
        return
    with Path(_sqlite_file(database.url) + ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
