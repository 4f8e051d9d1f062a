"""What happened, past tense: one union on `type`."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from .base import ContractModel, Timestamp, read_union
from .entities import Conversation, Group, User, token_of
from .errors import ErrorBody
from .ids import BotId, EventId, MessageId, PlatformName, TurnId
from .message import Message


class Caller(ContractModel):
    """The OpenAI client behind an event: who, and what the handler may need of the request."""

    key_id: str
    end_user: str | None = None
    request: dict[str, Any] = Field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    """The messages of the request before the new tail, as the client sent them."""
    read_timeout_s: float | None = None
    retry_count: int = 0


class _Event(ContractModel):
    id: EventId
    time: Timestamp
    platform: PlatformName
    bot: BotId
    dedupe_key: str
    """The platform's own id of the event, unique per bot."""
    conversation: Conversation | None = None
    actor: User | None = None
    turn: TurnId | None = None
    caller: Caller | None = None
    raw: dict[str, str] | None = None

    @property
    def conversation_token(self) -> str:
        """The token of this event's conversation, as it stands in subjects."""
        return token_of(self.platform, self.bot, self.conversation)

    @property
    def turn_id(self) -> TurnId:
        """The turn that answers this event: given by a waiting caller, else the event's own id."""
        return self.turn or self.id


class MessageReceived(_Event):
    """Somebody said something."""

    type: Literal["message.received"] = "message.received"
    message: Message


class MessageEdited(_Event):
    """Somebody changed what they had said."""

    type: Literal["message.edited"] = "message.edited"
    message: Message
    before: Message | None = None


class MessageDeleted(_Event):
    """A message was taken back."""

    type: Literal["message.deleted"] = "message.deleted"
    message_id: MessageId
    operator: User | None = None


class MessageReaction(_Event):
    """A reaction was added to, or removed from, a message."""

    type: Literal["message.reaction"] = "message.reaction"
    message_id: MessageId
    user: User | None = None
    reaction: str
    added: bool


class FeedbackReceived(_Event):
    """Somebody judged an answer."""

    type: Literal["feedback.received"] = "feedback.received"
    feedback_id: str
    verdict: Literal["like", "dislike", "cancelled"]
    text: str | None = None
    reasons: tuple[str, ...] = ()
    message_id: MessageId | None = None
    answered_turn: TurnId | None = None


class InteractionReceived(_Event):
    """A button was pressed or a form sent."""

    type: Literal["interaction.received"] = "interaction.received"
    message_id: MessageId | None = None
    action: str
    value: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)


class GroupMemberJoined(_Event):
    """Somebody came into a group."""

    type: Literal["group.member_joined"] = "group.member_joined"
    member: User
    inviter: User | None = None
    how: Literal["invite", "request", "direct"] | None = None


class GroupMemberLeft(_Event):
    """Somebody left a group or was made to."""

    type: Literal["group.member_left"] = "group.member_left"
    member: User
    kicked: bool = False
    operator: User | None = None


class _Ban(_Event):
    member: User | None = None
    """None: everybody in the group."""
    operator: User | None = None
    scope: Literal["mute", "ban"] = "mute"
    until: Timestamp | None = None


class GroupMemberBanned(_Ban):
    """Somebody may no longer speak (mute) or be in the group (ban)."""

    type: Literal["group.member_banned"] = "group.member_banned"


class GroupMemberUnbanned(_Ban):
    """A mute or ban ended."""

    type: Literal["group.member_unbanned"] = "group.member_unbanned"


class GroupInfoUpdated(_Event):
    """A group's name, description or roles changed."""

    type: Literal["group.info_updated"] = "group.info_updated"
    group: Group
    operator: User | None = None
    changed: tuple[str, ...] = ()


class FriendRequestReceived(_Event):
    """Somebody asks to be a contact."""

    type: Literal["friend.request_received"] = "friend.request_received"
    request_id: str
    user: User
    text: str | None = None


class FriendAdded(_Event):
    """Somebody became a contact."""

    type: Literal["friend.added"] = "friend.added"
    user: User


class FriendRemoved(_Event):
    """Somebody is no longer a contact."""

    type: Literal["friend.removed"] = "friend.removed"
    user: User


class BotInvitedToGroup(_Event):
    """The bot was asked into a group (`request_id`: approve it), or is now in it."""

    type: Literal["bot.invited_to_group"] = "bot.invited_to_group"
    group: Group
    inviter: User | None = None
    request_id: str | None = None


class BotRemovedFromGroup(_Event):
    """The bot is no longer in a group."""

    type: Literal["bot.removed_from_group"] = "bot.removed_from_group"
    group: Group
    operator: User | None = None


