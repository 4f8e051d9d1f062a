"""What may be done to a bot. Every write is one transaction: the row, its outbox, its audit."""

from collections.abc import Mapping
from typing import Any

from nats.js.errors import KeyNotFoundError
from pydantic_core import from_json
from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract import subjects
from tandem_common.contract.base import rfc3339
from tandem_common.contract.capabilities import Manifest
from tandem_common.contract.config import BotConfig
from tandem_common.contract.errors import ConflictError, InvalidInputError, NotFoundError
from tandem_common.runtime.logging import get_logger
from tandem_gateway.admin.door import Expect, audit, writing
from tandem_gateway.admin.handlers import shown_handler, stored_handler
from tandem_gateway.manifests import OPENAI
from tandem_gateway.masking import mask, seal, unmask, unseal
from tandem_gateway.models import BotRow, RulesRow
from tandem_gateway.outbox import FAILURES, enqueue
from tandem_gateway.schema_check import check
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

from . import repository
from .schemas import BotCreate, BotRead, BotStatus, BotUpdate

log = get_logger(__name__)
_STATES = frozenset({"online", "offline", "connecting", "error"})


def unknown_bot(bot: str) -> NotFoundError:
    """The answer for an id nobody has."""
    return NotFoundError(f"There is no bot {bot!r}.")


