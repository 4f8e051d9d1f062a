"""Secret settings: sealed when they come in, stars when they go out, kept when stars come back."""

import re
from collections.abc import Mapping
from typing import Any

from tandem_common.contract.errors import InvalidInputError
from tandem_common.runtime.sealing import PREFIX, Sealer

MASK = "********"
_SECRET_NAME = re.compile(
    r"token|secret|password|passwd|api_?key|private_?key|credential|encoding_aes_key", re.IGNORECASE
)


def is_secret(name: str, schema: Mapping[str, Any] | None) -> bool:
    """Say whether a setting is a secret: by the schema, or by its name while there is none."""
    if schema is None:
        return _SECRET_NAME.search(name) is not None
    found = schema.get("properties", {}).get(name)
    return isinstance(found, Mapping) and found.get("secret") is True


def _inner(name: str, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if schema is None:
        return None
    found = schema.get("properties", {}).get(name, {})
    return found if isinstance(found, Mapping) else {}


def mask(settings: Mapping[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return settings as they may be shown."""
    shown: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            shown[name] = mask(value, _inner(name, schema))
        elif _must_hide(name, value, schema):
            shown[name] = MASK
        else:
            shown[name] = value
    return shown


def _must_hide(name: str, value: Any, schema: Mapping[str, Any] | None) -> bool:
    if not isinstance(value, str) or not value:
        return False
    return value.startswith(PREFIX) or is_secret(name, schema)


def unmask(given: Mapping[str, Any], stored: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Put stored values back where stars came in.

    Raises:
        InvalidInputError: Stars came for something that is not stored, or a value looks sealed.
    """
    result: dict[str, Any] = {}
    for name, value in given.items():
        field = f"{prefix}.{name}"
        old = stored.get(name)
        if isinstance(value, Mapping):
            result[name] = unmask(value, old if isinstance(old, Mapping) else {}, field)
        elif value == MASK:
            if not isinstance(old, str) or not old:
                raise InvalidInputError(f"{field}: no secret is stored to keep.", field=field)
            result[name] = old
        elif isinstance(value, str) and value.startswith(PREFIX):
            raise InvalidInputError(f"{field}: may not start with {PREFIX!r}.", field=field)
        else:
            result[name] = value
    return result


def seal(
    settings: Mapping[str, Any], schema: Mapping[str, Any] | None, sealer: Sealer
) -> dict[str, Any]:
    """Return settings as they are stored and sent to the services."""
    sealed: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            sealed[name] = seal(value, _inner(name, schema), sealer)
        elif isinstance(value, str) and is_secret(name, schema):
            sealed[name] = sealer.seal(value)
        else:
            sealed[name] = value
    return sealed


def unseal(settings: Mapping[str, Any], sealer: Sealer) -> dict[str, Any]:
    """Open sealed settings: only to hold them against a schema or to compare them."""
    opened: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            opened[name] = unseal(value, sealer)
        elif isinstance(value, str):
            opened[name] = sealer.open(value)
        else:
            opened[name] = value
    return opened
