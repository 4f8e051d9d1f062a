"""What we ask a platform to do: one union on `kind`, and the answer."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from .base import ContractModel
from .components import Component
from .entities import Conversation
from .errors import ErrorBody
from .ids import ChatId, MessageId, TurnId, UserId


class SendMessage(ContractModel):
    """Say something in a conversation."""

    kind: Literal["send_message"] = "send_message"
    conversation: Conversation
    components: tuple[Component, ...]
    reply_to: MessageId | None = None
    idempotency_key: str


class DeliverTurn(ContractModel):
    """Attach to a turn's log and bring its answer to the conversation the platform's own way."""

    kind: Literal["deliver_turn"] = "deliver_turn"
    turn: TurnId
    conversation: Conversation
    reply_to: MessageId | None = None


class EditMessage(ContractModel):
    """Replace what a message says."""

    kind: Literal["edit_message"] = "edit_message"
    conversation: Conversation
    message_id: MessageId
    components: tuple[Component, ...]


class DeleteMessage(ContractModel):
    """Take a message back."""

    kind: Literal["delete_message"] = "delete_message"
    conversation: Conversation
    message_id: MessageId


class ForwardMessage(ContractModel):
    """Carry a message to another conversation."""

    kind: Literal["forward_message"] = "forward_message"
    conversation: Conversation
    message_id: MessageId
    to: Conversation


class GetMessage(ContractModel):
    """Read one message."""

    kind: Literal["get_message"] = "get_message"
    conversation: Conversation | None = None
    message_id: MessageId


class React(ContractModel):
    """Add or remove a reaction."""

    kind: Literal["react"] = "react"
    conversation: Conversation
    message_id: MessageId
    reaction: str
    added: bool = True


class SetTyping(ContractModel):
    """Show, or stop showing, that somebody is writing."""

    kind: Literal["set_typing"] = "set_typing"
    conversation: Conversation
    typing: bool = True
    who: str | None = None


class GetGroupInfo(ContractModel):
    """Read a group."""

    kind: Literal["get_group_info"] = "get_group_info"
    group_id: ChatId


class GetGroupList(ContractModel):
    """List the bot's groups."""

    kind: Literal["get_group_list"] = "get_group_list"


class GetGroupMemberList(ContractModel):
    """List a group's members."""

    kind: Literal["get_group_member_list"] = "get_group_member_list"
    group_id: ChatId


class GetGroupMemberInfo(ContractModel):
    """Read one member of a group."""

    kind: Literal["get_group_member_info"] = "get_group_member_info"
    group_id: ChatId
    user_id: UserId


class SetGroupName(ContractModel):
    """Rename a group."""

    kind: Literal["set_group_name"] = "set_group_name"
    group_id: ChatId
    name: str


class MuteMember(ContractModel):
    """Keep a member from speaking."""

    kind: Literal["mute_member"] = "mute_member"
    group_id: ChatId
    user_id: UserId
    duration_s: int = 600


class UnmuteMember(ContractModel):
    """Let a member speak again."""

    kind: Literal["unmute_member"] = "unmute_member"
    group_id: ChatId
    user_id: UserId


class KickMember(ContractModel):
    """Remove a member from a group."""

    kind: Literal["kick_member"] = "kick_member"
    group_id: ChatId
    user_id: UserId
    ban: bool = False


class LeaveGroup(ContractModel):
    """Leave a group."""

    kind: Literal["leave_group"] = "leave_group"
    group_id: ChatId


class GetUserInfo(ContractModel):
    """Read a user."""

    kind: Literal["get_user_info"] = "get_user_info"
    user_id: UserId


class GetFriendList(ContractModel):
    """List the bot's contacts."""

    kind: Literal["get_friend_list"] = "get_friend_list"


class ApproveFriendRequest(ContractModel):
    """Accept or refuse somebody who asks to be a contact."""

    kind: Literal["approve_friend_request"] = "approve_friend_request"
    request_id: str
    approve: bool = True
    remark: str | None = None


class ApproveGroupInvite(ContractModel):
    """Accept or refuse an invitation or a request to join."""

    kind: Literal["approve_group_invite"] = "approve_group_invite"
    request_id: str
    approve: bool = True
    reason: str | None = None


class UploadFile(ContractModel):
    """Put a file from our store onto the platform."""

    kind: Literal["upload_file"] = "upload_file"
    conversation: Conversation
    media: str
    name: str


class GetFileUrl(ContractModel):
    """Get a platform file as our own signed, short-lived URL."""

    kind: Literal["get_file_url"] = "get_file_url"
    file_id: str
    conversation: Conversation | None = None


class CallPlatformApi(ContractModel):
    """Call a platform's own action that has no common name."""

    kind: Literal["call_platform_api"] = "call_platform_api"
    action: str
    params: dict[str, Any] = Field(default_factory=dict)


Command = Annotated[
    SendMessage
    | DeliverTurn
    | EditMessage
    | DeleteMessage
    | ForwardMessage
    | GetMessage
    | React
    | SetTyping
    | GetGroupInfo
    | GetGroupList
    | GetGroupMemberList
    | GetGroupMemberInfo
    | SetGroupName
    | MuteMember
    | UnmuteMember
    | KickMember
    | LeaveGroup
    | GetUserInfo
    | GetFriendList
    | ApproveFriendRequest
    | ApproveGroupInvite
    | UploadFile
    | GetFileUrl
    | CallPlatformApi,
    Field(discriminator="kind"),
]
COMMAND_ADAPTER: TypeAdapter[Command] = TypeAdapter(Command)


class ApiRequest(ContractModel):
    """A request on `api.<platform>.<bot>.<method>`."""

    command: Command
    idempotency_key: str | None = None
    """Required for commands that change something: a repeat answers with the first result."""


class CommandResult(ContractModel):
    """What came of a command."""

    ok: bool
    data: Any = None
    error: ErrorBody | None = None
    reduced: tuple[str, ...] = ()
    """What the platform could not show and was rendered down, in words."""
