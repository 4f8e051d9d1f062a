"""What goes into workflows and activities: ids and numbers only."""

from tandem_common.contract.base import ContractModel

TASK_QUEUE = "tandem-relay"
REMIND = "remind"
FALL_BACK = "fall_back"


class TicketTimers(ContractModel):
    """Input of `TicketWorkflow`."""

    ticket: str
    remind_every_s: int
    remind_times: int
    fallback_after_s: int


class Reminder(ContractModel):
    """Input of the activity `remind`: the ticket and which reminder it is, from 1."""

    ticket: str
    number: int


def workflow_id(turn: str) -> str:
    """Name the workflow of a ticket by its first turn."""
    return f"ticket/{turn}"
