"""Handlers as they are configured: checked against their own model, secrets sealed and masked."""

from typing import Any

from pydantic import ValidationError

from tandem_common.contract.errors import InvalidInputError
from tandem_common.contract.rules import HandlerRef, handler_config
from tandem_common.runtime.sealing import Sealer
from tandem_gateway.errors import invalid
from tandem_gateway.masking import mask, seal, unmask

_SECRETS: dict[str, dict[str, Any]] = {
    "webhook": {"properties": {"secret": {"secret": True}}},
}
_NONE: dict[str, Any] = {"properties": {}}
_SEALED_MAX = 200
"""The contract's limit on a webhook's secret, which holds for the sealed form too."""


def _schema(kind: str) -> dict[str, Any]:
    return _SECRETS.get(kind, _NONE)


def stored_handler(
    given: HandlerRef, before: HandlerRef | None, sealer: Sealer, field: str
) -> HandlerRef:
    """Check a handler and return it as it is stored.

    Raises:
        InvalidInputError: A setting is unknown or wrong; `field` names it.
    """
    old = before.config if before is not None and before.kind == given.kind else {}
    config = unmask(given.config, old, f"{field}.config")
    try:
        handler_config(HandlerRef(kind=given.kind, config=config))
    except ValidationError as error:
        raise invalid(error, config, f"{field}.config") from None
    sealed = seal(config, _schema(given.kind), sealer)
    if len(str(sealed.get("secret", ""))) > _SEALED_MAX:
        name = f"{field}.config.secret"
        raise InvalidInputError(f"{name}: is too long.", field=name)
    return HandlerRef(kind=given.kind, config=sealed)


def shown_handler(handler: HandlerRef) -> HandlerRef:
    """Return a handler as it may be shown."""
    return HandlerRef(kind=handler.kind, config=mask(handler.config, _schema(handler.kind)))
