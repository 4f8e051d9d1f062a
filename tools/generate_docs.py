"""Writes the pages of docs/ that are made from the code: settings.md and contract.md."""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tandem_common.contract import subjects
from tandem_common.contract.commands import Command
from tandem_common.contract.components import Component
from tandem_common.contract.errors import ERRORS
from tandem_common.contract.events import EVENT_CLASSES, Caller, PlatformEvent
from tandem_common.contract.message import Message
from tandem_common.contract.outcomes import Outcome
from tandem_common.contract.relay import OpenTicket, Ticket, TicketChange
from tandem_common.contract.rules import Rule
from tandem_common.contract.turns import TurnEvent
from tandem_common.runtime.settings import ServiceSettings

DOCS = Path(__file__).parents[1] / "docs"
SERVICES = ("gateway", "adapters", "router", "relay", "box")
_HEAD = "<!-- Made by `python -m tools.generate_docs`. Change the code, not this page. -->\n"


def settings_page() -> str:
    """Return the page about the environment variables of all services."""
    common = _settings_table("", ServiceSettings.model_fields, {})
    services = [
        f"## {service}\n\n{_settings_table(service, found.model_fields, _inherited())}"
        for service, found in settings_classes()
    ]
    return "\n".join(
        [
            _HEAD,
            "# Settings\n",
            "Each service reads its environment once, at start. A variable of all services, such",
            "as `TANDEM_NATS_URL`, can be given for one service alone by putting its name in",
            "between: `TANDEM_ROUTER_NATS_URL`. `tandem up` sets what is needed on one machine.\n",
            f"## All services\n\n{common}",
            *services,
            "## The command line\n",
            _rows(("variable", "default", "meaning"), _CLI_VARIABLES),
        ]
    )


_CLI_VARIABLES = [
    ("`TANDEM_URL`", "", "Gateway the commands talk to, instead of the one in `--data`."),
    ("`TANDEM_API_KEY`", "", "Key for that gateway."),
    ("`TANDEM_LOG_LEVEL`", "`INFO`", "Level of the services `tandem up` starts."),
    ("`TANDEM_UP_FOLLOW_PARENT`", "", "`1`: `tandem up` ends when its parent process is gone."),
]


def settings_classes() -> Iterator[tuple[str, type[ServiceSettings]]]:
    """Return the settings of every service that has some."""
    for service in SERVICES:
        name = f"tandem_{service}.settings"
        if importlib.util.find_spec(name) is None:
            continue
        module = importlib.import_module(name)
        for value in vars(module).values():
            if _is_settings(value) and value.__module__ == name:
                yield service, value


def _is_settings(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, ServiceSettings)


def _inherited() -> dict[str, FieldInfo]:
    return dict(ServiceSettings.model_fields)


def _settings_table(
    service: str, fields: dict[str, FieldInfo], inherited: dict[str, FieldInfo]
) -> str:
    prefix = f"TANDEM_{service.upper()}_" if service else "TANDEM_"
    rows = [
        (f"`{prefix}{name.upper()}`", _default(field), field.description or "")
        for name, field in fields.items()
        if name not in inherited or field.default != inherited[name].default
    ]
    return _rows(("variable", "default", "meaning"), rows) if rows else "Only the common ones.\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "" or isinstance(value, SecretStr):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def contract_page() -> str:
    """Return the page about what crosses a wire."""
    return "\n".join(
        [
            _HEAD,
            "# The contract\n",
            "What services, plugins and the outside exchange: plain JSON, one model each, defined",
            "in `tandem_common.contract`. New optional fields may be added at any time, and readers",
            "drop fields they do not know.\n",
            "## Events\n",
            _models((*EVENT_CLASSES, PlatformEvent), "type"),
            _model(Message),
            _model(Caller),
            "## Components\n",
            _models(_members(Component), "kind"),
            "## Commands\n",
            _models(_members(Command), "kind"),
            "## Outcomes\n",
            _model(Outcome),
            "## Turns\n",
            _models(_members(TurnEvent), "kind"),
            "## Rules\n",
            _model(Rule),
            "## Tickets\n",
            _model(OpenTicket),
            _model(Ticket),
            _model(TicketChange),
            "## Errors\n",
            _rows(("code", "raised when", "retry"), map(_error, ERRORS.items())),
            "## Subjects and streams\n",
            _rows(("subject", "what"), _SUBJECTS),
        ]
    )


