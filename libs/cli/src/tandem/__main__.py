"""The `tandem` command."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from .commands import dlq
from .commands.apply import apply
from .commands.chat import chat
from .commands.doctor import doctor
from .commands.events import events
from .commands.inbox import inbox
from .commands.up import up
from .errors import CommandError

app = typer.Typer(
    name="tandem",
    help="Conversations in, people and machines answering, in tandem.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for command in (up, doctor, chat, inbox, events, apply):
    app.command()(command)
app.add_typer(dlq.app, name="dlq")


def main() -> None:
    """Run the command line; a foreseen failure is a readable line and exit code 1."""
    try:
        app()
    except CommandError as error:
        show(error, Console(stderr=True))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def show(error: CommandError, console: Console) -> None:
    """Print an error: details first, so that the sentence is the last thing read."""
    if error.detail:
        console.print(error.detail, style="dim", markup=False, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True, highlight=False)
    if error.hint:
        console.print(error.hint, markup=False, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
