"""HTTP about conversations: the router keeps them."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from tandem_common.contract.ids import BotId
from tandem_common.contract.transcripts import (
    ConversationList,
    ConversationSummary,
    ListConversations,
    ReadTranscript,
    Transcript,
)
from tandem_gateway.admin.door import Gateway, admin_router, answer, ask, path_id, permit, shown
from tandem_gateway.media_links import media_response
from tandem_gateway.security.principals import Principal
from tandem_gateway.state import GatewayState

router = admin_router("conversations")
Reader = Annotated[Principal, permit("conversations.read")]
Limit = Annotated[int, Query(ge=1, le=200)]
ConversationPath = Annotated[str, path_id("conversation", r"[a-z2-7]{20}")]


async def _transcript(gateway: GatewayState, asked: ReadTranscript) -> Transcript:
    return await ask(gateway, "router", "transcript", asked, Transcript)


@router.get("/conversations", responses=shown(ConversationList))
async def list_conversations(
    gateway: Gateway,
    _: Reader,
    bot: BotId | None = None,
    search: Annotated[str | None, Query(max_length=200)] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Response:
    """List conversations, newest first."""
    asked = ListConversations(bot=bot, search=search or None, limit=limit, cursor=cursor)
    return answer(await ask(gateway, "router", "conversations", asked, ConversationList))


@router.get("/conversations/{conversation}", responses=shown(ConversationSummary))
async def read_conversation(
    conversation: ConversationPath, gateway: Gateway, _: Reader
) -> Response:
    """Read what a conversation is."""
    asked = ReadTranscript(conversation_id=conversation, limit=1)
    return answer((await _transcript(gateway, asked)).conversation)


@router.get("/conversations/{conversation}/messages", responses=shown(Transcript))
async def read_messages(
    conversation: ConversationPath,
    gateway: Gateway,
    _: Reader,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Response:
    """Read the newest messages before `cursor`, oldest first."""
    asked = ReadTranscript(conversation_id=conversation, limit=limit, cursor=cursor)
    return answer(await _transcript(gateway, asked))


@router.get("/media/{digest}")
async def read_media(
    digest: Annotated[str, path_id("digest", r"[0-9a-f]{64}")], gateway: Gateway, _: Reader
) -> Response:
    """Read stored media by its sha256, as a transcript names it."""
    found = await gateway.media.get(f"sha256:{digest}")
    return media_response(found.data, found.mime)
