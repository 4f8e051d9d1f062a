"""The whole house, started once for all stories."""

from collections.abc import Iterator

import pytest

from .house import House, running_house


@pytest.fixture(name="house", scope="session")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("house")) as house:
        yield house
