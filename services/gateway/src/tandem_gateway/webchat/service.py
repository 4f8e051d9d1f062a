"""What a visitor says goes to the adapter like any webhook; what is stored comes back."""

from pydantic import ValidationError
from pydantic_core import from_json

from tandem_common.contract import subjects
from tandem_common.contract.errors import (
    ErrorBody,
    InvalidInputError,
    TandemError,
    UnavailableError,
    UpstreamError,
    error_from,
)
from tandem_common.contract.hooks import HookResponse
from tandem_common.contract.webchat import Ack, Say
from tandem_common.runtime.media import sniff
from tandem_gateway.errors import CODE_OF_STATUS
from tandem_gateway.hooks.service import body_of, deliver, hook_request
from tandem_gateway.state import GatewayState

from .frames import Frame, frames_of
from .visitors import PLATFORM, conversation_of, visitor_name

_ERRORS_FROM = 400
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


async def say(gateway: GatewayState, bot: str, visitor: str, body: Say) -> Ack:
    """Hand a visitor's message to the adapter; acknowledged once it is kept.

    Raises:
        TandemError: It is not kept; with a retryable code the same message may be sent again.
    """
    headers = {
        "x-visitor-id": visitor,
        "x-visitor-name": visitor_name(visitor),
        "content-type": "application/json",
    }
    request = hook_request("POST", "say", "", headers, body.to_json())
    answer = await deliver(gateway, PLATFORM, bot, request)
    raw = body_of(answer)
    if answer.status >= _ERRORS_FROM:
        raise _refused(answer, raw)
    try:
        return Ack.read(raw)
    except ValidationError as error:
        raise UpstreamError("The adapter's answer cannot be read.") from error


def _refused(answer: HookResponse, raw: bytes) -> TandemError:
    try:
        return error_from(ErrorBody.read_object(from_json(raw)["error"]))
    except (ValueError, KeyError, TypeError, ValidationError):
        code = CODE_OF_STATUS.get(answer.status, "unavailable")
        return error_from(ErrorBody(code=code, message="The message was not taken."))


async def stored_after(
    gateway: GatewayState, bot: str, visitor: str, after: int
) -> tuple[list[Frame], int]:
    """Return what is stored of a conversation behind a place, and the place reached."""
    subject = subjects.webchat(bot, conversation_of(bot, visitor))
    stored = await gateway.broker.read_subject(subjects.WEBCHAT, subject, after + 1)
    reached = stored[-1].sequence if stored else after
    return frames_of(stored, gateway.links, gateway.clock.now()), reached


async def known_place(gateway: GatewayState, after: int) -> int:
    """Return where to begin: a place beyond the stream's end is from a stream that is gone."""
    info = await gateway.broker.js.stream_info(subjects.WEBCHAT)
    return after if after <= info.state.last_seq else 0


async def upload(gateway: GatewayState, data: bytes) -> Frame:
    """Keep a picture.

    Raises:
        InvalidInputError: The bytes are not a picture.
    """
    mime = sniff(data)
    if mime not in IMAGES:
        raise InvalidInputError("Only PNG, JPEG, GIF and WebP pictures can be sent.", field="file")
    try:
        reference = await gateway.media.put(data)
    except TandemError:
        raise
    except Exception as error:
        raise UnavailableError("The picture could not be kept; try again.") from error
    return {
        "media": reference,
        "mime": mime,
        "size_bytes": len(data),
        "url": gateway.links.path(reference, gateway.clock.now()),
    }
