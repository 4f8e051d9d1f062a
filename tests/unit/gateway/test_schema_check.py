"""Settings held against a manifest's schema."""

import pytest

from tandem_common.contract.errors import InvalidInputError
from tandem_gateway.schema_check import check, complaints

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["token"],
    "properties": {
        "token": {"type": "string", "minLength": 3},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        "ids": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "flag": {"type": "boolean"},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}


def test_what_fits_passes() -> None:
    value = {
        "token": "abc",
        "mode": "a",
        "port": 80,
        "color": "#0b6b62",
        "ids": ["1"],
        "flag": False,
        "either": None,
    }

    assert list(complaints(value, SCHEMA, "settings")) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "settings.token"),
        ({"token": ""}, "settings.token"),
        ({"token": "ab"}, "settings.token"),
        ({"token": 5}, "settings.token"),
        ({"token": "abc", "mode": "c"}, "settings.mode"),
        ({"token": "abc", "port": 0}, "settings.port"),
        ({"token": "abc", "port": True}, "settings.port"),
        ({"token": "abc", "port": 1.5}, "settings.port"),
        ({"token": "abc", "color": "red"}, "settings.color"),
        ({"token": "abc", "ids": ["1", 2]}, "settings.ids[1]"),
        ({"token": "abc", "ids": ["1", "2", "3"]}, "settings.ids"),
        ({"token": "abc", "either": 5}, "settings.either"),
        ({"token": "abc", "typo": 1}, "settings.typo"),
        ([], "settings"),
    ],
)
def test_what_does_not_fit_names_the_field(wrong, field) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check(wrong, SCHEMA, "settings")

    assert caught.value.field == field
