"""`tandem inbox`: answer people from the terminal."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console

from tandem.desk import Desk, Ticket, list_view, ticket_view
from tandem.errors import CommandError
from tandem.settings import DEFAULT_DATA

from .options import DataOption
from .running import admin_api

_POLL_S = 2.0
_HELP = """\
a number opens a ticket; then
  text          answer, and close the question
  /part text    answer, more will follow
  /note text    for other operators only
  /claim        take it (again /claim! to take it over)   /release   give it back
  /close        end it without words                      /back      to the list
  /quit         leave                                     /help      this"""


def inbox(
    data: DataOption = DEFAULT_DATA,
    once: Annotated[bool, typer.Option("--once", help="Show the list and leave.")] = False,
) -> None:
    """See who is waiting, and answer."""
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        asyncio.run(_inbox(data, once=once or not sys.stdin.isatty()))


async def _inbox(data: Path, *, once: bool) -> None:
    async with admin_api(data) as api:
        session = InboxSession(Desk(api), Console())
        await session.refresh()
        session.show_list()
        if not once:
            await session.run()


class InboxSession:
    """The list, the ticket that is open, and what the operator types."""

    def __init__(self, desk: Desk, console: Console) -> None:
        self._desk, self._console = desk, console
        self._tickets: list[Ticket] = []
        self._open: Ticket | None = None

    async def run(self) -> None:
        """Read lines until the operator leaves; changes are shown in between."""
        self._console.print(_HELP, style="dim", highlight=False)
        prompt: PromptSession[str] = PromptSession()
        watching = asyncio.create_task(self._watch())
        try:
            with patch_stdout(raw=True):
                while await self.obey((await prompt.prompt_async(self._prompt)).strip()):
                    pass
        finally:
            watching.cancel()

    async def obey(self, line: str) -> bool:
        """Do what a line says; return False to leave."""
        if line in ("/quit", "/q", "q"):
            return False
        try:
            await (self._in_ticket(line) if self._open else self._in_list(line))
        except CommandError as error:
            self._console.print(f"! {error.message}", style="red", markup=False)
        return True

    async def refresh(self) -> bool:
        """Read the list; return whether somebody new is waiting."""
        known = {ticket["id"] for ticket in self._tickets}
        self._tickets = await self._desk.waiting()
        return any(ticket["id"] not in known for ticket in self._tickets)

    def show_list(self) -> None:
        """Show who is waiting."""
        self._console.print(list_view(self._tickets))

    def _prompt(self) -> str:
        if self._open is None:
            return "inbox > "
        return f"{self._open['bot']}/{self._open['id'][-6:]} > "

    async def _in_list(self, line: str) -> None:
        if line.isdigit() and 1 <= int(line) <= len(self._tickets):
            await self._show(await self._desk.read(self._tickets[int(line) - 1]["id"]))
        elif line in ("/help", "?"):
            self._console.print(_HELP, style="dim", highlight=False)
        else:
            await self.refresh()
            self.show_list()

    async def _in_ticket(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "/back":
            self._open = None
            await self._in_list("")
        elif word == "/help":
            self._console.print(_HELP, style="dim", highlight=False)
        elif line and self._open is not None:
            await self._act(self._open, word, rest.strip() if word[0] == "/" else line)

    async def _act(self, ticket: Ticket, word: str, text: str) -> None:
        if word.startswith("/") and word not in Desk.ACTIONS:
            raise CommandError(f"{word} is not known; /help lists what is")
        action = Desk.ACTIONS.get(word, Desk.answer)
        await self._show(await action(self._desk, ticket, text))

    async def _show(self, ticket: Ticket) -> None:
        self._open = ticket
        earlier = await self._desk.transcript(ticket)
        self._console.print(ticket_view(ticket, earlier))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            with contextlib.suppress(CommandError):
                if await self.refresh() and self._open is None:
                    self.show_list()
                await self._show_if_changed()

    async def _show_if_changed(self) -> None:
        opened = self._open
        if opened is None:
            return
        now = await self._desk.read(opened["id"])
        if self._open is opened and now["rev"] != opened["rev"]:
            await self._show(now)
