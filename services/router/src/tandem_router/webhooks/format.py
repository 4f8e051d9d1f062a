"""What a webhook is told and what it may answer; pure.

Two formats. `tandem`: the event as the contract has it. `langbot`: the body LangBot's webhook push
sends, so that receivers written for it keep working. Both answer with nothing, or with JSON:

    {"reply": "text"}                                  the short form
    {"actions": [{"kind": "send_message", "text": "hi"},
                 {"kind": "call_platform_api", "action": "set_group_card", "params": {}}]}
"""

import json
from collections.abc import Callable
from typing import Any

from pydantic import Field, ValidationError

from tandem_common.contract.base import ContractModel, rfc3339
from tandem_common.contract.commands import COMMAND_ADAPTER, Command
from tandem_common.contract.components import Component, Text
from tandem_common.contract.errors import UpstreamError
from tandem_common.contract.events import Event, MessageReceived
from tandem_common.contract.rules import WebhookConfig

_MAX_ACTIONS = 50


class WebhookAnswer(ContractModel):
    """What a receiver may answer."""

    reply: str | None = None
    actions: tuple[dict[str, Any], ...] = Field(default=(), max_length=_MAX_ACTIONS)
    skip_pipeline: bool | None = None
    """LangBot's: without a pipeline there is nothing to skip."""


def request_body(event: Event, config: WebhookConfig, rule: str | None) -> bytes:
    """Say an event to a receiver."""
    if config.format == "langbot":
        return json.dumps(_langbot_body(event), ensure_ascii=False).encode()
    body = {
        "type": event.type,
        "rule": rule,
        "turn": event.turn_id,
        "event": json.loads(event.to_json()),
    }
    return json.dumps(body, ensure_ascii=False).encode()


def read_answer(body: bytes, event: Event, key: str) -> tuple[Command, ...]:
    """Read what a receiver wants done.

    Args:
        body: Of a successful answer; empty means nothing is wanted.
        event: What it was told.
        key: Stem of the commands' idempotency keys.

    Raises:
        UpstreamError: Not JSON of that shape; says what is wrong.
    """
    if not body.strip():
        return ()
    try:
        answer = WebhookAnswer.model_validate_json(body, strict=False, extra="ignore")
    except ValidationError as error:
        if body.lstrip()[:1] not in (b"{", b"["):
            return ()  # "OK" and the like, as many frameworks answer
        raise UpstreamError(f"the webhook's answer is not understood: {_first(error)}") from error
    actions = list(answer.actions)
    if answer.reply:
        actions.insert(0, {"kind": "send_message", "text": answer.reply})
    return tuple(_command(action, i, event, key) for i, action in enumerate(actions))


def _command(action: dict[str, Any], index: int, event: Event, key: str) -> Command:
    kind = "send_message" if action.get("kind") == "reply" else action.get("kind")
    filled = {**action, "kind": kind}
    if "conversation" not in filled and event.conversation is not None:
        filled["conversation"] = event.conversation.model_dump()
    if kind == "send_message":
        text = filled.pop("text", None)
        if text is not None:
            filled.setdefault("components", [{"kind": "text", "text": str(text)}])
        filled["idempotency_key"] = f"{key}:{index}"
        if action.get("kind") == "reply" and isinstance(event, MessageReceived):
            filled.setdefault("reply_to", event.message.id)
    try:
        return COMMAND_ADAPTER.validate_python(filled, strict=False, extra="ignore")
    except ValidationError as error:
        raise UpstreamError(f"actions[{index}] is not understood: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


def said_of(commands: tuple[Command, ...]) -> tuple[Component, ...]:
    """Return all that commands say, parted by empty lines."""
    parts: list[Component] = []
    for command in commands:
        if command.kind == "send_message":
            parts += [Text(text="\n\n"), *command.components] if parts else command.components
    return tuple(parts)


# LangBot's message chain: https://docs.langbot.app names the parts; fields by observation.
_CHAIN: dict[str, Callable[[Any], dict[str, Any]]] = {
    "text": lambda c: {"type": "Plain", "text": c.text},
    "markdown": lambda c: {"type": "Plain", "text": c.text},
    "mention": lambda c: {"type": "At", "target": c.user.id, "display": c.user.name},
    "mention_all": lambda _: {"type": "AtAll"},
    "image": lambda c: {"type": "Image", "url": c.media},
    "voice": lambda c: {"type": "Voice", "url": c.media, "length": c.duration_s},
    "file": lambda c: {"type": "File", "name": c.name, "size": c.size_bytes, "url": c.media},
    "quote": lambda c: {"type": "Quote", "id": c.message_id, "origin": []},
    "sticker": lambda c: {"type": "Face", "face_id": c.id, "face_name": c.name or ""},
}


def _langbot_body(event: Event) -> dict[str, Any]:
    place = event.conversation
    is_group = place is not None and place.chat.kind != "private"
    chain: list[dict[str, Any]] = []
    if isinstance(event, MessageReceived):
        stamp = int(event.time.timestamp())
        chain.append({"type": "Source", "id": event.message.id, "time": stamp})
        for component in event.message.components:
            make = _CHAIN.get(component.kind)
            chain.append(make(component) if make else {"type": "Unknown", "text": component.kind})
    data: dict[str, Any] = {
        "bot_uuid": event.bot,
        "adapter_name": event.platform,
        "sender": {"id": event.actor.id, "name": event.actor.name} if event.actor else None,
        "message": chain,
        "timestamp": int(event.time.timestamp()),
    }
    if is_group and place is not None:
        data["group"] = {"id": place.chat.id, "name": place.chat.name}
    if isinstance(event, MessageReceived):
        kind = "bot.group_message" if is_group else "bot.person_message"
    else:
        kind = event.type
        data["event"] = {"type": event.type, "time": rfc3339(event.time)}
    return {"uuid": event.id, "event_type": kind, "data": data}