def checked_settings(
    gateway: GatewayState, platform: str, given: Mapping[str, Any], stored: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Return settings as they are stored, and whether a schema has seen them.

    Raises:
        InvalidInputError: They are not of the platform's schema.
    """
    schema = gateway.manifests.schema(platform)
    settings = unmask(given, stored, "settings")
    if schema is not None:
        check(unseal(settings, gateway.sealer), schema, "settings")
    return seal(settings, schema, gateway.sealer), schema is not None


def add(session: AsyncSession, gateway: GatewayState, body: BotCreate, who: Principal) -> BotRow:
    """Put a new bot into a transaction."""
    settings, checked = checked_settings(gateway, body.platform, body.settings, {})
    handler = stored_handler(body.default_handler, None, gateway.sealer, "default_handler")
    now = rfc3339(gateway.clock.now())
    row = BotRow(
        id=body.id,
        platform=body.platform,
        name=body.name or body.id,
        enabled=body.enabled,
        settings=settings,
        settings_checked=checked,
        default_handler=handler.model_dump(mode="json"),
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    enqueue(session, subjects.bot_key(row.platform, row.id), repository.config_of(row))
    audit(session, gateway, who, "bot.created", f"bot:{row.id}", platform=row.platform)
    return row


def change(
    session: AsyncSession, gateway: GatewayState, row: BotRow, body: BotUpdate, who: Principal
) -> bool:
    """Put a change of a bot into a transaction; return whether it changes anything."""
    before = repository.config_of(row)
    if body.settings is not None:
        row.settings, row.settings_checked = _kept_if_equal(gateway, row, body.settings)
    if body.default_handler is not None:
        old = repository.handler_of(row)
        handler = stored_handler(body.default_handler, old, gateway.sealer, "default_handler")
        if not _same(gateway, handler.model_dump(mode="json"), row.default_handler):
            row.default_handler = handler.model_dump(mode="json")
    row.name = body.name if body.name is not None else row.name
    row.enabled = body.enabled if body.enabled is not None else row.enabled
    if repository.config_of(row) == before:
        return False
    _touch(session, gateway, row)
    changed = [name for name in BotUpdate.model_fields if getattr(body, name) is not None]
    audit(session, gateway, who, "bot.changed", f"bot:{row.id}", fields=changed)
    return True


def _same(gateway: GatewayState, left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Compare what is under the seals: sealing the same twice gives two different texts."""
    return unseal(left, gateway.sealer) == unseal(right, gateway.sealer)


def _kept_if_equal(
    gateway: GatewayState, row: BotRow, given: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    settings, checked = checked_settings(gateway, row.platform, given, row.settings)
    return (row.settings if _same(gateway, settings, row.settings) else settings), checked


def _touch(session: AsyncSession, gateway: GatewayState, row: BotRow) -> None:
    row.rev += 1
    row.updated_at = rfc3339(gateway.clock.now())
    session.add(row)
    enqueue(session, subjects.bot_key(row.platform, row.id), repository.config_of(row))


async def remove(session: AsyncSession, gateway: GatewayState, row: BotRow, who: Principal) -> None:
    """Put the end of a bot and of its rules into a transaction."""
    rules = await session.get(RulesRow, row.id)
    if rules is not None:
        await session.delete(rules)
        await session.flush()
    await session.delete(row)
    enqueue(session, subjects.rules_key(row.platform, row.id), None)
    enqueue(session, subjects.bot_key(row.platform, row.id), None)
    audit(session, gateway, who, "bot.deleted", f"bot:{row.id}", platform=row.platform)


async def create(gateway: GatewayState, body: BotCreate, who: Principal) -> BotRead:
    """Make a bot."""
    async with writing(gateway) as session:
        if await repository.find(session, body.id) is not None:
            raise ConflictError(f"There is a bot {body.id!r} already.", field="id")
        row = add(session, gateway, body, who)
    gateway.config.put_bot(row.id, repository.config_of(row))
    return await read(gateway, row.id)


async def update(
    gateway: GatewayState, bot: str, body: BotUpdate, who: Principal, expect: Expect
) -> BotRead:
    """Change a bot."""
    async with writing(gateway) as session:
        row = await repository.find(session, bot, lock=True)
        if row is None:
            raise unknown_bot(bot)
        expect(row.rev)
        change(session, gateway, row, body, who)
    gateway.config.put_bot(row.id, repository.config_of(row))
    return await read(gateway, bot)


async def delete(gateway: GatewayState, bot: str, who: Principal, expect: Expect) -> None:
    """End a bot."""
    async with writing(gateway) as session:
        row = await repository.find(session, bot, lock=True)
        if row is None:
            raise unknown_bot(bot)
        expect(row.rev)
        await remove(session, gateway, row, who)
    gateway.config.put_bot(bot, None)
    gateway.config.put_rules(bot, None)


async def read(gateway: GatewayState, bot: str) -> BotRead:
    """Return one bot."""
    async with gateway.database.session() as session:
        row = await repository.find(session, bot)
        rules = await repository.rules_of(session, bot)
    if row is None:
        raise unknown_bot(bot)
    return await _shown(gateway, row, len(rules.rules) if rules else 0)


async def listed(
    gateway: GatewayState, platform: str | None, after: str | None, limit: int
) -> tuple[list[BotRead], str | None]:
    """Return a page of bots and where the next begins."""
    async with gateway.database.session() as session:
        rows = await repository.page(session, platform, after, limit + 1)
        counts = {row.bot: len(row.rules) for row in await repository.all_rules(session)}
    more = rows[limit - 1].id if len(rows) > limit else None
    shown = [await _shown(gateway, row, counts.get(row.id, 0)) for row in rows[:limit]]
    return shown, more


async def _shown(gateway: GatewayState, row: BotRow, rules: int) -> BotRead:
    manifest = gateway.manifests.get(row.platform)
    schema = manifest.settings_schema if manifest else None
    return BotRead(
        id=row.id,
        platform=row.platform,
        name=row.name,
        settings=mask(row.settings, schema),
        settings_checked=row.settings_checked,
        enabled=row.enabled,
        default_handler=shown_handler(repository.handler_of(row)),
        rules=rules,
        status=await status_of(gateway, row),
        capabilities=_capabilities(manifest),
        rev=row.rev,
        created_at=row.created_at,
        updated_at=row.updated_at,
        links=_links(gateway, row),
    )


def _capabilities(manifest: Manifest | None) -> dict[str, Any] | None:
    if manifest is None:
        return None
    return {
        "events": [c.model_dump(mode="json") for c in manifest.events],
        "commands": [c.model_dump(mode="json") for c in manifest.commands],
        "streaming": manifest.streaming,
    }


def _links(gateway: GatewayState, row: BotRow) -> dict[str, str]:
    base = gateway.settings.public_url.rstrip("/")
    links = {"hook": f"{base}/hooks/{row.platform}/{row.id}"}
    if row.platform == "webchat":
        links = {"chat": f"{base}/chat/{row.id}", "widget": f"{base}/chat/widget.js"}
    elif row.platform == OPENAI.name:
        links = {"openai": f"{base}/v1"}
    return links


async def status_of(gateway: GatewayState, row: BotRow) -> BotStatus:
    """Return what the bot's adapter last said of it."""
    if not row.enabled:
        return BotStatus(state="disabled")
    if row.platform == OPENAI.name:
        return BotStatus(state="online")
    try:
        bucket = await gateway.broker.js.key_value(subjects.CURSORS)
        entry = await bucket.get(subjects.cursor_key(row.platform, row.id, "status"))
        said = from_json(entry.value or b"{}")
    except KeyNotFoundError:
        return BotStatus(state="unknown", reason="no adapter has told about this bot yet")
    except (*FAILURES, ValueError) as error:
        log.warning("status_not_read", bot=row.id, error=repr(error))
        return BotStatus(state="unknown", reason="the status cannot be read now")
    return _read_status(said)


def _read_status(said: Any) -> BotStatus:
    if not isinstance(said, dict):
        said = {"state": str(said)}
    if isinstance(said.get("online"), bool):
        said = {"state": "online" if said["online"] else "offline", **said}
    state = str(said.get("state", "unknown"))
    reason, since = said.get("reason"), said.get("since") or said.get("time")
    return BotStatus(
        state=state if state in _STATES else "unknown",
        reason=str(reason) if reason else None,
        since=str(since) if since else None,
    )


async def recheck(gateway: GatewayState, platform: str) -> None:
    """A platform's schema is known now: seal what it calls secret, say what does not fit it."""
    schema = gateway.manifests.schema(platform)
    changed: list[BotConfig] = []
    async with writing(gateway) as session:
        for row in await repository.unchecked(session, platform):
            try:
                check(unseal(row.settings, gateway.sealer), schema or {}, "settings")
            except InvalidInputError as error:
                log.warning("settings_do_not_fit", bot=row.id, error=error.message)
                continue
            row.settings_checked = True
            sealed = seal(row.settings, schema, gateway.sealer)
            if sealed != row.settings:
                row.settings = sealed
                _touch(session, gateway, row)
                changed.append(repository.config_of(row))
            session.add(row)
    for config in changed:
        gateway.config.put_bot(config.id, config)
