"""Carries a platform's webhook to its adapter, byte for byte, and the answer back."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping

from nats import errors as nats_errors
from pydantic import ValidationError

from tandem_common.contract import subjects
from tandem_common.contract.errors import (
    ErrorBody,
    NotFoundError,
    TimeLimitError,
    UnavailableError,
    UpstreamError,
    error_from,
)
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.runtime import tracing
from tandem_common.runtime.broker import CONNECTION_ERRORS
from tandem_gateway.state import GatewayState

RETRY_AFTER_S = 5.0
OWN_DOORS = frozenset({"openai", "webchat"})
"""Platforms the gateway speaks for: who is who there is what the gateway checked, so nobody from
outside may hand in a webhook for them."""


def hook_request(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    remote: str | None = None,
) -> HookRequest:
    """Write a webhook as the adapter reads it."""
    return HookRequest(
        method=method,
        path=path,
        query=query,
        headers={name.lower(): value for name, value in headers.items()},
        body=b64encode(body).decode(),
        remote=remote,
    )


def require_bot(gateway: GatewayState, platform: str, bot: str) -> None:
    """Let pass what is for a bot that is on.

    Raises:
        NotFoundError: There is none; whether it exists and is off is nobody's business here.
    """
    config = gateway.config.bots.get(bot)
    if config is None or config.platform != platform or not config.enabled:
        raise NotFoundError("There is no such bot here.")


async def deliver(
    gateway: GatewayState, platform: str, bot: str, request: HookRequest
) -> HookResponse:
    """Ask the bot's adapter.

    Raises:
        UnavailableError: No adapter, or it cannot keep the event now: come again.
        TimeLimitError: No answer in time.
    """
    subject = subjects.hook(platform, bot)
    try:
        msg = await gateway.broker.nc.request(
            subject,
            request.to_json(),
            timeout=gateway.settings.hook_timeout_s,
            headers=tracing.outgoing_headers(),
        )
    except nats_errors.NoRespondersError as error:
        raise UnavailableError(
            f"The adapter of {platform!r} is away.", retry_after_s=RETRY_AFTER_S
        ) from error
    except nats_errors.TimeoutError as error:
        raise TimeLimitError(
            f"The adapter of {platform!r} did not answer in time.", retry_after_s=RETRY_AFTER_S
        ) from error
    except CONNECTION_ERRORS as error:
        raise UnavailableError("NATS is away.", retry_after_s=RETRY_AFTER_S) from error
    return _read(msg.data)


def _read(data: bytes) -> HookResponse:
    """Read the answer, bare or in the envelope of a micro service."""
    try:
        answer = json.loads(data)
        if isinstance(answer, dict) and "ok" in answer:
            if not answer["ok"]:
                raise error_from(ErrorBody.read_object(answer.get("error") or {}))
            answer = answer.get("data") or {}
        return HookResponse.read_object(answer)
    except (ValueError, ValidationError) as error:
        raise UpstreamError("The adapter's answer cannot be read.") from error


def body_of(response: HookResponse) -> bytes:
    """Return the bytes a platform is answered with."""
    try:
        return b64decode(response.body, validate=True)
    except ValueError as error:
        raise UpstreamError("The adapter's answer cannot be read.") from error
