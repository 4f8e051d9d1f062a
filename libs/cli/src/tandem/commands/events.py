"""`tandem events`: what happens, as it happens."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from tandem.connection import need_nats
from tandem.settings import DEFAULT_DATA
from tandem_common.contract import subjects
from tandem_common.contract.components import plain_text
from tandem_common.contract.events import read_event
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.turns import read_turn_event

from .options import DataOption, JsonOption
from .running import connection

EVERYTHING = (subjects.ALL_EVENTS, subjects.ALL_OUTCOMES, subjects.ALL_TURNS)
_COLOURS = {"evt": "cyan", "out": "green", "turn": "magenta"}
_TOKEN_SHOWN = 8
_EXCERPT = 300


@dataclass(frozen=True)
class Line:
    """One thing that happened, in the reader's words."""

    time: datetime
    where: str
    what: str
    who: str = ""
    text: str = ""


def events(
    subject: Annotated[
        str, typer.Argument(help="What to follow; without it events, outcomes and turns.")
    ] = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Follow events, outcomes and turns until Ctrl-C."""
    console = Console()
    shown = _print_json if as_json else _printer(console)
    asyncio.run(_follow(data, (subject,) if subject else EVERYTHING, shown))


async def _follow(data: Path, wanted: tuple[str, ...], shown: Callable[[str, bytes], None]) -> None:
    import nats  # noqa: PLC0415 - a third of a second that other commands need not wait

    url, nkey_file = need_nats(connection(data))
    client = await nats.connect(url, nkeys_seed=str(nkey_file), max_reconnect_attempts=-1)

    async def on_message(msg: Any) -> None:
        shown(msg.subject, msg.data)

    for one in wanted:
        await client.subscribe(one, cb=on_message)
    try:
        await asyncio.Event().wait()
    finally:
        await client.close()


def _print_json(subject: str, data: bytes) -> None:
    try:
        body = json.loads(data)
    except ValueError:
        body = data.decode(errors="replace")
    typer.echo(json.dumps({"subject": subject, "body": body}, ensure_ascii=False))


def _printer(console: Console) -> Callable[[str, bytes], None]:
    def show(subject: str, data: bytes) -> None:
        console.print(render(subject, describe(subject, data)), soft_wrap=True, highlight=False)

    return show


def describe(subject: str, data: bytes) -> Line:
    """Say what a message means; one that is not understood is shown as it is."""
    readers = {"evt": _event, "out": _outcome, "turn": _turn}
    reader = readers.get(subject.partition(".")[0])
    if reader is not None:
        try:
            return reader(subject, data)
        except (ValidationError, ValueError):
            pass
    return Line(datetime.now(UTC), subject, "?", text=data[:_EXCERPT].decode(errors="replace"))


def render(subject: str, line: Line) -> Text:
    """Lay a line out in columns and colours."""
    colour = _COLOURS.get(subject.partition(".")[0], "white")
    text = Text(f"{line.time.astimezone():%H:%M:%S} ", style="dim")
    text.append(f"{line.where:<34} ", style=colour)
    text.append(f"{line.what:<22} ", style=f"bold {colour}")
    if line.who:
        text.append(f"{line.who}: ", style="bold")
    return text.append(line.text.replace("\n", " ⏎ ")[:_EXCERPT])


def _event(subject: str, data: bytes) -> Line:
    place = subjects.parse_event(subject)
    event = read_event(data)
    message = getattr(event, "message", None)
    return Line(
        time=event.time,
        where=f"{place.platform}/{place.bot}/{place.conversation[:_TOKEN_SHOWN]}",
        what=event.type,
        who=(event.actor.name or event.actor.id) if event.actor else "",
        text=message.text if message else "",
    )


def _outcome(subject: str, data: bytes) -> Line:
    platform, bot, conversation = subjects.parse_out(subject)
    outcome = Outcome.read(data)
    said = [
        plain_text(command.components)
        for command in outcome.commands
        if hasattr(command, "components")
    ]
    return Line(
        time=outcome.time,
        where=f"{platform}/{bot}/{conversation[:_TOKEN_SHOWN]}",
        what=f"outcome {outcome.handled_by.kind}",
        who=outcome.author.name or outcome.author.kind,
        text=" | ".join(said) or ", ".join(c.kind for c in outcome.commands) or "(nothing to do)",
    )


def _turn(_: str, data: bytes) -> Line:
    event = read_turn_event(data)
    author = getattr(event, "author", None)
    spoken = getattr(event, "text", None) or plain_text(getattr(event, "components", ()))
    error = getattr(event, "error", None)
    return Line(
        time=event.time,
        where=f"turn/{event.turn[-_TOKEN_SHOWN:]}/{event.n}",
        what=event.kind,
        who=(author.name or author.kind) if author else "",
        text=error.message if error else spoken,
    )
