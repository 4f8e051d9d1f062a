"""Every platform is what its manifest says, and nothing beside."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from tandem_adapters.docs import pages
from tandem_adapters.platforms.onebot import outbound
from tandem_adapters.platforms.webchat import outbound as webchat
from tandem_adapters.registry import PLATFORMS, platform
from tandem_common.contract import commands, components
from tandem_common.contract.base import ContractModel
from tandem_common.contract.commands import COMMAND_ADAPTER
from tandem_common.contract.entities import Chat, Conversation
from tandem_common.contract.errors import TandemError, UnsupportedError
from tandem_common.contract.events import EVENT_TYPES
from tandem_common.contract.outcomes import Author
from tests.contract.payload_table import expected, payloads, read

DOCS = Path(__file__).parents[2] / "docs" / "platforms"
GROUP = Conversation(chat=Chat(id="20001", kind="group"))


def by_kind(module: ModuleType) -> dict[str, type[ContractModel]]:
    """Return the models of a module that have a kind."""
    return {
        model.model_fields["kind"].default: model
        for model in vars(module).values()
        if isinstance(model, type)
        and issubclass(model, ContractModel)
        and "kind" in model.model_fields
    }


KINDS = set(by_kind(components))
COMMANDS = by_kind(commands)
FILLED = {
    "conversation": GROUP.model_dump(),
    "to": GROUP.model_dump(),
    "components": [{"kind": "text", "text": "x"}],
    "message_id": "1",
    "group_id": "2",
    "user_id": "3",
    "request_id": "add:4",
    "idempotency_key": "k",
    "turn": "01900000-0000-7000-8000-000000000001",
    "reaction": "76",
    "name": "n",
    "media": "sha256:" + "0" * 64,
    "file_id": "f",
    "action": "get_status",
    "who": "w",
}
# Told by the kit or the connection, not read from a payload.
TOLD_BY_THE_KIT = {"bot.online", "delivery.sent", "delivery.failed", "delivery.unknown"}
names = pytest.mark.parametrize("name", sorted(PLATFORMS))


def a_command(kind: str, place: Conversation = GROUP) -> commands.Command:
    """Return a valid command of a kind."""
    needed = {name for name, f in COMMANDS[kind].model_fields.items() if f.is_required()}
    body = {name: FILLED[name] for name in needed} | {"kind": kind}
    if "conversation" in COMMANDS[kind].model_fields:
        body["conversation"] = place.model_dump()
    return COMMAND_ADAPTER.validate_json(json.dumps(body))


@names
def test_a_manifest_speaks_the_contract(name: str) -> None:
    manifest = platform(name).manifest

    assert manifest.name == name
    known = {*EVENT_TYPES, "platform.*"}
    assert {e.name for e in manifest.events} <= known
    assert {c.name for c in manifest.commands} <= set(COMMANDS)
    assert {c.name for c in (*manifest.components_in, *manifest.components_out)} <= KINDS


@names
def test_nothing_is_declared_twice_and_every_reserve_has_a_reason(name: str) -> None:
    manifest = platform(name).manifest
    for listed in (
        manifest.events,
        manifest.commands,
        manifest.components_in,
        manifest.components_out,
    ):
        spelled = [capability.name for capability in listed]
        assert len(spelled) == len(set(spelled))
        assert all(c.reason for c in listed if c.support in ("conditional", "emulated"))


@names
def test_every_setting_is_labelled_in_both_languages(name: str) -> None:
    for field in platform(name).manifest.settings_schema["properties"].values():
        assert field["title"]
        assert field["description"]
        for words in (field["title_zh"], field["description_zh"]):
            assert re.search(r"[\u4e00-\u9fff]", words)


@names
def test_secret_settings_are_marked(name: str) -> None:
    for setting, field in platform(name).manifest.settings_schema["properties"].items():
        is_secret = any(word in setting for word in ("token", "secret", "password"))
        assert bool(field.get("secret")) == is_secret, setting


@names
def test_the_page_is_drawn_from_the_manifest(name: str) -> None:
    written = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert written == pages()[name], "run python -m tandem_adapters docs docs/platforms"


# -- OneBot --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", payloads("onebot"), ids=lambda file: file.stem)
def test_a_payload_becomes_its_event(file: Path) -> None:
    assert read(file) == expected(file)


def test_every_declared_event_has_a_payload_and_none_is_undeclared() -> None:
    told = {event["type"] for file in payloads("onebot") for event in expected(file)}
    common = {kind if not kind.startswith("platform.") else "platform.*" for kind in told}
    declared = {event.name for event in platform("onebot").manifest.events}

    assert common | TOLD_BY_THE_KIT == declared


def test_every_declared_component_can_come_in() -> None:
    shown = {
        component["kind"]
        for file in payloads("onebot")
        for event in expected(file)
        for component in event.get("message", {}).get("components", ())
    }
    declared = {c.name for c in platform("onebot").manifest.components_in}

    # Media need fetching: tests/unit/adapters/test_onebot_inbound.py shows them.
    assert shown <= declared
    assert declared - shown == {"image", "voice", "video", "file"}


@pytest.mark.parametrize("kind", sorted(COMMANDS))
def test_onebot_carries_out_what_it_declares(kind: str) -> None:
    declared = {c.name for c in platform("onebot").manifest.commands} - {"deliver_turn"}
    place = GROUP
    if kind == "set_typing":
        place = Conversation(chat=Chat(id="3", kind="private"))

    if kind in declared:
        assert outbound.plan(a_command(kind, place), outbound.Options())
    else:
        with pytest.raises(UnsupportedError):
            outbound.plan(a_command(kind, place), outbound.Options())


# -- web chat ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(COMMANDS))
def test_web_chat_carries_out_what_it_declares(kind: str) -> None:
    declared = {c.name for c in platform("webchat").manifest.commands} - {"deliver_turn"}
    command = a_command(kind)

    assert webchat.is_known(command) == (kind in declared)
    if kind not in declared:
        with pytest.raises(TandemError):
            webchat.to_frame(
                command,
                message_id="m",
                author=Author(kind="bot"),
                now=datetime(2026, 1, 1, tzinfo=UTC),
            )
