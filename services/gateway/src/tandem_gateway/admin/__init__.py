"""The admin API, first version: `/api/v1`."""

from fastapi import APIRouter

from .accounts.routes import router as accounts
from .apply.routes import router as apply
from .bots.routes import router as bots
from .connections.routes import router as connections
from .conversations.routes import router as conversations
from .dlq.routes import router as dlq
from .events.routes import router as events
from .keys.routes import router as keys
from .platforms.routes import router as platforms
from .rules.routes import router as rules
from .tickets.routes import router as tickets
from .turns.routes import router as turns

ROUTERS: tuple[APIRouter, ...] = (
    accounts,
    platforms,
    bots,
    rules,
    connections,
    keys,
    tickets,
    conversations,
    turns,
    dlq,
    apply,
    events,
)
