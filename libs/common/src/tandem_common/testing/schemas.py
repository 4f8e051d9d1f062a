"""The contract as JSON schemas: what receivers in other languages are written against."""

import json
from typing import Any

from pydantic import TypeAdapter

from tandem_common.contract import (
    capabilities,
    commands,
    config,
    errors,
    events,
    hooks,
    ledger,
    outcomes,
    relay,
    rules,
    transcripts,
    turns,
    webchat,
)

_ROOTS: dict[str, Any] = {
    "event": events.Event,
    "command": commands.Command,
    "api_request": commands.ApiRequest,
    "command_result": commands.CommandResult,
    "outcome": outcomes.Outcome,
    "turn_event": turns.TurnEvent,
    "rule": rules.Rule,
    "handler_human": rules.HumanConfig,
    "handler_webhook": rules.WebhookConfig,
    "handler_echo": rules.EchoConfig,
    "bot_config": config.BotConfig,
    "bot_rules": config.BotRules,
    "connection_config": config.ConnectionConfig,
    "manifest": capabilities.Manifest,
    "error": errors.ErrorBody,
    "open_ticket": relay.OpenTicket,
    "ticket": relay.Ticket,
    "ticket_change": relay.TicketChange,
    "list_tickets": relay.ListTickets,
    "claim_ticket": relay.ClaimTicket,
    "release_ticket": relay.ReleaseTicket,
    "reply_ticket": relay.ReplyTicket,
    "note_ticket": relay.NoteTicket,
    "close_ticket": relay.CloseTicket,
    "typing_ticket": relay.TypingTicket,
    "cancel_turn": relay.CancelTurn,
    "list_conversations": transcripts.ListConversations,
    "conversation_list": transcripts.ConversationList,
    "read_transcript": transcripts.ReadTranscript,
    "transcript": transcripts.Transcript,
    "turn": transcripts.Turn,
    "test_rules": transcripts.TestRules,
    "rule_test_result": transcripts.RuleTestResult,
    "webchat_client_frame": webchat.ClientFrame,
    "webchat_frame": webchat.ChatFrame,
    "hook_request": hooks.HookRequest,
    "hook_response": hooks.HookResponse,
    "usage": ledger.UsageBatch,
    "deliveries": ledger.DeliveryBatch,
    "audit": ledger.Audit,
}


def schemas() -> dict[str, str]:
    """Return each schema by name, as the text that is committed."""
    return {
        name: json.dumps(TypeAdapter(root).json_schema(), indent=1, sort_keys=True) + "\n"
        for name, root in _ROOTS.items()
    }
