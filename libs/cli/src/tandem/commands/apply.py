"""`tandem apply`: the configuration from a file, with the differences shown."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from tandem.declared import apply_declared, read_declared
from tandem.settings import DEFAULT_DATA

from .options import DataOption
from .running import admin_api

_SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}


def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="The configuration (tandem.yaml).")],
    data: DataOption = DEFAULT_DATA,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the differences, change nothing.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete bots and connections that are not declared.")
    ] = False,
) -> None:
    """Bring bots, rules and connections to what a file declares."""
    declared = read_declared(file)
    result = asyncio.run(_apply(data, declared, dry_run=dry_run, prune=prune))
    console = Console()
    for line in changes(result):
        console.print(line, highlight=False, soft_wrap=True)


async def _apply(
    data: Path, declared: dict[str, Any], *, dry_run: bool, prune: bool
) -> dict[str, Any]:
    async with admin_api(data) as api:
        return await apply_declared(api, declared, dry_run=dry_run, prune=prune)


def changes(result: dict[str, Any]) -> list[str]:
    """Return the lines that tell what differs, and what became of it."""
    found = result.get("changes", [])
    lines = [_change(change) for change in found]
    unchanged = result.get("unchanged", 0)
    if not found:
        return [f"nothing to change, {unchanged} as declared"]
    done = "applied" if result.get("applied") else "not applied (dry run)"
    return [*lines, f"{len(found)} {'change' if len(found) == 1 else 'changes'} {done}"]


def _change(change: dict[str, Any]) -> str:
    sign, colour = _SIGNS.get(change["action"], ("?", "white"))
    fields = ", ".join(change.get("fields") or [])
    what = escape(f"{change['kind']} {change['id']}" + (f": {fields}" if fields else ""))
    return f"[{colour}]{sign} {what}[/]"
