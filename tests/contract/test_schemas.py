"""The contract's schemas are committed: a change of the wire is seen in review."""

from pathlib import Path

import pytest

from tandem_common.testing.schemas import schemas

FOLDER = Path(__file__).parents[2] / "libs" / "common" / "schemas"
CURRENT = schemas()


@pytest.mark.parametrize("name", sorted(CURRENT))
def test_committed_schema_is_the_codes(name):
    committed = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert committed == CURRENT[name], "run tools/write_schemas.py and look at the difference"


def test_no_schema_is_left_over():
    assert {file.stem for file in FOLDER.glob("*.json")} == set(CURRENT)
