"""Secrets: sealed when they come in, stars when they go out, kept when stars come back."""

import pytest

from tandem_common.contract.errors import InvalidInputError
from tandem_common.runtime.sealing import Sealer
from tandem_gateway.masking import MASK, mask, seal, unmask, unseal

SCHEMA = {
    "properties": {
        "access_token": {"type": "string", "secret": True},
        "name": {"type": "string"},
        "proxy": {
            "type": "object",
            "properties": {"password": {"type": "string", "secret": True}, "host": {}},
        },
    }
}


@pytest.fixture(name="sealer")
def _sealer() -> Sealer:
    return Sealer("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")


def test_secrets_of_the_schema_are_sealed_also_inside_objects(sealer: Sealer) -> None:
    given = {"access_token": "t0k", "name": "n", "proxy": {"password": "p", "host": "h"}}

    sealed = seal(given, SCHEMA, sealer)

    assert sealed["access_token"].startswith("sealed:")
    assert sealed["proxy"]["password"].startswith("sealed:")
    assert (sealed["name"], sealed["proxy"]["host"]) == ("n", "h")
    assert unseal(sealed, sealer) == given


def test_without_a_schema_names_that_sound_secret_are_sealed(sealer: Sealer) -> None:
    sealed = seal({"bot_token": "x", "appSecret": "y", "title": "z"}, None, sealer)

    assert sealed["bot_token"].startswith("sealed:")
    assert sealed["appSecret"].startswith("sealed:")
    assert sealed["title"] == "z"


def test_what_is_shown_has_stars_for_secrets_and_nothing_for_empty_ones(sealer: Sealer) -> None:
    stored = seal({"access_token": "x", "name": "n"}, SCHEMA, sealer)

    assert mask(stored, SCHEMA) == {"access_token": MASK, "name": "n"}
    assert mask({"access_token": ""}, SCHEMA) == {"access_token": ""}


def test_a_sealed_value_is_starred_even_where_no_schema_calls_it_secret(sealer: Sealer) -> None:
    stored = {"odd": sealer.seal("x")}

    assert mask(stored, SCHEMA) == {"odd": MASK}


def test_stars_that_come_back_keep_what_is_stored(sealer: Sealer) -> None:
    stored = seal({"access_token": "x", "name": "n"}, SCHEMA, sealer)

    assert unmask({"access_token": MASK, "name": "m"}, stored, "settings") == {
        "access_token": stored["access_token"],
        "name": "m",
    }


@pytest.mark.parametrize("given", [{"access_token": MASK}, {"access_token": "sealed:abc"}])
def test_stars_for_nothing_and_forged_seals_are_refused(given) -> None:
    with pytest.raises(InvalidInputError) as caught:
        unmask(given, {}, "settings")

    assert caught.value.field == "settings.access_token"
