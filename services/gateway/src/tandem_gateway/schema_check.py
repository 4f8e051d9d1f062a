"""Holds a bot's settings against the JSON Schema of its platform's manifest.

Only the words the manifests use: type, enum, const, pattern, lengths, bounds, items, properties,
required, additionalProperties.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tandem_common.contract.errors import InvalidInputError

Schema = Mapping[str, Any]
Complaint = tuple[str, str]


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or isinstance(value, float),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}

_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "enum": (lambda value, limit: value in limit, "must be one of {}"),
    "const": (lambda value, limit: value == limit, "must be {}"),
    "minLength": (
        lambda value, limit: not isinstance(value, str) or len(value) >= limit,
        "must have at least {} characters",
    ),
    "maxLength": (
        lambda value, limit: not isinstance(value, str) or len(value) <= limit,
        "must have at most {} characters",
    ),
    "pattern": (
        lambda value, limit: not isinstance(value, str) or re.search(limit, value) is not None,
        "must look like {}",
    ),
    "minimum": (
        lambda value, limit: not _TYPES["number"](value) or value >= limit,
        "must be at least {}",
    ),
    "maximum": (
        lambda value, limit: not _TYPES["number"](value) or value <= limit,
        "must be at most {}",
    ),
    "exclusiveMinimum": (
        lambda value, limit: not _TYPES["number"](value) or value > limit,
        "must be more than {}",
    ),
    "minItems": (
        lambda value, limit: not isinstance(value, list) or len(value) >= limit,
        "must have at least {} entries",
    ),
    "maxItems": (
        lambda value, limit: not isinstance(value, list) or len(value) <= limit,
        "must have at most {} entries",
    ),
}


def check(value: Any, schema: Schema, field: str) -> None:
    """Refuse a value that is not of the schema.

    Raises:
        InvalidInputError: `field` names the first place that is wrong.
    """
    for path, complaint in complaints(value, schema, field):
        raise InvalidInputError(f"{path}: {complaint}.", field=path)


def complaints(value: Any, schema: Schema, field: str) -> Iterator[Complaint]:
    """Yield everything that is wrong."""
    types = schema.get("type")
    wanted = [types] if isinstance(types, str) else list(types or [])
    if wanted and not any(_TYPES[name](value) for name in wanted if name in _TYPES):
        yield field, f"must be of type {' or '.join(wanted)}"
        return
    if "anyOf" in schema and not any(
        next(complaints(value, option, field), None) is None for option in schema["anyOf"]
    ):
        yield field, "is of none of the shapes allowed here"
    for word, (holds, sentence) in _LIMITS.items():
        if word in schema and not holds(value, schema[word]):
            yield field, sentence.format(schema[word])
    if isinstance(value, dict):
        yield from _object(value, schema, field)
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from complaints(item, schema["items"], f"{field}[{index}]")


def _object(value: dict[str, Any], schema: Schema, field: str) -> Iterator[Complaint]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if value.get(name) in (None, ""):
            yield f"{field}.{name}", "is required"
    for name, inner in value.items():
        if name in properties:
            yield from complaints(inner, properties[name], f"{field}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{field}.{name}", "is not a known setting"
