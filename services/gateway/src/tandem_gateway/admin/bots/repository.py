"""The queries about bots."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.config import BotConfig, BotRules
from tandem_common.contract.rules import RULES_ADAPTER, HandlerRef
from tandem_gateway.models import BotRow, RulesRow


async def find(session: AsyncSession, bot: str, *, lock: bool = False) -> BotRow | None:
    """Return a bot; locked, nobody else changes it before this transaction ends."""
    query = select(BotRow).where(col(BotRow.id) == bot)
    if lock:
        query = query.with_for_update()
    return (await session.exec(query)).first()


async def page(
    session: AsyncSession, platform: str | None, after: str | None, limit: int
) -> list[BotRow]:
    """Return bots by id, beginning after one."""
    query = select(BotRow).order_by(col(BotRow.id)).limit(limit)
    if platform is not None:
        query = query.where(col(BotRow.platform) == platform)
    if after is not None:
        query = query.where(col(BotRow.id) > after)
    return list((await session.exec(query)).all())


async def every(session: AsyncSession) -> list[BotRow]:
    """Return all bots by id."""
    return list((await session.exec(select(BotRow).order_by(col(BotRow.id)))).all())


async def unchecked(session: AsyncSession, platform: str) -> list[BotRow]:
    """Return the bots of a platform whose settings no schema has seen yet."""
    query = (
        select(BotRow)
        .where(col(BotRow.platform) == platform)
        .where(col(BotRow.settings_checked).is_(False))
        .with_for_update()
    )
    return list((await session.exec(query)).all())


async def rules_of(session: AsyncSession, bot: str) -> RulesRow | None:
    """Return a bot's rules."""
    return await session.get(RulesRow, bot)


async def all_rules(session: AsyncSession) -> list[RulesRow]:
    """Return the rules of all bots."""
    return list((await session.exec(select(RulesRow))).all())


def handler_of(row: BotRow) -> HandlerRef:
    """Return a bot's default handler."""
    return HandlerRef.read_object(row.default_handler)


def config_of(row: BotRow) -> BotConfig:
    """Return a bot as the services need it."""
    return BotConfig(
        id=row.id,
        platform=row.platform,
        name=row.name,
        enabled=row.enabled,
        settings=row.settings,
        default_handler=handler_of(row),
        rev=row.rev,
    )


def rules_config(row: RulesRow) -> BotRules:
    """Return a bot's rules as the services need them."""
    return BotRules(
        bot=row.bot,
        rules=RULES_ADAPTER.validate_python(row.rules, strict=False),
        rev=row.rev,
    )
