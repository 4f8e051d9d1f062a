"""Dead letters: read from their stream, sent on their way again, or thrown away."""

from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError as NatsNotFoundError
from pydantic_core import from_json

from tandem_common.contract import subjects
from tandem_common.contract.base import rfc3339
from tandem_common.contract.errors import NotFoundError, UnavailableError
from tandem_common.runtime.broker import CONNECTION_ERRORS
from tandem_common.runtime.ids import new_id
from tandem_gateway.admin.door import audit, writing
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

from .schemas import DeadLetter, DeadLetterList, DeadLetterRead, Replayed

_EXCERPT = 300
_KINDS = {"evt": "event", "out": "outcome", "ticket": "ticket"}
_EVENT_TOKENS = 6
_NOT_REPLAYED = frozenset(
    {subjects.HEADER_REASON, subjects.HEADER_ATTEMPTS, subjects.HEADER_REPLAY_OF}
)
_SERVERS = "Nats-"
"""Headers the server adds, or that speak to it."""


def _headers_of(msg: RawStreamMsg) -> dict[str, str]:
    return {k: v for k, v in (msg.headers or {}).items() if not k.startswith(_SERVERS)}


def original_subject(dead: str) -> str:
    """Return where a letter was on its way to; an event without its partition's token."""
    subject = dead.removeprefix(subjects.dead(""))
    if subject.startswith("evt."):
        return ".".join(subject.split(".")[:_EVENT_TOKENS])
    return subject


def _letter(msg: RawStreamMsg) -> DeadLetter:
    headers = _headers_of(msg)
    data = msg.data or b""
    subject = original_subject(msg.subject or "")
    attempts = headers.get(subjects.HEADER_ATTEMPTS, "")
    return DeadLetter(
        id=str(msg.seq),
        subject=subject,
        kind=_KINDS.get(subject.partition(".")[0], "other"),
        time=rfc3339(msg.time) if msg.time else "",
        reason=headers.get(subjects.HEADER_REASON),
        attempts=int(attempts) if attempts.isdigit() else None,
        headers=headers,
        size_bytes=len(data),
        excerpt=data[:_EXCERPT].decode("utf-8", "replace"),
    )


async def _message(gateway: GatewayState, letter: str) -> RawStreamMsg:
    if not letter.isdigit():
        raise NotFoundError(f"There is no dead letter {letter!r}.")
    try:
        return await gateway.broker.js.get_msg(subjects.DLQ, seq=int(letter), direct=True)
    except NatsNotFoundError as error:
        raise NotFoundError(f"There is no dead letter {letter!r}.") from error
    except CONNECTION_ERRORS as error:
        raise UnavailableError("NATS is away.", retry_after_s=1) from error


async def listed(gateway: GatewayState, cursor: str | None, limit: int) -> DeadLetterList:
    """Return a page of dead letters, oldest first."""
    after = int(cursor) if cursor and cursor.isdigit() else 0
    found: list[DeadLetter] = []
    total = 0
    try:
        total = (await gateway.broker.js.stream_info(subjects.DLQ)).state.messages
        while total and len(found) <= limit:
            msg = await gateway.broker.js.get_msg(
                subjects.DLQ, seq=after + 1, subject=subjects.ALL_DEAD, next=True, direct=True
            )
            found.append(_letter(msg))
            after = msg.seq or after + 1
    except NatsNotFoundError:
        pass  # the end of the stream
    except CONNECTION_ERRORS as error:
        raise UnavailableError("NATS is away.", retry_after_s=1) from error
    more = found[limit - 1].id if len(found) > limit else None
    return DeadLetterList(items=tuple(found[:limit]), next=more, total=total)


async def read(gateway: GatewayState, letter: str) -> DeadLetterRead:
    """Return a letter with its body."""
    msg = await _message(gateway, letter)
    data = msg.data or b""
    try:
        body = from_json(data)
    except ValueError:
        body = data.decode("utf-8", "replace")
    return DeadLetterRead(**_letter(msg).model_dump(), body=body)


async def replay(gateway: GatewayState, letter: str, who: Principal) -> Replayed:
    """Send a letter on its way again, then take it out of the dead ones.

    Its message id is new, else the stream would take it for the first one; in between a crash
    leaves it in both places, so handlers see `Tandem-Replay-Of`.
    """
    msg = await _message(gateway, letter)
    headers = {k: v for k, v in _headers_of(msg).items() if k not in _NOT_REPLAYED}
    headers[subjects.HEADER_REPLAY_OF] = letter
    headers[subjects.HEADER_MSG_ID] = f"replay:{letter}:{new_id()}"
    subject = original_subject(msg.subject or "")
    sequence, _ = await gateway.broker.publish(subject, msg.data or b"", headers)
    await _drop(gateway, letter)
    async with writing(gateway) as session:
        audit(session, gateway, who, "dlq.replayed", f"dlq:{letter}", subject=subject)
    return Replayed(id=letter, subject=subject, sequence=sequence)


async def delete(gateway: GatewayState, letter: str, who: Principal) -> None:
    """Throw a letter away."""
    msg = await _message(gateway, letter)
    await _drop(gateway, letter)
    async with writing(gateway) as session:
        audit(session, gateway, who, "dlq.deleted", f"dlq:{letter}", subject=msg.subject or "")


async def _drop(gateway: GatewayState, letter: str) -> None:
    try:
        await gateway.broker.js.delete_msg(subjects.DLQ, int(letter))
    except (*CONNECTION_ERRORS, APIError) as error:
        raise UnavailableError(f"The letter could not be taken out: {error!r}") from error
