"""What is said about dead letters."""

from typing import Any

from tandem_common.contract.base import ContractModel


class DeadLetter(ContractModel):
    """A message nobody could handle."""

    id: str
    subject: str
    """Where it was on its way to."""
    kind: str
    """`event`, `outcome`, `ticket` or `other`."""
    time: str
    reason: str | None
    attempts: int | None
    headers: dict[str, str]
    size_bytes: int
    excerpt: str


class DeadLetterRead(DeadLetter):
    """With its body, decoded where it is JSON."""

    body: Any


class DeadLetterList(ContractModel):
    """A page of dead letters, oldest first, and how many there are in all."""

    items: tuple[DeadLetter, ...]
    next: str | None = None
    total: int


class Replayed(ContractModel):
    """Where a letter went."""

    id: str
    subject: str
    sequence: int
