"""`tandem dlq`: messages that could not be handled."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tandem.api import Api
from tandem.errors import CommandError
from tandem.settings import DEFAULT_DATA

from .options import DataOption, JsonOption
from .running import admin_api

app = typer.Typer(help="Messages that could not be handled.", no_args_is_help=True)
_PATH = "/api/v1/dlq"

Ids = Annotated[list[str] | None, typer.Argument(help="Numbers, as `ls` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Every one of them.")]


@app.command("ls")
def list_letters(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """List what lies there, oldest first."""
    letters = asyncio.run(_list(data))
    if as_json:
        for letter in letters:
            typer.echo(json.dumps(letter, ensure_ascii=False))
        return
    Console().print(_table(letters) if letters else "nothing: every message was handled")


@app.command()
def show(letter: str, data: DataOption = DEFAULT_DATA) -> None:
    """Show one with its body."""
    Console().print_json(data=asyncio.run(_show(data, letter)))


@app.command()
def replay(letters: Ids = None, every: All = False, data: DataOption = DEFAULT_DATA) -> None:
    """Send messages on their way again."""
    asyncio.run(_each(data, letters, "replayed", every=every))


@app.command("rm")
def remove(letters: Ids = None, every: All = False, data: DataOption = DEFAULT_DATA) -> None:
    """Throw messages away."""
    asyncio.run(_each(data, letters, "removed", every=every))


async def _list(data: Path) -> list[dict[str, Any]]:
    async with admin_api(data) as api:
        return await api.items(_PATH)


async def _show(data: Path, letter: str) -> Any:
    async with admin_api(data) as api:
        return await api.get(f"{_PATH}/{letter}")


async def _each(data: Path, letters: list[str] | None, done: str, *, every: bool) -> None:
    if bool(letters) == every:
        raise CommandError("name the messages, or say --all", hint="`tandem dlq ls` lists them.")
    async with admin_api(data) as api:
        chosen = letters or [letter["id"] for letter in await api.items(_PATH)]
        for letter in chosen:
            await _one(api, letter, done)
            typer.echo(f"{done} {letter}")


async def _one(api: Api, letter: str, done: str) -> None:
    if done == "replayed":
        await api.post(f"{_PATH}/{letter}/replay")
    else:
        await api.delete(f"{_PATH}/{letter}")


def _table(letters: list[dict[str, Any]]) -> Table:
    table = Table("id", "time", "subject", "tries", "reason", box=None, header_style="bold")
    for letter in letters:
        cells = (letter.get(name) for name in ("id", "time", "subject", "attempts", "reason"))
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))
    return table
