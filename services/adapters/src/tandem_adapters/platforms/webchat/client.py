"""The store of web chat conversations: the stream WEBCHAT."""

from tandem_common.contract import subjects
from tandem_common.contract.entities import Conversation, token_of
from tandem_common.contract.errors import UnavailableError
from tandem_common.contract.webchat import ChatDelta, ChatFrame, ChatTyping
from tandem_common.runtime.broker import CONNECTION_ERRORS, Broker

from .inbound import PLATFORM


class ChatStore:
    """Writes one bot's conversations."""

    def __init__(self, broker: Broker, bot: str) -> None:
        self._broker, self._bot = broker, bot

    def _token(self, place: Conversation) -> str:
        return token_of(PLATFORM, self._bot, place)

    async def put(self, place: Conversation, frame: ChatFrame, key: str) -> None:
        """Store a frame once per key.

        Raises:
            UnavailableError: Not known to be stored; repeating is safe.
        """
        token = self._token(place)
        headers = {
            subjects.HEADER_MSG_ID: f"{token}:{key}",
            subjects.HEADER_TYPE: f"webchat.{frame.kind}",
        }
        await self._broker.publish(subjects.webchat(self._bot, token), frame.to_json(), headers)

    async def put_soon(self, place: Conversation, frame: ChatDelta, key: str) -> None:
        """Store a piece of a growing message without waiting: the whole one follows."""
        token = self._token(place)
        try:
            await self._broker.nc.publish(
                subjects.webchat(self._bot, token),
                frame.to_json(),
                headers={subjects.HEADER_MSG_ID: f"{token}:{key}"},
            )
        except CONNECTION_ERRORS as error:
            raise UnavailableError(f"NATS is away: {error!r}") from error

    async def typing(self, place: Conversation, frame: ChatTyping) -> None:
        """Tell open pages that somebody is writing."""
        subject = subjects.webchat_typing(self._bot, self._token(place))
        try:
            await self._broker.nc.publish(subject, frame.to_json())
        except CONNECTION_ERRORS as error:
            raise UnavailableError(f"NATS is away: {error!r}") from error
