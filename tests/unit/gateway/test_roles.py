"""Who may do what: the table, and that every route stands in it."""

from itertools import pairwise

import pytest

from tandem_gateway.admin import ROUTERS
from tandem_gateway.openapi import actions_of, admin_routes
from tandem_gateway.security.roles import MAY, ROLES, actions_of as allowed, may, role_of_scopes

OPEN = {
    ("POST", "/session"),
    ("POST", "/setup"),
    ("POST", "/setup/check"),
}


def test_every_route_of_the_admin_api_asks_for_an_action_or_is_meant_to_be_open() -> None:
    unguarded = {
        (method, route.path)
        for route in admin_routes()
        for method in route.methods or ()
        if not actions_of(route.dependant)
    }

    assert len(ROUTERS) > 10
    assert unguarded == OPEN


def test_every_action_of_the_table_is_used_by_a_route() -> None:
    used = {action for route in admin_routes() for action in actions_of(route.dependant)}

    assert used == set(MAY)


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        ("viewer", "tickets.read", True),
        ("viewer", "tickets.answer", False),
        ("viewer", "keys.read", False),
        ("operator", "tickets.answer", True),
        ("operator", "bots.write", False),
        ("operator", "connections.read", False),
        ("admin", "bots.write", True),
        ("admin", "accounts.write", False),
        ("owner", "accounts.write", True),
        (None, "bots.read", False),
    ],
)
def test_a_role_may_do_what_the_table_says(role, action, allowed) -> None:
    assert may(role, action) is allowed


def test_each_role_may_do_everything_the_next_lower_one_may() -> None:
    for higher, lower in pairwise(ROLES):
        assert set(allowed(lower)) <= set(allowed(higher))


@pytest.mark.parametrize(
    ("scopes", "role"),
    [({"chat"}, None), ({"operator", "chat"}, "operator"), ({"admin", "operator"}, "admin")],
)
def test_the_widest_scope_of_a_key_decides_its_role(scopes, role) -> None:
    assert role_of_scopes(frozenset(scopes)) == role
