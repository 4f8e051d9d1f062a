"""The first tables."""

from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name, *args, null=False, **options):
    return sa.Column(name, sa.String(), *args, nullable=null, **options)


def _flag(name):
    return sa.Column(name, sa.Boolean(), nullable=False, default=False)


def _json(name):
    return sa.Column(name, sa.JSON(), nullable=False)


def _rev():
    return sa.Column("rev", sa.Integer(), nullable=False, default=1)


def upgrade() -> None:
    op.create_table(
        "account",
        _text("id", primary_key=True),
        _text("name", unique=True),
        _text("display_name"),
        _text("role"),
        _text("password_hash"),
        _flag("disabled"),
        _text("created_at"),
    )
    op.create_table(
        "session",
        _text("token_hash", primary_key=True),
        _text("account_id", sa.ForeignKey("account.id", ondelete="CASCADE"), index=True),
        _text("csrf"),
        _text("created_at"),
        _text("expires_at"),
    )
    op.create_table(
        "api_key",
        _text("id", primary_key=True),
        _text("hash", unique=True),
        _text("prefix"),
        _text("name"),
        _json("scopes"),
        _json("models"),
        _text("expires_at", null=True),
        _flag("trusted_frontend"),
        _flag("revoked"),
        _text("created_at"),
        _text("created_by"),
    )
    op.create_table(
        "setup_token",
        _text("token_hash", primary_key=True),
        _text("role"),
        _text("created_at"),
        _text("expires_at"),
        _text("used_at", null=True),
    )
    op.create_table(
        "bot",
        _text("id", primary_key=True),
        _text("platform", index=True),
        _text("name"),
        _flag("enabled"),
        _json("settings"),
        _flag("settings_checked"),
        _json("default_handler"),
        _rev(),
        _text("created_at"),
        _text("updated_at"),
    )
    op.create_table(
        "rules",
        _text("bot", sa.ForeignKey("bot.id", ondelete="CASCADE"), primary_key=True),
        _json("rules"),
        _rev(),
        _text("updated_at"),
    )
    op.create_table(
        "connection",
        _text("id", primary_key=True),
        _text("kind"),
        _text("base_url"),
        _text("api_key"),
        _text("prefix"),
        _json("models"),
        _json("tags"),
        _flag("enabled"),
        _rev(),
        _text("created_at"),
        _text("updated_at"),
    )
    op.create_table("setting", _text("key", primary_key=True), _text("value"))
    op.create_table(
        "outbox",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=True),
        _text("kind"),
        _text("target"),
        _text("value", null=True),
        _text("message_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        _text("id", primary_key=True),
        _text("time", index=True),
        _text("actor"),
        _text("action"),
        _text("target"),
        _json("details"),
    )
    op.create_table(
        "idempotency",
        _text("id", primary_key=True),
        _text("request_hash"),
        sa.Column("status", sa.Integer(), nullable=True),
        _text("answer", null=True),
        _text("created_at", index=True),
    )


def downgrade() -> None:
    for table in (
        "idempotency",
        "audit",
        "outbox",
        "setting",
        "connection",
        "rules",
        "bot",
        "setup_token",
        "api_key",
        "session",
        "account",
    ):
        op.drop_table(table)
