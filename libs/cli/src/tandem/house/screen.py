"""What the reader of `tandem up` sees."""

import json
import time
from typing import Any

from rich.console import Console
from rich.markup import escape

from tandem.errors import CommandError
from tandem.strings import STRINGS

_NAME_WIDTH = 16
_LABEL_WIDTH = 14


class Screen:
    """Progress, trouble and the closing page."""

    def __init__(self, console: Console, language: str = "en") -> None:
        self._console, self._language = console, language
        self._began = time.monotonic()

    def line(self, text: str) -> None:
        """Show a line, never broken: links and commands are copied from here."""
        self._console.print(text, soft_wrap=True, highlight=False)

    def starting(self, data: str) -> None:
        """Say that it begins."""
        self.line(f"[bold]tandem[/] starting, data in {escape(data)}")

    def ready(self, name: str, seconds: float) -> None:
        """Say that a program is ready."""
        self.line(f"  [green]✓[/] {name:<{_NAME_WIDTH}} ready [dim]{seconds:.1f} s[/]")

    def exited(self, name: str, code: int, delay_s: float) -> None:
        """Say that a program ended and comes back."""
        self.line(f"  [yellow]![/] {name:<{_NAME_WIDTH}} ended with {code}, again in {delay_s:g} s")

    def killed(self, name: str) -> None:
        """Say that a program did not stop when asked."""
        self.line(f"  [yellow]![/] {name:<{_NAME_WIDTH}} did not stop when asked, killed")

    def trouble(self, error: CommandError) -> None:
        """Say what went wrong after the start, where the house goes on."""
        self.line(f"  [yellow]![/] {escape(error.message)}")

    def stopping(self) -> None:
        """Say that it ends."""
        self.line("stopping")

    def stopped(self, seconds: float) -> None:
        """Say that it has ended."""
        self.line(f"stopped [dim]{seconds:.1f} s[/]")

    def closing(self, facts: dict[str, Any]) -> None:
        """Show where everything is."""
        took = time.monotonic() - self._began
        self.line(f"\n[bold green]Tandem is ready[/] [dim]in {took:.1f} s[/]\n")
        for label, value in _places(facts):
            self.line(f"  [bold]{label:<{_LABEL_WIDTH}}[/]{escape(value)}")
        self.line("\n  [bold]try it[/]\n")
        self.line(escape(curl(facts["gateway"], facts["api_key"])))
        self.line(f"\n  {STRINGS['ready']['en']}")
        if self._language != "en":
            self.line(f"  {STRINGS['ready'][self._language]}")


def _places(facts: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("console", facts["console"]),
        ("owner link", f"{facts['owner_link']}  (works once)"),
        ("OpenAI API", f"{facts['gateway']}/v1"),
        ("API key", facts["api_key"]),
        ("admin API", f"{facts['gateway']}/api/v1/docs"),
        ("admin key", facts["admin_key"]),
        ("OneBot", facts["onebot"]["reverse_ws"]),
        ("OneBot token", facts["onebot"]["access_token"]),
        ("NATS", facts["nats"]),
        ("Temporal", facts["temporal"]),
    ]


def curl(gateway: str, api_key: str) -> str:
    """Return a command that gets an answer."""
    body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hello"}]})
    return (
        f"  curl {gateway}/v1/chat/completions \\\n"
        f"    -H 'Authorization: Bearer {api_key}' \\\n"
        f"    -H 'Content-Type: application/json' \\\n"
        f"    -d '{body}'"
    )
