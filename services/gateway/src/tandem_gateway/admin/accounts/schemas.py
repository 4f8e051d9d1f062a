"""What is said about people."""

from typing import Annotated, Literal

from pydantic import Field

from tandem_common.contract.base import ContractModel

AnyRole = Literal["owner", "admin", "operator", "viewer"]
LoginName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@+-]{2,100}$")]


class SignIn(ContractModel):
    """Name and password."""

    name: str = Field(max_length=100)
    password: str = Field(max_length=1000)


class Welcome(ContractModel):
    """A one-time token and what its holder wants to be called."""

    token: str = Field(max_length=500)
    name: LoginName
    display_name: str = Field(default="", max_length=100)
    password: str = Field(max_length=1000)


class Token(ContractModel):
    """A one-time token, to ask whether it still works."""

    token: str = Field(max_length=500)


class TokenRead(ContractModel):
    """What a one-time token is good for."""

    role: AnyRole
    expires_at: str


class Me(ContractModel):
    """Who is signed in, what they may do, and the token their browser must send with writes."""

    id: str
    name: str
    login: str
    role: str | None
    actions: tuple[str, ...]
    csrf: str


class NewPassword(ContractModel):
    """A change of one's own password."""

    current: str = Field(max_length=1000)
    new: str = Field(max_length=1000)


class AccountRead(ContractModel):
    """A person."""

    id: str
    name: str
    display_name: str
    role: AnyRole
    disabled: bool
    created_at: str


class AccountList(ContractModel):
    """All people."""

    items: tuple[AccountRead, ...]
    next: str | None = None


class AccountUpdate(ContractModel):
    """A change; what is left out stays."""

    display_name: str | None = Field(default=None, min_length=1, max_length=100)
    role: AnyRole | None = None
    disabled: bool | None = None


class Invite(ContractModel):
    """An invitation with a role."""

    role: AnyRole


class Invitation(ContractModel):
    """A one-time link; shown this once."""

    role: AnyRole
    url: str
    expires_at: str
