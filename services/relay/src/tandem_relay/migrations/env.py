"""Alembic's entry."""

from tandem_common.runtime.migrations import run_migrations
from tandem_relay.models.tables import METADATA

run_migrations(METADATA)
