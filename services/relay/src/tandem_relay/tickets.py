"""The states of a ticket and the moves between them; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem_common.contract.errors import ConflictError
from tandem_common.contract.relay import OPEN_STATES, Operator, TicketState


@dataclass(frozen=True)
class Standing:
    """What decides whether somebody may do something with a ticket."""

    state: TicketState
    rev: int
    assignee: Operator | None = None
    claimed_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the ticket still waits for its end."""
        return self.state in OPEN_STATES

    def holder(self, now: datetime) -> Operator | None:
        """Return who holds the ticket now; a claim that ran out holds nothing."""
        if self.assignee is None or self.claimed_until is None or self.claimed_until <= now:
            return None
        return self.assignee


def require_open(standing: Standing) -> None:
    """Refuse to act on a ticket that has ended.

    Raises:
        ConflictError: It has.
    """
    if not standing.is_open:
        raise ConflictError(f"the ticket is already {standing.state.replace('_', ' ')}")


def require_seen(standing: Standing, expected_rev: int | None) -> None:
    """Refuse to act on what the operator has not seen.

    Raises:
        ConflictError: Something was said or done since.
    """
    if expected_rev is not None and expected_rev != standing.rev:
        raise ConflictError(
            f"the ticket has changed since revision {expected_rev}; it is at {standing.rev}"
        )


def require_free(standing: Standing, operator: Operator, now: datetime) -> None:
    """Refuse to take what somebody else holds.

    Raises:
        ConflictError: Somebody else holds it.
    """
    holder = standing.holder(now)
    if holder is not None and holder.id != operator.id:
        raise ConflictError(f"{holder.name} has claimed the ticket")


def claim(
    standing: Standing, operator: Operator, now: datetime, lease_s: int, *, force: bool = False
) -> Standing:
    """Take a ticket, or keep it longer.

    Raises:
        ConflictError: It has ended, or somebody else holds it.
    """
    require_open(standing)
    if not force:
        require_free(standing, operator, now)
    state: TicketState = "answering" if standing.state == "answering" else "claimed"
    return Standing(state, standing.rev + 1, operator, now + timedelta(seconds=lease_s))


def release(standing: Standing, operator: Operator, now: datetime) -> Standing:
    """Give a ticket back to the queue.

    Raises:
        ConflictError: It has ended, or somebody else holds it.
    """
    require_open(standing)
    require_free(standing, operator, now)
    return Standing("waiting", standing.rev + 1)


def reply(
    standing: Standing, operator: Operator, now: datetime, lease_s: int, *, final: bool
) -> Standing:
    """Say something; a final word ends the ticket.

    Raises:
        ConflictError: It has ended, or somebody else holds it.
    """
    require_open(standing)
    require_free(standing, operator, now)
    until = now + timedelta(seconds=lease_s)
    return Standing("answered" if final else "answering", standing.rev + 1, operator, until)


def end(standing: Standing, state: TicketState) -> Standing:
    """End a ticket without an operator's word.

    Raises:
        ConflictError: It has ended already.
    """
    require_open(standing)
    return Standing(state, standing.rev + 1, standing.assignee, standing.claimed_until)


def ask(standing: Standing) -> Standing:
    """Add a question; whoever has it before their eyes must see it first."""
    require_open(standing)
    return Standing(standing.state, standing.rev + 1, standing.assignee, standing.claimed_until)
