"""Alembic's entry: the gateway's tables on the connection `Database` made."""

from sqlmodel import SQLModel

import tandem_gateway.models  # noqa: F401 - registers the tables
from tandem_common.runtime.migrations import run_migrations

run_migrations(SQLModel.metadata)
