"""Holding a caller while somebody writes: as a stream of chunks, or a padded answer.

A caller attaches to a turn and does not own it: when it leaves, the turn goes on, and its retry
attaches again.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from tandem_common.contract.components import plain_text
from tandem_common.contract.errors import ErrorBody, TandemError, TimeLimitError, error_from
from tandem_common.contract.turns import TurnEvent, TurnFinal, TurnPart
from tandem_common.runtime.turnlog import attach
from tandem_gateway.state import GatewayState

from .chunks import ChunkWriter, completion, error_block
from .errors import body_of
from .http import Exchange
from .request import Question

_PAD_AFTER_S = 20.0
"""Fast errors keep their status; whoever waits longer is padded."""
_HEADROOM = 0.9
_PARTS_JOINED = "\n\n"


@dataclass(frozen=True)
class Pace:
    """How a waiting caller is kept alive."""

    every_s: float
    pad_after_s: float
    give_up_s: float | None
    """Of callers whose own deadline no padding moves."""


def pace_of(question: Question, keepalive_s: float) -> Pace:
    """Choose by what the caller says of its own patience (`x-stainless-…-timeout`)."""
    every, pad_after = keepalive_s, _PAD_AFTER_S
    if question.read_timeout_s is not None:
        every = min(every, question.read_timeout_s / 3)
        pad_after = min(pad_after, question.read_timeout_s / 3)
    give_up = None
    if question.total_timeout_s is not None and not question.is_stream:
        give_up = question.total_timeout_s * _HEADROOM
    return Pace(every, pad_after, give_up)


class Waiting:
    """Answers one caller from a turn's log."""

    def __init__(self, gateway: GatewayState, question: Question, turn: str) -> None:
        self._gateway, self._question, self._turn = gateway, question, turn
        self._pace = pace_of(question, gateway.settings.keepalive_s)
        self._created = int(gateway.clock.now().timestamp())
        self._began = time.perf_counter()

    async def answer(self, exchange: Exchange) -> None:
        """Wait for the turn's end and say it to the caller."""
        if self._question.is_stream:
            await self._stream(exchange)
        else:
            await self._whole(exchange)

    def _headers(self, content_type: str) -> dict[str, str]:
        elapsed = round((time.perf_counter() - self._began) * 1000)
        return {
            "content-type": content_type,
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            "x-tandem-turn": self._turn,
            "openai-processing-ms": str(elapsed),
        }

    async def _events(self, first_pause_s: float) -> AsyncGenerator[TurnEvent | None, None]:
        """Yield the turn's entries, and None whenever it was quiet for a while."""
        arrived: asyncio.Queue[TurnEvent | None] = asyncio.Queue()

        async def pump() -> None:
            async with aclosing(attach(self._gateway.broker, self._turn)) as entries:
                async for entry in entries:
                    arrived.put_nowait(entry)
            arrived.put_nowait(None)

        pumping = asyncio.ensure_future(pump())
        pause = first_pause_s
        try:
            while True:
                try:
                    entry = await asyncio.wait_for(arrived.get(), pause)
                except TimeoutError:
                    yield None
                    pause = self._pace.every_s
                    continue
                if entry is None:
                    await pumping  # raises what ended it
                    return
                yield entry
        finally:
            pumping.cancel()

    # -- stream --------------------------------------------------------------------------------

    async def _stream(self, exchange: Exchange) -> None:
        question = self._question
        writer = ChunkWriter(
            self._turn, question.model, self._created, with_usage=question.with_usage
        )
        await exchange.start(200, self._headers("text/event-stream; charset=utf-8"))
        await exchange.write(writer.first())
        said = ""
        async with aclosing(self._events(self._pace.every_s)) as entries:
            async for entry in entries:
                if entry is None:
                    await exchange.write(writer.keepalive())
                    continue
                if entry.kind == "failed":
                    await exchange.write(error_block(_error_body(entry.error)), more=False)
                    return
                text = _new_text(entry, said)
                if text:
                    said += text
                    await exchange.write(writer.text(text))
        await exchange.write(writer.last(), more=False)

    # -- whole ---------------------------------------------------------------------------------

    async def _whole(self, exchange: Exchange) -> None:
        deadline = self._pace.give_up_s
        try:
            async with asyncio.timeout(deadline):
                body = await self._body(exchange)
        except TimeoutError:
            error = TimeLimitError(
                f"Nobody has answered yet. The question is kept: ask again, or stream "
                f"(turn {self._turn})."
            )
            await exchange.refuse(error)
            return
        except TandemError as error:
            if not exchange.is_started:
                await exchange.refuse(error)
                return
            body = orjson.dumps(body_of(error))
        if exchange.is_started:
            await exchange.write(body, more=False)
        else:
            await exchange.answer(200, self._headers("application/json"), body)

    async def _body(self, exchange: Exchange) -> bytes:
        said = ""
        async with aclosing(self._events(self._pace.pad_after_s)) as entries:
            async for entry in entries:
                if entry is None:
                    if not exchange.is_started:
                        await exchange.start(200, self._headers("application/json"))
                    await exchange.write(b" ")
                elif entry.kind == "failed":
                    raise error_from(entry.error)
                else:
                    said += _new_text(entry, said)
        return completion(self._turn, self._question.model, self._created, said)


def _new_text(entry: TurnEvent, said: str) -> str:
    """Return what an entry adds to what was said so far."""
    if entry.kind == "delta":
        return entry.text
    if isinstance(entry, TurnPart):
        text = plain_text(entry.components)
        return f"{_PARTS_JOINED}{text}" if said else text
    if isinstance(entry, TurnFinal) and not said:
        return entry.text
    return ""


def _error_body(error: ErrorBody) -> dict[str, object]:
    return body_of(error_from(error))
