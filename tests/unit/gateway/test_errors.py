"""Errors as HTTP answers: the code, the status, the field."""

import json

import pytest
from pydantic import TypeAdapter

from tandem_common.contract.errors import ERRORS, InvalidInputError, RateLimitedError
from tandem_common.contract.rules import Rule
from tandem_gateway.admin.bots.schemas import BotCreate
from tandem_gateway.admin.tickets.schemas import Reply
from tandem_gateway.errors import STATUS, StaleError, error_response, parse, parse_as, status_of

RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def test_every_code_of_the_contract_has_a_status() -> None:
    assert set(STATUS) == set(ERRORS)


def test_a_stale_revision_is_412_and_still_a_conflict() -> None:
    error = StaleError("changed")

    assert (status_of(error), error.code) == (412, "conflict")


def test_an_answer_names_code_field_and_when_to_come_again() -> None:
    response = error_response(RateLimitedError("slow", field="name", retry_after_s=2.6))

    assert response.status_code == 429
    assert response.headers["retry-after"] == "3"
    assert json.loads(bytes(response.body)) == {
        "error": {"code": "rate_limited", "message": "slow", "field": "name"}
    }


@pytest.mark.parametrize(
    ("model", "body", "field"),
    [
        (BotCreate, b'{"platform": "x"}', "id"),
        (BotCreate, b'{"id": "a", "platform": "x", "enabled": "yes"}', "enabled"),
        (BotCreate, b'{"id": "a", "platform": "x", "typo": 1}', "typo"),
        (
            BotCreate,
            b'{"id": "a", "platform": "x", "default_handler": {"kind": "magic"}}',
            "default_handler.kind",
        ),
        (Reply, b'{"components": [{"kind": "text", "text": 5}]}', "components[0].text"),
        (Reply, b'{"components": [{"kind": "nope"}]}', "components[0]"),
        (Reply, b'{"text": "a", "components": [{"kind": "text", "text": "b"}]}', None),
        (Reply, b"[]", None),
        (Reply, b"{", None),
        (Reply, b"\xff\xfe", None),
    ],
)
def test_bad_bodies_are_refused_and_the_field_is_named(model, body, field) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(model, body)

    assert caught.value.field == field


def test_a_field_deep_inside_is_named_as_one_writes_it() -> None:
    wrong = {"id": "a", "bot": "b", "handler": {"kind": "echo"}, "when": {"text": {"regex": "("}}}

    with pytest.raises(InvalidInputError) as caught:
        parse_as(RULE, wrong, "rules[1]")

    assert caught.value.field == "rules[1].when.text.regex"
