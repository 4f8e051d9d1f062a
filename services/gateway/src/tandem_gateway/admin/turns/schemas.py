"""What is said about turns."""

from pydantic import Field

from tandem_common.contract.base import ContractModel


class Cancel(ContractModel):
    """Why a turn is given up."""

    reason: str | None = Field(default=None, max_length=500)
