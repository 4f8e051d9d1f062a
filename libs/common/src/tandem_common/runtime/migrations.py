"""What each service's Alembic `env.py` calls."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, MetaData


def run_migrations(metadata: MetaData) -> None:
    """Run the scripts on the connection `Database` made."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


def _render(kind: str, item: Any, _: Any) -> str | Literal[False]:
    # SQLModel's own string type is a plain string; scripts shall not depend on SQLModel.
    is_string = kind == "type" and type(item).__name__ == "AutoString"
    return "sa.String()" if is_string else False
