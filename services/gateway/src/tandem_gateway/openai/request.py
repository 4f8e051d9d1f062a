"""What a caller asks: the new part of the conversation, who they are, where they talk; pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from tandem_common.contract.errors import InvalidInputError
from tandem_gateway.keys import Key

_HISTORY_BYTES = 200_000
_EXTRAS_BYTES = 100_000
_NOT_FOR_HANDLERS = frozenset({"messages", "stream", "stream_options", "model"})
_ROLES = frozenset({"developer", "system", "user", "assistant", "tool", "function"})
_OWUI = b"x-openwebui-"


@dataclass(frozen=True)
class Person:
    """Who asks, as far as it is known."""

    id: str
    name: str | None


@dataclass(frozen=True)
class Question:
    """A request for a completion of a bot."""

    model: str
    is_stream: bool
    with_usage: bool
    tail: tuple[dict[str, Any], ...]
    """The messages after the last answer: what is new."""
    history: tuple[dict[str, Any], ...]
    """The ones before, the newest that fit."""
    extras: dict[str, Any]
    """Other parameters a handler may need."""
    person: Person
    chat_id: str
    fingerprint: str
    idempotency_key: str
    retry_count: int
    read_timeout_s: float | None
    total_timeout_s: float | None


def load(body: bytes) -> dict[str, Any]:
    """Decode a request.

    Raises:
        InvalidInputError: Not a JSON object, or `model` is missing.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidInputError("The body must be a JSON object.")
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidInputError("model: a model's name is required.", field="model")
    return value


def read_question(value: dict[str, Any], headers: Mapping[bytes, bytes], key: Key) -> Question:
    """Read a chat completion for a bot.

    Raises:
        InvalidInputError: The messages are not what OpenAI calls messages; names the field.
    """
    messages = _messages(value)
    cut = _after_last_answer(messages)
    tail = tuple(message for message in messages[cut:] if message.get("role") == "user")
    if not tail:
        raise InvalidInputError(
            "messages: the last message must be the user's.", field=f"messages[{len(messages) - 1}]"
        )
    options = value.get("stream_options") or {}
    trusted = key.trusted_frontend
    person = _person(value, headers, key, trusted=trusted)
    return Question(
        model=value["model"],
        is_stream=value.get("stream") is True,
        with_usage=isinstance(options, dict) and options.get("include_usage") is True,
        tail=tail,
        history=_fitting(messages[:cut]),
        extras=_extras(value),
        person=person,
        chat_id=_chat_id(value, headers, key, messages, trusted=trusted),
        fingerprint=_digest(orjson.dumps([value["model"], messages])),
        idempotency_key=_header(headers, b"idempotency-key")[:255],
        retry_count=_number(_header(headers, b"x-stainless-retry-count")) or 0,
        read_timeout_s=_seconds(headers, b"x-stainless-read-timeout"),
        total_timeout_s=_seconds(headers, b"x-stainless-timeout"),
    )


def _messages(value: dict[str, Any]) -> list[dict[str, Any]]:
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidInputError("messages: a list of messages is required.", field="messages")
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InvalidInputError(f"messages[{i}]: must be an object.", field=f"messages[{i}]")
        if message.get("role") not in _ROLES:
            said = str(message.get("role"))[:50]
            raise InvalidInputError(
                f"messages[{i}].role: {said!r} is not a role; there are {', '.join(sorted(_ROLES))}.",
                field=f"messages[{i}].role",
            )
        if message["role"] == "user" and not isinstance(message.get("content"), str | list):
            raise InvalidInputError(
                f"messages[{i}].content: must be text or a list of parts.",
                field=f"messages[{i}].content",
            )
    return messages


def _after_last_answer(messages: list[dict[str, Any]]) -> int:
    for i in range(len(messages) - 1, -1, -1):
        if messages[i]["role"] in ("assistant", "tool", "function"):
            return i + 1
    return 0


def _fitting(messages: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Keep the newest messages that fit into an event; pictures become words."""
    kept: list[dict[str, Any]] = []
    size = 0
    for message in reversed(messages):
        plain = {"role": message["role"], "content": text_of(message.get("content"))}
        size += len(orjson.dumps(plain))
        if size > _HISTORY_BYTES:
            break
        kept.append(plain)
    return tuple(reversed(kept))


def text_of(content: Any) -> str:
    """Return the words of a message's content."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [
        str(part.get("text", "")) if part.get("type") == "text" else f"[{part.get('type')}]"
        for part in content
        if isinstance(part, dict)
    ]
    return "\n".join(texts)


def _extras(value: dict[str, Any]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    size = 0
    for name, given in value.items():
        if name in _NOT_FOR_HANDLERS:
            continue
        size += len(orjson.dumps(given))
        if size <= _EXTRAS_BYTES:
            extras[name] = given
    return extras


def _person(
    value: dict[str, Any], headers: Mapping[bytes, bytes], key: Key, *, trusted: bool
) -> Person:
    if trusted:
        ident = _header(headers, _OWUI + b"user-id")
        if ident:
            # Open WebUI percent-encodes names, so that they fit into a header.
            return Person(ident, unquote(_header(headers, _OWUI + b"user-name")) or None)
    user = value.get("safety_identifier") or value.get("user")
    return Person(str(user)[:200], str(user)[:200]) if user else Person(key.id, key.name)


def _chat_id(
    value: dict[str, Any],
    headers: Mapping[bytes, bytes],
    key: Key,
    messages: list[dict[str, Any]],
    *,
    trusted: bool,
) -> str:
    """Name the conversation by the best the caller gave; never across keys."""
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    first = next((m for m in messages if m["role"] == "user"), messages[0])
    opening = _digest(orjson.dumps([text_of(m.get("content")) for m in (first,)]))[:24]
    user = value.get("safety_identifier") or value.get("user")
    candidates = (
        ("chat", _header(headers, _OWUI + b"chat-id") if trusted else ""),
        ("chat", metadata.get("conversation_id")),
        ("chat", value.get("conversation")),
        ("cache", value.get("prompt_cache_key")),
        ("user", f"{user}/{opening}" if user else ""),
        ("opening", opening),
    )
    kind, found = next((k, str(v)) for k, v in candidates if v)
    return f"{key.id}/{kind}:{found}"[:300]


def _header(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").strip()


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _seconds(headers: Mapping[bytes, bytes], name: bytes) -> float | None:
    try:
        seconds = float(_header(headers, name))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
