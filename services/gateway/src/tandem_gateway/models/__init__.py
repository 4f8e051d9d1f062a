"""The tables the gateway owns. Times are RFC 3339 text in UTC: they sort, on every database."""

from .access import AccountRow, ApiKeyRow, SessionRow, SetupTokenRow
from .config import BotRow, ConnectionRow, RulesRow, SettingRow
from .journal import AuditRow, IdempotencyRow, OutboxRow
from .openai import CallRow

__all__ = [
    "AccountRow",
    "ApiKeyRow",
    "AuditRow",
    "BotRow",
    "CallRow",
    "ConnectionRow",
    "IdempotencyRow",
    "OutboxRow",
    "RulesRow",
    "SessionRow",
    "SettingRow",
    "SetupTokenRow",
]