class BotMuted(_Event):
    """The bot may not speak in a group."""

    type: Literal["bot.muted"] = "bot.muted"
    group: Group
    operator: User | None = None
    until: Timestamp | None = None


class BotUnmuted(_Event):
    """The bot may speak again."""

    type: Literal["bot.unmuted"] = "bot.unmuted"
    group: Group
    operator: User | None = None


class BotOnline(_Event):
    """The adapter's connection for this bot stands."""

    type: Literal["bot.online"] = "bot.online"
    reason: str | None = None


class BotOffline(_Event):
    """The adapter's connection for this bot is gone."""

    type: Literal["bot.offline"] = "bot.offline"
    reason: str | None = None


class _Delivery(_Event):
    answered_turn: TurnId | None = None
    message_id: MessageId | None = None
    out_sequence: int | None = None
    """Stream sequence of the outcome in the platform's OUT stream."""
    index: int = 0
    error: ErrorBody | None = None


class DeliverySent(_Delivery):
    """The platform took a message."""

    type: Literal["delivery.sent"] = "delivery.sent"


class DeliveryRead(_Delivery):
    """Somebody read a message."""

    type: Literal["delivery.read"] = "delivery.read"


class DeliveryFailed(_Delivery):
    """The platform refused a message for good."""

    type: Literal["delivery.failed"] = "delivery.failed"


class DeliveryUnknown(_Delivery):
    """A crash or timeout left it open whether the platform took a message."""

    type: Literal["delivery.unknown"] = "delivery.unknown"


class PlatformEvent(_Event):
    """What no common type says: `platform.<platform>.<action>`."""

    type: Annotated[str, Field(pattern=r"^platform\.[a-z0-9-]+\.[a-z0-9_]+$")]
    data: dict[str, Any] = Field(default_factory=dict)


EVENT_CLASSES: tuple[type[_Event], ...] = (
    MessageReceived,
    MessageEdited,
    MessageDeleted,
    MessageReaction,
    FeedbackReceived,
    InteractionReceived,
    GroupMemberJoined,
    GroupMemberLeft,
    GroupMemberBanned,
    GroupMemberUnbanned,
    GroupInfoUpdated,
    FriendRequestReceived,
    FriendAdded,
    FriendRemoved,
    BotInvitedToGroup,
    BotRemovedFromGroup,
    BotMuted,
    BotUnmuted,
    BotOnline,
    BotOffline,
    DeliverySent,
    DeliveryRead,
    DeliveryFailed,
    DeliveryUnknown,
)
"""Every event with a fixed type; `PlatformEvent` is the open one."""

EVENT_TYPES: tuple[str, ...] = tuple(cls.model_fields["type"].default for cls in EVENT_CLASSES)


def _tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    text = str(kind)
    return "platform" if text.startswith("platform.") else text


Event = Annotated[
    Annotated[MessageReceived, Tag("message.received")]
    | Annotated[MessageEdited, Tag("message.edited")]
    | Annotated[MessageDeleted, Tag("message.deleted")]
    | Annotated[MessageReaction, Tag("message.reaction")]
    | Annotated[FeedbackReceived, Tag("feedback.received")]
    | Annotated[InteractionReceived, Tag("interaction.received")]
    | Annotated[GroupMemberJoined, Tag("group.member_joined")]
    | Annotated[GroupMemberLeft, Tag("group.member_left")]
    | Annotated[GroupMemberBanned, Tag("group.member_banned")]
    | Annotated[GroupMemberUnbanned, Tag("group.member_unbanned")]
    | Annotated[GroupInfoUpdated, Tag("group.info_updated")]
    | Annotated[FriendRequestReceived, Tag("friend.request_received")]
    | Annotated[FriendAdded, Tag("friend.added")]
    | Annotated[FriendRemoved, Tag("friend.removed")]
    | Annotated[BotInvitedToGroup, Tag("bot.invited_to_group")]
    | Annotated[BotRemovedFromGroup, Tag("bot.removed_from_group")]
    | Annotated[BotMuted, Tag("bot.muted")]
    | Annotated[BotUnmuted, Tag("bot.unmuted")]
    | Annotated[BotOnline, Tag("bot.online")]
    | Annotated[BotOffline, Tag("bot.offline")]
    | Annotated[DeliverySent, Tag("delivery.sent")]
    | Annotated[DeliveryRead, Tag("delivery.read")]
    | Annotated[DeliveryFailed, Tag("delivery.failed")]
    | Annotated[DeliveryUnknown, Tag("delivery.unknown")]
    | Annotated[PlatformEvent, Tag("platform")],
    Discriminator(_tag),
]

EVENT_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def read_event(data: str | bytes) -> Event:
    """Parse an event from JSON.

    Raises:
        pydantic.ValidationError: Not an event of a known type.
    """
    return read_union(EVENT_ADAPTER, data)
