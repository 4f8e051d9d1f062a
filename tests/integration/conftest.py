"""Real servers, started once for all integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem_common.testing.servers import (
    NatsServer,
    TemporalServer,
    nats_server,
    postgres_server,
    temporal_server,
)


@pytest.fixture(name="nats")
def _nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server of the test's own: it starts in a few milliseconds."""
    with nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture(name="temporal", scope="session")
def _temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(name="postgres_url", scope="session")
def _postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url