def _error(item: tuple[str, Any]) -> tuple[str, ...]:
    code, cls = item
    why = str(cls.__doc__).partition("\n")[0].removeprefix("Raised when ").removeprefix("Raised ")
    return f"`{code}`", why, "yes" if cls.retryable else ""


_SUBJECTS = [
    (f"`{subjects.events_source()}`", f"`{subjects.EVENTS}`: platform, bot, type, conversation"),
    (f"`{subjects.out('<platform>', '<bot>', '<conversation>')}`", "one stream a platform"),
    (f"`{subjects.turn('<turn>', '<kind>')}`", f"`{subjects.TURNS}`: logs of turns"),
    (f"`{subjects.all_tickets()}`", f"`{subjects.TICKETS}`: a person shall answer, or need not"),
    (f"`{subjects.api('<platform>', '<bot>', '<method>')}`", "request and reply with an adapter"),
    (f"`{subjects.hook('<platform>', '<bot>')}`", "a raw webhook for an adapter"),
    (f"`{subjects.service_op('<service>', '<operation>')}`", "NATS micro services"),
    (f"`{subjects.ALL_TICKET_CHANGES}`", "told to whoever looks on"),
    (f"`{subjects.usage('<kind>')}`, `{subjects.audit('<kind>')}`", f"`{subjects.LEDGER}`"),
    (f"`{subjects.dead('<subject>')}`", f"`{subjects.DLQ}`: what could not be handled"),
]


def _members(union: Any) -> tuple[type[BaseModel], ...]:
    """Return the classes of an annotated union."""
    inner = get_args(union)[0]
    return tuple(get_args(member)[0] if get_args(member) else member for member in get_args(inner))


def _models(classes: Iterable[type[BaseModel]], tag: str) -> str:
    classes = tuple(classes)
    shared = set.intersection(*(set(cls.model_fields) for cls in classes))
    rows = [
        (f"`{_tag(cls, tag)}`", _summary(cls), _fields(cls, skip=shared | {tag})) for cls in classes
    ]
    common = [name for name in classes[0].model_fields if name in shared and name != tag]
    said = f"Each has `{tag}`" + "".join(f", `{name}`" for name in common) + ".\n"
    return f"{said}\n{_rows((tag, 'what', 'fields'), rows)}"


def _tag(cls: type[BaseModel], tag: str) -> str:
    field = cls.model_fields[tag]
    return "platform.…" if field.is_required() else str(field.default)


def _model(cls: type[BaseModel]) -> str:
    rows = [
        (f"`{name}`", _type(field.annotation), "yes" if field.is_required() else "")
        for name, field in cls.model_fields.items()
    ]
    return f"### {cls.__name__}\n\n{_summary(cls)}\n\n{_rows(('field', 'type', 'required'), rows)}"


def _summary(cls: type[BaseModel]) -> str:
    return str(cls.__doc__ or "").strip().partition("\n")[0]


def _fields(cls: type[BaseModel], skip: set[str]) -> str:
    return ", ".join(
        f"`{name}`" if field.is_required() else f"`{name}`?"
        for name, field in cls.model_fields.items()
        if name not in skip
    )


def _type(annotation: Any) -> str:
    """Say a type in words of JSON."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (Union, UnionType):
        words = [_type(argument) for argument in arguments]
        return " or ".join(words) if len(words) <= _FEW else "one of many"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "object"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


_FEW = 4
_WORDS: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "true or false",
    NoneType: "null",
    AwareDatetime: "time",
    Any: "anything",
}


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    escaped = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


PAGES = {"settings.md": settings_page, "contract.md": contract_page}


def main() -> int:
    """Write the pages, or say which one is not what the code says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    check = parser.parse_args().check
    stale = [name for name, make in PAGES.items() if _read(DOCS / name) != make()]
    for name in stale:
        if check:
            sys.stderr.write(f"docs/{name} is stale: run python -m tools.generate_docs\n")
        else:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return int(check and bool(stale))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
