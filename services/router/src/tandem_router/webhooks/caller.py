"""One attempt: post, signed per Standard Webhooks, and read the answer."""

from datetime import UTC, datetime

from standardwebhooks import Webhook

from tandem_common.contract.commands import Command
from tandem_common.contract.errors import (
    ForbiddenError,
    InvalidInputError,
    TandemError,
    TimeLimitError,
    UpstreamError,
)
from tandem_common.contract.events import Event
from tandem_common.contract.rules import WebhookConfig
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.http import GuardedClient
from tandem_common.runtime.sealing import Sealer

from .format import read_answer, request_body

_ANSWER_CAP_BYTES = 1 << 20
_TEMPORARY = frozenset({408, 409, 421, 423, 425, 429})
_OK = range(200, 300)
_SERVER_ERROR = 500


class WebhookFailedError(UpstreamError):
    """Raised when an attempt failed; `is_temporary` says whether another may not."""

    def __init__(self, message: str, *, is_temporary: bool) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary


class WebhookCaller:
    """Posts events to receivers."""

    def __init__(self, http: GuardedClient, sealer: Sealer, clock: Clock) -> None:
        self._http, self._sealer, self._clock = http, sealer, clock

    async def call(
        self, event: Event, config: WebhookConfig, rule: str | None
    ) -> tuple[Command, ...]:
        """Post an event and return what the receiver wants done.

        The receiver may see an event twice; `webhook-id` is the same each time.

        Raises:
            WebhookFailedError: Not taken, or its answer is not understood.
        """
        body = request_body(event, config, rule)
        try:
            answer = await self._http.fetch(
                "POST",
                config.url,
                headers=self._headers(event.id, body, config),
                body=body,
                timeout_s=config.timeout_s,
                cap_bytes=_ANSWER_CAP_BYTES,
            )
        except (ForbiddenError, InvalidInputError) as error:
            raise WebhookFailedError(error.message, is_temporary=False) from error
        except (TimeLimitError, TandemError) as error:
            raise WebhookFailedError(error.message, is_temporary=True) from error
        if answer.status not in _OK:
            is_temporary = answer.status >= _SERVER_ERROR or answer.status in _TEMPORARY
            raise WebhookFailedError(
                f"the webhook answered {answer.status}", is_temporary=is_temporary
            )
        try:
            return read_answer(answer.body, event, f"{event.id}:{rule or 'default'}")
        except UpstreamError as error:
            raise WebhookFailedError(error.message, is_temporary=False) from error

    def _headers(self, event_id: str, body: bytes, config: WebhookConfig) -> dict[str, str]:
        now: datetime = self._clock.now().astimezone(UTC)
        headers = {
            **config.headers,
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        secret = self._sealer.open(config.secret)
        if secret:
            headers["webhook-signature"] = Webhook(secret).sign(event_id, now, body.decode())
        return headers
