"""Every refusal gets a code a caller can act on."""

import pytest

from tandem_adapters.platforms.onebot.errors import error_of, error_of_status, no_answer
from tandem_adapters.platforms.onebot.wire import Answer


@pytest.mark.parametrize(
    ("retcode", "wording", "code", "retryable"),
    [
        (1400, "bad", "invalid_input", False),
        (1404, "unknown", "unsupported", False),
        (1200, "你已被禁言", "forbidden", False),
        (1200, "操作过于频繁", "rate_limited", True),
        (1200, "消息不存在", "not_found", False),
        (1200, "Timeout: NTEvent", "unknown_outcome", False),
        (1200, "账号离线", "unavailable", True),
        (1200, "something else", "upstream_error", False),
    ],
)
def test_a_failed_answer(retcode: int, wording: str, code: str, retryable: bool) -> None:
    error = error_of("send", Answer(status="failed", retcode=retcode, wording=wording))

    assert (error.code, error.retryable) == (code, retryable)
    assert error.details["retcode"] == retcode


def test_statuses_of_the_http_api() -> None:
    codes = [error_of_status("x", status).code for status in (401, 403, 404, 429, 503, 504)]

    assert codes == [
        "unauthenticated",
        "forbidden",
        "unsupported",
        "rate_limited",
        "unavailable",
        "unknown_outcome",
    ]


def test_no_answer_is_in_doubt_only_when_something_may_have_changed() -> None:
    assert no_answer("send_msg", changes=True).code == "unknown_outcome"
    assert no_answer("get_msg", changes=False).code == "timeout"
