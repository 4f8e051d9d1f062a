"""An operator's work through the admin API, and how tickets look in a terminal."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .api import Api, ApiError
from .errors import CommandError

Ticket = dict[str, Any]
Action = Callable[["Desk", Ticket, str], Awaitable[Ticket]]

_PATH = "/api/v1/tickets"
_MINUTE_S, _HOUR_S = 60, 3600
_STYLES = {"waiting": "bold red", "claimed": "yellow", "answering": "yellow"}


class Desk:
    """What an operator does with tickets."""

    ACTIONS: ClassVar[dict[str, Action]]

    def __init__(self, api: Api) -> None:
        self._api = api

    async def waiting(self) -> list[Ticket]:
        """Return the open tickets, oldest first."""
        return await self._api.items(_PATH, status="open")

    async def read(self, ticket_id: str) -> Ticket:
        """Return a ticket as it is now."""
        return _ticket(await self._api.get(f"{_PATH}/{ticket_id}"))

    async def transcript(self, ticket: Ticket) -> list[dict[str, Any]]:
        """Return what was said in the conversation; nothing where it is not stored."""
        try:
            path = f"/api/v1/conversations/{ticket['conversation_id']}/messages"
            page = await self._api.get(path)
        except ApiError:
            return []
        return list(page.get("items", []))

    async def answer(self, ticket: Ticket, text: str) -> Ticket:
        """Answer, and close the question."""
        return await self._reply(ticket, text, final=True)

    async def part(self, ticket: Ticket, text: str) -> Ticket:
        """Answer, with more to follow."""
        return await self._reply(ticket, text, final=False)

    async def note(self, ticket: Ticket, text: str) -> Ticket:
        """Leave a note for other operators."""
        body = {"text": _needed(text), "idempotency_key": str(uuid4())}
        return await self._do(ticket, "note", body)

    async def claim(self, ticket: Ticket, _: str) -> Ticket:
        """Take it."""
        return await self._do(ticket, "claim", {})

    async def take_over(self, ticket: Ticket, _: str) -> Ticket:
        """Take it from somebody else."""
        return await self._do(ticket, "claim", {"force": True})

    async def release(self, ticket: Ticket, _: str) -> Ticket:
        """Give it back."""
        return await self._do(ticket, "release", {})

    async def close(self, ticket: Ticket, _: str) -> Ticket:
        """End it without words."""
        return await self._do(ticket, "close", {})

    async def _reply(self, ticket: Ticket, text: str, *, final: bool) -> Ticket:
        body = {
            "text": _needed(text),
            "final": final,
            "expected_rev": ticket["rev"],
            "idempotency_key": str(uuid4()),
        }
        return await self._do(ticket, "reply", body)

    async def _do(self, ticket: Ticket, op: str, body: dict[str, Any]) -> Ticket:
        return _ticket(await self._api.post(f"{_PATH}/{ticket['id']}/{op}", body))


Desk.ACTIONS = {
    "/part": Desk.part,
    "/note": Desk.note,
    "/claim": Desk.claim,
    "/claim!": Desk.take_over,
    "/release": Desk.release,
    "/close": Desk.close,
}


def _ticket(answer: Any) -> Ticket:
    if not isinstance(answer, dict):
        raise CommandError("the gateway did not answer with a ticket")
    return answer


def _needed(text: str) -> str:
    if not text:
        raise CommandError("there is nothing to say: write the text after the command")
    return text


def waited(ticket: Ticket, now: datetime | None = None) -> str:
    """Say how long somebody has been waiting."""
    opened = datetime.fromisoformat(ticket["opened_at"])
    seconds = int(((now or datetime.now(UTC)) - opened).total_seconds())
    if seconds < _MINUTE_S:
        return f"{max(seconds, 0)} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    return f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S} min"


def list_view(tickets: list[Ticket]) -> RenderableType:
    """Lay out who is waiting."""
    if not tickets:
        return Text("nobody is waiting", style="dim")
    table = Table("", "state", "waits", "from", "bot", "with", "question", box=None)
    for number, ticket in enumerate(tickets, start=1):
        questions = ticket.get("questions") or [{}]
        cells = (
            str(number),
            Text(ticket["state"], style=_STYLES.get(ticket["state"], "")),
            waited(ticket),
            Text(_name(ticket.get("user"))),
            Text(f"{ticket['platform']}/{ticket['bot']}"),
            Text(_name(ticket.get("assignee"))),
            Text(str(questions[-1].get("text", "")), overflow="ellipsis", no_wrap=True),
        )
        table.add_row(*cells)
    return table


def ticket_view(ticket: Ticket, earlier: list[dict[str, Any]]) -> RenderableType:
    """Lay out a ticket: the conversation, then what operators noted."""
    head = Text(f"\n{_name(ticket.get('user'))} on {ticket['platform']}/{ticket['bot']}, ")
    head.append(ticket["state"], style=_STYLES.get(ticket["state"], "dim"))
    if ticket.get("assignee"):
        head.append(f", with {_name(ticket['assignee'])}")
    said = [_entry(e["time"], _speaker(e), e["text"], e["direction"] == "in") for e in earlier]
    if not said:
        said = _own_lines(ticket)
    notes = [
        Text(f"  note by {_name(note.get('author'))}: {note['text']}", style="italic dim")
        for note in ticket.get("notes", [])
    ]
    return Group(head, *said, *notes)


def _own_lines(ticket: Ticket) -> list[Text]:
    name = _name(ticket.get("user"))
    asked = [(q["time"], name, q["text"], True) for q in ticket.get("questions", [])]
    given = [(p["time"], _name(p["author"]), p["text"], False) for p in ticket.get("parts", [])]
    return [_entry(*line) for line in sorted(asked + given, key=lambda line: line[0])]


def _entry(time: str, who: str, text: str, is_incoming: bool) -> Text:
    moment = datetime.fromisoformat(time).astimezone()
    line = Text(f"  {moment:%H:%M} ", style="dim")
    line.append(f"{who}: ", style="bold cyan" if is_incoming else "bold green")
    return line.append(text, style="default")


def _speaker(entry: dict[str, Any]) -> str:
    author = entry.get("author") or {}
    return str(author.get("name") or author.get("id") or author.get("kind") or "?")


def _name(who: dict[str, Any] | None) -> str:
    if not who:
        return ""
    return str(who.get("name") or who.get("username") or who.get("id") or who.get("kind") or "")
