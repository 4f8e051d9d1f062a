"""The moves of a ticket: whatever comes in whatever order, it ends once and says who holds it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tandem_common.contract.errors import ConflictError
from tandem_common.contract.relay import OPEN_STATES, Operator
from tandem_relay import tickets
from tandem_relay.tickets import Standing

ANN, BEN = Operator(id="a", name="Ann"), Operator(id="b", name="Ben")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=601)
FRESH = Standing("waiting", 1)


def test_a_claim_holds_until_it_runs_out():
    held = tickets.claim(FRESH, ANN, NOW, 600)
    assert (held.state, held.rev, held.holder(NOW)) == ("claimed", 2, ANN)
    with pytest.raises(ConflictError, match="Ann has claimed"):
        tickets.claim(held, BEN, NOW, 600)
    assert held.holder(LATER) is None
    assert tickets.claim(held, BEN, LATER, 600).assignee == BEN


def test_force_takes_over():
    held = tickets.claim(FRESH, ANN, NOW, 600)
    assert tickets.claim(held, BEN, NOW, 600, force=True).assignee == BEN


def test_what_has_ended_cannot_be_moved():
    ended = tickets.reply(FRESH, ANN, NOW, 600, final=True)
    assert ended.state == "answered"
    for move in (
        lambda: tickets.claim(ended, ANN, NOW, 600),
        lambda: tickets.release(ended, ANN, NOW),
        lambda: tickets.reply(ended, ANN, NOW, 600, final=True),
        lambda: tickets.end(ended, "fell_back"),
        lambda: tickets.ask(ended),
    ):
        with pytest.raises(ConflictError, match="already answered"):
            move()


def test_what_changed_since_must_be_seen():
    tickets.require_seen(FRESH, 1)
    tickets.require_seen(FRESH, None)
    with pytest.raises(ConflictError, match="changed since revision 0"):
        tickets.require_seen(FRESH, 0)


MOVES = st.sampled_from(
    [
        lambda s, who, now: tickets.claim(s, who, now, 600),
        lambda s, who, now: tickets.claim(s, who, now, 600, force=True),
        tickets.release,
        lambda s, who, now: tickets.reply(s, who, now, 600, final=False),
        lambda s, who, now: tickets.reply(s, who, now, 600, final=True),
        lambda s, _who, _now: tickets.end(s, "fell_back"),
        lambda s, _who, _now: tickets.ask(s),
    ]
)


@given(st.lists(st.tuples(MOVES, st.sampled_from([ANN, BEN]), st.integers(0, 2000)), max_size=30))
def test_any_order_of_moves_keeps_the_invariants(steps):
    standing, ends = FRESH, 0
    for move, who, seconds in steps:
        now = NOW + timedelta(seconds=seconds)
        before = standing
        try:
            standing = move(standing, who, now)
        except ConflictError:
            assert standing == before
            continue
        assert before.is_open, "nothing moves after the end"
        assert standing.rev == before.rev + 1
        ends += standing.state not in OPEN_STATES
    assert ends <= 1
