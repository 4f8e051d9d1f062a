"""Platform API calls: `api.<platform>.<bot>.<method>`, answered by whoever speaks for the bot."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from nats.aio.msg import Msg
from pydantic import ValidationError

from tandem_common.contract.capabilities import Manifest
from tandem_common.contract.commands import (
    ApiRequest,
    CallPlatformApi,
    Command,
    CommandResult,
    DeliverTurn,
)
from tandem_common.contract.errors import (
    InternalError,
    InvalidInputError,
    TandemError,
    TimeLimitError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from tandem_common.contract.outcomes import Author
from tandem_common.runtime.broker import CONNECTION_ERRORS, invalid_input
from tandem_common.runtime.logging import get_logger

from .base import Adapter, Step

log = get_logger(__name__)

_DEADLINE_S = 20.0
_CALLER = Author(kind="bot")
_REMEMBERED = 10_000
_READS = "get_"


class ApiDesk:
    """Answers calls. A changing call repeated with the same key answers with the first result."""

    def __init__(self, manifest: Manifest, adapter_of: Callable[[str], Adapter | None]) -> None:
        self._adapter_of, self._platform = adapter_of, manifest.name
        self._commands = {capability.name for capability in manifest.commands}
        self._actions = {action.name: action.changes for action in manifest.actions}
        self._results: OrderedDict[str, asyncio.Future[CommandResult]] = OrderedDict()

    async def answer(self, bot: str, msg: Msg) -> None:
        """Answer one call."""
        adapter = self._adapter_of(bot)
        if adapter is None or not adapter.can_send:
            away = UnavailableError(f"the bot {bot} is not connected here now", retry_after_s=1)
            result = _refused(away)
        else:
            result = await self._result(adapter, bot, msg)
        with contextlib.suppress(*CONNECTION_ERRORS):
            await msg.respond(result.to_json())

    async def _result(self, adapter: Adapter, bot: str, msg: Msg) -> CommandResult:
        try:
            request = _request_of(msg)
            self._check(request)
            return await self._once(adapter, bot, request)
        except ValidationError as error:
            return _refused(invalid_input(error))
        except TandemError as error:
            return _refused(error)
        except TimeoutError:
            return _refused(TimeLimitError(f"no answer from {self._platform} in {_DEADLINE_S} s"))
        except Exception as error:
            log.exception("api_call_failed", bot=bot, error=repr(error))
            return _refused(InternalError("the call failed; the adapter's log says why"))

    def _check(self, request: ApiRequest) -> None:
        """Let through what the manifest declares; what changes something needs a key."""
        command = request.command
        if isinstance(command, DeliverTurn):
            raise UnsupportedError("a turn is delivered by its outcome, not by a call")
        if command.kind not in self._commands:
            raise UnsupportedError(f"{self._platform} has no {command.kind}")
        if isinstance(command, CallPlatformApi) and command.action not in self._actions:
            raise UnsupportedError(
                f"{self._platform} declares no action {command.action[:80]!r}",
                field="command.action",
                details={"actions": sorted(self._actions)},
            )
        if self._changes(command) and not request.idempotency_key:
            raise InvalidInputError(
                f"{command.kind} changes something: give an idempotency_key",
                field="idempotency_key",
            )

    def _changes(self, command: Command) -> bool:
        if isinstance(command, CallPlatformApi):
            return self._actions[command.action]
        return command.kind != "set_typing" and not command.kind.startswith(_READS)

    async def _once(self, adapter: Adapter, bot: str, request: ApiRequest) -> CommandResult:
        key = request.idempotency_key
        if key is None:
            return await self._carry_out(adapter, request.command, "")
        name = f"{bot}:{key}"
        known = self._results.get(name)
        if known is None:
            known = asyncio.ensure_future(self._carry_out(adapter, request.command, key))
            self._results[name] = known
            if len(self._results) > _REMEMBERED:
                self._results.popitem(last=False)
        try:
            return await asyncio.shield(known)
        except UnknownOutcomeError:
            raise  # a repeat would do it a second time: it hears the same
        except BaseException:
            self._results.pop(name, None)  # a failure may be tried again
            raise

    async def _carry_out(self, adapter: Adapter, command: Command, key: str) -> CommandResult:
        steps: Sequence[Step] = adapter.plan(command)
        data: Any = None
        ids: list[str] = []
        reduced: list[str] = []
        async with asyncio.timeout(_DEADLINE_S):
            for number, step in enumerate(steps):
                done = await adapter.perform(step, f"{key}:{number}", _CALLER)
                data = done.data if done.data is not None else data
                ids += [done.message_id] if done.message_id else []
                reduced += done.reduced
        if ids:
            data = {"message_id": ids[0], "message_ids": ids}
        return CommandResult(ok=True, data=data, reduced=tuple(reduced))


def _request_of(msg: Msg) -> ApiRequest:
    request = ApiRequest.read(msg.data)
    method = msg.subject.rpartition(".")[2]
    if request.command.kind != method:
        raise InvalidInputError(
            f"the subject says {method}, the body {request.command.kind}", field="command"
        )
    return request


def _refused(error: TandemError) -> CommandResult:
    return CommandResult(ok=False, error=error.body())
