"""Who may connect to a OneBot bot."""

import pytest

from tandem_adapters.platforms.onebot.settings import OneBotSettings
from tandem_adapters.platforms.onebot.transport import check_token
from tandem_common.contract.errors import ForbiddenError, UnauthenticatedError

OPEN, CLOSED = OneBotSettings(), OneBotSettings(access_token="secret")


def test_the_token_opens_from_anywhere():
    check_token("secret", "203.0.113.9", CLOSED)
    with pytest.raises(ForbiddenError):
        check_token("other", "127.0.0.1", CLOSED)
    with pytest.raises(UnauthenticatedError):
        check_token("", "127.0.0.1", CLOSED)


def test_without_a_token_only_this_machine_may():
    check_token("", "127.0.0.1", OPEN)
    check_token("", "::1", OPEN)
    for remote in ("203.0.113.9", "10.0.0.5", ""):
        with pytest.raises(ForbiddenError, match="set access_token"):
            check_token("", remote, OPEN)
