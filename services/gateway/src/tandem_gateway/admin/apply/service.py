"""Makes the configuration what was declared: all of it or nothing, and twice is once."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from tandem_common.contract.errors import InvalidInputError
from tandem_gateway.admin.bots import repository as bot_rows, service as bots
from tandem_gateway.admin.bots.schemas import BotCreate, BotUpdate
from tandem_gateway.admin.connections import (
    repository as connection_rows,
    service as connections,
)
from tandem_gateway.admin.connections.schemas import ConnectionUpdate
from tandem_gateway.admin.door import audit
from tandem_gateway.admin.rules import service as rules
from tandem_gateway.models import BotRow, ConnectionRow
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

from .schemas import Applied, Change, Declared, DeclaredBot


class _DryRunError(Exception):
    """Raised at the end of a dry run, so that its transaction is undone."""


def _end_dry_run(declared: Declared) -> None:
    if declared.dry_run:
        raise _DryRunError


class Applying:
    """One run: what it found different, and what memory must learn once it is committed."""

    def __init__(self, gateway: GatewayState, session: AsyncSession, who: Principal) -> None:
        self._gateway, self._session, self._who = gateway, session, who
        self.changes: list[Change] = []
        self.unchanged = 0
        self.learn: list[Callable[[], None]] = []

    async def run(self, declared: Declared) -> None:
        """Bring bots, rules and connections into a transaction."""
        _refuse_twins("bots", [bot.id for bot in declared.bots])
        _refuse_twins("connections", [c.id for c in declared.connections])
        for index, bot in enumerate(declared.bots):
            with _located(f"bots[{index}]"):
                await self._bot(bot)
        for bot_id, given in declared.rules.items():
            row = await bot_rows.find(self._session, bot_id, lock=True)
            if row is None:
                field = f"rules.{bot_id}"
                raise InvalidInputError(f"{field}: there is no such bot.", field=field)
            with _located(bot_id):
                await self._rules(row, given)
        for index, connection in enumerate(declared.connections):
            with _located(f"connections[{index}]"):
                await self._connection(connection)
        if declared.prune:
            await self._prune(declared)
        if self.changes:
            summary = [f"{c.action} {c.kind} {c.id}" for c in self.changes]
            audit(
                self._session, self._gateway, self._who, "config.applied", "config", changes=summary
            )

    def _note(self, kind: Any, ident: str, action: Any, fields: Sequence[str] = ()) -> None:
        self.changes.append(Change(kind=kind, id=ident, action=action, fields=tuple(fields)))

    async def _bot(self, declared: DeclaredBot) -> None:
        row = await bot_rows.find(self._session, declared.id, lock=True)
        if row is not None and row.platform != declared.platform:
            raise InvalidInputError(
                f"platform: bot {row.id!r} lives on {row.platform!r}; delete it first.",
                field="platform",
            )
        if row is None:
            body = BotCreate(**declared.model_dump(exclude={"rules"}))
            row = bots.add(self._session, self._gateway, body, self._who)
            await self._session.flush()
            self._note("bot", row.id, "create")
        else:
            self._update_bot(row, declared)
        kept = row
        self.learn.append(lambda: self._gateway.config.put_bot(kept.id, bot_rows.config_of(kept)))
        if declared.rules is not None:
            await self._rules(row, declared.rules)

    def _update_bot(self, row: BotRow, declared: DeclaredBot) -> None:
        before = bot_rows.config_of(row)
        body = BotUpdate(
            name=declared.name or declared.id,
            settings=declared.settings,
            enabled=declared.enabled,
            default_handler=declared.default_handler,
        )
        if not bots.change(self._session, self._gateway, row, body, self._who):
            self.unchanged += 1
            return
        after = bot_rows.config_of(row)
        fields = [n for n in BotUpdate.model_fields if getattr(before, n) != getattr(after, n)]
        self._note("bot", row.id, "update", fields)

    async def _rules(self, bot: BotRow, given: Sequence[Any]) -> None:
        row = await bot_rows.rules_of(self._session, bot.id)
        if row is None and not given:
            return
        rev = row.rev if row else 0
        new = rules.put(self._session, self._gateway, bot, row, given, self._who)
        if new.rev == rev:
            self.unchanged += 1
            return
        self._note("rules", bot.id, "update" if rev else "create")
        self.learn.append(
            lambda: self._gateway.config.put_rules(bot.id, bot_rows.rules_config(new))
        )

    async def _connection(self, declared: Any) -> None:
        row = await connection_rows.find(self._session, declared.id, lock=True)
        if row is None:
            row = connections.add(self._session, self._gateway, declared, self._who)
            self._note("connection", row.id, "create")
        else:
            self._update_connection(row, declared)
        kept = row
        self.learn.append(
            lambda: self._gateway.config.put_connection(kept.id, connection_rows.config_of(kept))
        )

    def _update_connection(self, row: ConnectionRow, declared: Any) -> None:
        before = connection_rows.config_of(row)
        body = ConnectionUpdate(**declared.model_dump(exclude={"id", "kind"}))
        if "api_key" not in declared.model_fields_set:
            # A file under version control may leave secrets out: what is stored stays.
            body = body.model_copy(update={"api_key": None})
        if not connections.change(self._session, self._gateway, row, body, self._who):
            self.unchanged += 1
            return
        after = connection_rows.config_of(row)
        names = ConnectionUpdate.model_fields
        fields = [n for n in names if getattr(before, n) != getattr(after, n)]
        self._note("connection", row.id, "update", fields)

    async def _prune(self, declared: Declared) -> None:
        wanted = {bot.id for bot in declared.bots}
        for bot in await bot_rows.every(self._session):
            if bot.id not in wanted:
                await bots.remove(self._session, self._gateway, bot, self._who)
                self._note("bot", bot.id, "delete")
                self.learn.append(lambda i=bot.id: self._forget_bot(i))  # type: ignore[misc]
        names = {connection.id for connection in declared.connections}
        for row in await connection_rows.every(self._session):
            if row.id not in names:
                await connections.remove(self._session, self._gateway, row, self._who)
                self._note("connection", row.id, "delete")
                self.learn.append(
                    lambda i=row.id: self._gateway.config.put_connection(i, None)  # type: ignore[misc]
                )

    def _forget_bot(self, bot: str) -> None:
        self._gateway.config.put_bot(bot, None)
        self._gateway.config.put_rules(bot, None)


class _located:  # noqa: N801 - reads as a word in a with statement
    """Puts the place in the document before the field of an error."""

    def __init__(self, at: str) -> None:
        self._at = at

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, InvalidInputError):
            field = f"{self._at}.{error.field}" if error.field else self._at
            sentence = error.message.removeprefix(f"{error.field}: ")
            raise InvalidInputError(f"{field}: {sentence}", field=field) from error


def _refuse_twins(name: str, ids: Sequence[str]) -> None:
    for index, ident in enumerate(ids):
        if ident in ids[:index]:
            field = f"{name}[{index}].id"
            raise InvalidInputError(f"{field}: {ident!r} is declared twice.", field=field)


async def apply(gateway: GatewayState, declared: Declared, who: Principal) -> Applied:
    """Make the configuration what was declared, or say what that would change."""
    run: Applying | None = None
    try:
        async with gateway.database.transaction() as session:
            run = Applying(gateway, session, who)
            await run.run(declared)
            _end_dry_run(declared)
    except _DryRunError:
        pass
    changes, unchanged = (tuple(run.changes), run.unchanged) if run else ((), 0)
    if run is not None and not declared.dry_run:
        gateway.outbox.wake()
        for learn in run.learn:
            learn()
    return Applied(applied=not declared.dry_run, changes=changes, unchanged=unchanged)
