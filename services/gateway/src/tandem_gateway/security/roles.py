"""Who may do what: one table. A route names its action; nothing else decides."""

from typing import Literal

Role = Literal["owner", "admin", "operator", "viewer"]
Scope = Literal["admin", "operator", "chat"]
ROLES: tuple[Role, ...] = ("owner", "admin", "operator", "viewer")

Action = Literal[
    "self",
    "platforms.read",
    "bots.read",
    "bots.write",
    "rules.read",
    "rules.write",
    "connections.read",
    "connections.write",
    "keys.read",
    "keys.write",
    "accounts.read",
    "accounts.write",
    "audit.read",
    "tickets.read",
    "tickets.answer",
    "conversations.read",
    "turns.read",
    "turns.cancel",
    "dlq.read",
    "dlq.write",
    "apply",
    "events.read",
]

_ALL: frozenset[Role] = frozenset(ROLES)
_OPERATORS: frozenset[Role] = frozenset({"owner", "admin", "operator"})
_ADMINS: frozenset[Role] = frozenset({"owner", "admin"})
_OWNERS: frozenset[Role] = frozenset({"owner"})

MAY: dict[Action, frozenset[Role]] = {
    "self": _ALL,
    "platforms.read": _ALL,
    "bots.read": _ALL,
    "bots.write": _ADMINS,
    "rules.read": _ALL,
    "rules.write": _ADMINS,
    "connections.read": _ADMINS,
    "connections.write": _ADMINS,
    "keys.read": _ADMINS,
    "keys.write": _ADMINS,
    "accounts.read": _ADMINS,
    "accounts.write": _OWNERS,
    "audit.read": _ADMINS,
    "tickets.read": _ALL,
    "tickets.answer": _OPERATORS,
    "conversations.read": _ALL,
    "turns.read": _ALL,
    "turns.cancel": _OPERATORS,
    "dlq.read": _ADMINS,
    "dlq.write": _ADMINS,
    "apply": _ADMINS,
    "events.read": _ALL,
}

ROLE_OF_SCOPE: dict[Scope, Role] = {"admin": "admin", "operator": "operator"}
"""A key's widest scope decides; `chat` alone opens `/v1` and nothing here."""


def may(role: Role | None, action: Action) -> bool:
    """Say whether a role may do something."""
    return role is not None and role in MAY[action]


def actions_of(role: Role | None) -> list[Action]:
    """Return everything a role may do: the console hides the rest."""
    return [action for action in MAY if may(role, action)]


def role_of_scopes(scopes: frozenset[str]) -> Role | None:
    """Return the role a key's scopes amount to."""
    return next((role for scope, role in ROLE_OF_SCOPE.items() if scope in scopes), None)
