"""Calls to an implementation: actions out, answers in, matched by their echo."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from tandem_adapters.base import Fetch
from tandem_common.contract.errors import (
    ForbiddenError,
    TandemError,
    UnavailableError,
)

from .errors import error_of, error_of_status, no_answer, no_line
from .wire import Answer

_OK = 200
_READS = ("get_", "can_", "_get")


def changes(action: str) -> bool:
    """Say whether an action does more than read."""
    return not action.startswith(_READS)


class Line(Protocol):
    """A socket to an implementation."""

    async def send(self, text: str) -> bool:
        """Write a frame; False when the line was dead before anything was written."""
        ...


class Client:
    """Calls actions over a line, or over HTTP when there is none."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._echoes = itertools.count(1)
        self._waiting: dict[str, tuple[asyncio.Future[Answer], Line]] = {}
        self.line: Line | None = None
        self.post: Callable[[str, Mapping[str, Any]], Awaitable[Answer]] | None = None

    @property
    def can_call(self) -> bool:
        """Whether there is any way to the implementation now."""
        return self.line is not None or self.post is not None

    async def call(self, action: str, params: Mapping[str, Any] | None = None) -> Any:
        """Carry out an action and return its data.

        Raises:
            UnavailableError: Nothing was sent.
            UnknownOutcomeError: It was sent and nothing came back; it may have happened.
            TandemError: What the implementation answered.
        """
        if self.line is not None:
            answer = await self._over_line(self.line, action, params or {})
        elif self.post is not None:
            answer = await self.post(action, params or {})
        else:
            raise no_line(action)
        if answer.status == "failed" or answer.retcode not in (0, 1):
            raise error_of(action, answer)
        return answer.data

    async def _over_line(self, line: Line, action: str, params: Mapping[str, Any]) -> Answer:
        echo = str(next(self._echoes))
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[echo] = (future, line)
        frame = orjson.dumps({"action": action, "params": params, "echo": echo}).decode()
        try:
            if not await line.send(frame):
                raise no_line(action)
            return await asyncio.wait_for(future, self._timeout_s)
        except (TimeoutError, ConnectionError) as error:
            raise no_answer(action, changes=changes(action)) from error
        finally:
            self._waiting.pop(echo, None)

    def take(self, text: str) -> bool:
        """Take in an answer; False when nobody waits for it, or it is none."""
        try:
            answer = Answer.model_validate_json(text)
        except ValidationError:
            return False
        waiting = self._waiting.get(str(answer.echo))
        if waiting is None or waiting[0].done():
            return False
        waiting[0].set_result(answer)
        return True

    def hung_up(self, line: Line) -> None:
        """A line is dead: who waits on it will get no answer any more."""
        for future, over in self._waiting.values():
            if over is line and not future.done():
                future.set_exception(ConnectionResetError("the line went down"))


def poster(
    fetch: Fetch, api_url: str, token: str, timeout_s: float
) -> Callable[[str, Mapping[str, Any]], Awaitable[Answer]]:
    """Return what posts an action to the implementation's HTTP API."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    async def post(action: str, params: Mapping[str, Any]) -> Answer:
        body = orjson.dumps(params)
        try:
            said = await fetch(
                "POST", f"{api_url}/{action}", headers=headers, body=body, timeout_s=timeout_s
            )
        except TandemError as error:
            raise _not_posted(action, error) from error
        if said.status != _OK:
            raise error_of_status(action, said.status)
        try:
            return Answer.model_validate_json(said.body)
        except ValidationError as error:
            raise no_answer(action, changes=changes(action)) from error

    return post


def _not_posted(action: str, error: TandemError) -> TandemError:
    """Tell what never left from what may have arrived."""
    never_left = isinstance(error, ForbiddenError) or "cannot be reached" in error.message
    if never_left:
        return UnavailableError(f"{action}: {error.message}", retry_after_s=1)
    return no_answer(action, changes=changes(action))
