"""What operators say about tickets."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from tandem_common.contract.base import ContractModel
from tandem_common.contract.components import Component, Text
from tandem_common.contract.relay import TicketState

IdempotencyKey = Annotated[str, Field(min_length=1, max_length=100)]


class Filter(BaseModel):
    """Which tickets to list."""

    status: Literal["open", "closed", "all"] | TicketState = "open"
    assignee: str | None = None
    conversation_id: str | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class Claim(ContractModel):
    """Take a ticket; `force` takes it over from somebody else."""

    force: bool = False


class Reply(ContractModel):
    """Say something: `text`, or `components`."""

    text: str | None = Field(default=None, min_length=1, max_length=50_000)
    components: tuple[Component, ...] | None = Field(default=None, min_length=1, max_length=50)
    final: bool = True
    expected_rev: int | None = None
    idempotency_key: IdempotencyKey | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Reply":
        if (self.text is None) == (self.components is None):
            raise ValueError("give either text or components")
        return self

    @property
    def said(self) -> tuple[Component, ...]:
        """What is said, as components."""
        return self.components or (Text(text=self.text or ""),)


class Note(ContractModel):
    """Said among operators."""

    text: str = Field(min_length=1, max_length=10_000)
    idempotency_key: IdempotencyKey | None = None


class Typing(ContractModel):
    """Whether the operator is writing."""

    typing: bool = True
