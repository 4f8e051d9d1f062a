"""`tandem chat`: talk to a model or bot from the terminal, as any OpenAI client does."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from prompt_toolkit import PromptSession
from rich.console import Console

from tandem.api import Api
from tandem.errors import CommandError
from tandem.settings import DEFAULT_DATA

from .options import DataOption
from .running import connection

_PATH = "/v1/chat/completions"
_END = "[DONE]"


def chat(
    model: Annotated[str, typer.Option(help="A model the gateway knows.")] = "",
    bot: Annotated[str, typer.Option(help="A bot of platform openai; the same as its model.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Talk to a model or bot; Ctrl-C stops an answer, Ctrl-D ends."""
    if model and bot:
        raise CommandError("give either --model or --bot")
    asyncio.run(_chat(data, model or bot or "echo"))


async def _chat(data: Path, model: str) -> None:
    found = connection(data)
    console = Console()
    history: list[dict[str, str]] = []
    async with Api(found.gateway, found.api_key) as api:
        async for said in _lines(model):
            history.append({"role": "user", "content": said})
            answer = await _interruptible(_answer(api, model, history, console))
            console.print()
            history.append({"role": "assistant", "content": answer})


async def _interruptible(answering: Coroutine[Any, Any, str]) -> str:
    """Let Ctrl-C end the answer and not the conversation."""
    task = asyncio.create_task(answering)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await task
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _answer(api: Api, model: str, history: list[dict[str, str]], console: Console) -> str:
    """Show an answer as it comes; Ctrl-C keeps what has come."""
    spoken: list[str] = []
    body = {"model": model, "messages": history, "stream": True}
    with contextlib.suppress(asyncio.CancelledError):
        async with api.stream(_PATH, body) as blocks:
            async for block in blocks:
                piece = piece_of(block)
                spoken.append(piece)
                console.print(piece, end="", markup=False, highlight=False, soft_wrap=True)
    return "".join(spoken)


def piece_of(block: str) -> str:
    """Return the text a chunk of the stream adds.

    Raises:
        CommandError: The stream tells of an error.
    """
    if block == _END:
        return ""
    chunk: dict[str, Any] = json.loads(block)
    error = chunk.get("error")
    if error:
        raise CommandError(str(error.get("message") or error))
    choices = chunk.get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("content") or "")


async def _lines(model: str) -> AsyncIterator[str]:
    """Yield what the user says, from a prompt or from a pipe."""
    if not sys.stdin.isatty():
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip():
                yield line.strip()
        return
    session: PromptSession[str] = PromptSession(f"{model} > ")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            said = (await session.prompt_async()).strip()
            if said:
                yield said
