"""What the gateway hands over: the browser's socket ends there."""

from base64 import b64decode, b64encode

from pydantic import ValidationError

from tandem_common.contract.base import ContractModel
from tandem_common.contract.entities import User
from tandem_common.contract.errors import InvalidInputError, UnauthenticatedError
from tandem_common.contract.hooks import HookRequest, HookResponse
from tandem_common.contract.webchat import Say

from .wire import VISITOR_ID, VISITOR_NAME


def visitor_of(request: HookRequest) -> User:
    """Return who says it, as the gateway has checked.

    Raises:
        UnauthenticatedError: The gateway named nobody.
    """
    visitor = request.headers.get(VISITOR_ID, "")
    if not visitor:
        raise UnauthenticatedError("no visitor is named")
    return User(id=visitor, name=request.headers.get(VISITOR_NAME) or None)


def said(request: HookRequest) -> Say:
    """Read what was said.

    Raises:
        InvalidInputError: Not a message.
    """
    try:
        return Say.read(b64decode(request.body, validate=True))
    except (ValidationError, ValueError) as error:
        raise InvalidInputError(f"not a message: {str(error)[:200]}") from error


def answer(model: ContractModel) -> HookResponse:
    """Answer with JSON."""
    return HookResponse(
        status=200,
        headers={"content-type": "application/json"},
        body=b64encode(model.to_json()).decode(),
    )
