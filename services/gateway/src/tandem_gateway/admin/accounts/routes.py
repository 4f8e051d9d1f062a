"""HTTP about people."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from tandem_gateway.admin.door import (
    Gateway,
    admin_router,
    answer,
    json_body,
    no_content,
    page,
    permit,
    shown,
)
from tandem_gateway.remote import address_of
from tandem_gateway.security.principals import COOKIE, NewSession, Principal
from tandem_gateway.state import GatewayState

from . import service
from .schemas import (
    AccountList,
    AccountRead,
    AccountUpdate,
    Invitation,
    Invite,
    Me,
    NewPassword,
    SignIn,
    Token,
    TokenRead,
    Welcome,
)

router = admin_router("accounts")
Myself = Annotated[Principal, permit("self")]
Reader = Annotated[Principal, permit("accounts.read")]
Writer = Annotated[Principal, permit("accounts.write")]


def _signed_in(gateway: GatewayState, made: NewSession, status: int = 200) -> Response:
    response = answer(service.me(made.principal), status=status)
    response.set_cookie(
        COOKIE,
        made.token,
        max_age=gateway.settings.session_hours * 3600,
        path="/",
        httponly=True,
        secure=gateway.settings.secure_cookies,
        samesite="lax",
    )
    return response


@router.post("/session", responses=shown(Me))
async def sign_in(
    request: Request, gateway: Gateway, body: Annotated[SignIn, json_body(SignIn)]
) -> Response:
    """Sign in with name and password."""
    made = await service.sign_in(gateway, body, address_of(request, gateway.settings))
    return _signed_in(gateway, made)


@router.get("/session", responses=shown(Me))
async def who_am_i(who: Myself) -> Response:
    """Say who asks and what they may do."""
    return answer(service.me(who))


@router.delete("/session", status_code=204)
async def sign_out(request: Request, gateway: Gateway, _: Myself) -> Response:
    """Sign this browser out."""
    await service.sign_out(gateway, request.cookies.get(COOKIE, ""))
    response = no_content()
    response.delete_cookie(COOKIE, path="/")
    return response


@router.post("/session/password", responses=shown(Me))
async def change_password(
    gateway: Gateway, who: Myself, body: Annotated[NewPassword, json_body(NewPassword)]
) -> Response:
    """Change one's own password."""
    return _signed_in(gateway, await service.change_password(gateway, body, who))


@router.post("/setup/check", responses=shown(TokenRead))
async def check_token(gateway: Gateway, body: Annotated[Token, json_body(Token)]) -> Response:
    """Say whether a one-time link still works."""
    return answer(await service.token_role(gateway, body.token))


@router.post("/setup", status_code=201, responses=shown(Me, 201))
async def set_up(
    request: Request, gateway: Gateway, body: Annotated[Welcome, json_body(Welcome)]
) -> Response:
    """Make an account by a one-time link, and sign in."""
    made = await service.welcome(gateway, body, address_of(request, gateway.settings))
    return _signed_in(gateway, made, 201)


@router.get("/accounts", responses=shown(AccountList))
async def list_accounts(gateway: Gateway, _: Reader) -> Response:
    """List people."""
    return page(list(await service.listed(gateway)))


@router.post("/accounts/invitations", status_code=201, responses=shown(Invitation, 201))
async def invite(
    gateway: Gateway, who: Writer, body: Annotated[Invite, json_body(Invite)]
) -> Response:
    """Make a one-time link for somebody."""
    return answer(await service.invite(gateway, body.role, who), status=201)


@router.patch("/accounts/{account}", responses=shown(AccountRead))
async def change_account(
    account: str,
    gateway: Gateway,
    who: Writer,
    body: Annotated[AccountUpdate, json_body(AccountUpdate)],
) -> Response:
    """Change a person's name, role or access."""
    return answer(await service.update(gateway, account, body, who))


@router.delete("/accounts/{account}", status_code=204)
async def delete_account(account: str, gateway: Gateway, who: Writer) -> Response:
    """Remove a person."""
    await service.delete(gateway, account, who)
    return no_content()
