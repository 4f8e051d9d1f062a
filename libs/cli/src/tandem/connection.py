"""Finds the house a command talks to."""

from dataclasses import dataclass
from pathlib import Path

from .errors import CommandError
from .house.files import read_json
from .house.ready import READY_FILE
from .settings import CliSettings
from .strings import hint


@dataclass(frozen=True)
class Connection:
    """Where a running house is and how to get in.

    Attributes:
        gateway: The gateway's URL.
        admin_key: Key with every scope, for `/api/v1`.
        api_key: Key for `/v1`.
        nats: NATS URL; empty when only the gateway is known.
        nkey_file: Seed of the NATS user `admin`.
    """

    gateway: str
    admin_key: str
    api_key: str
    nats: str = ""
    nkey_file: Path | None = None


def find(data: Path, settings: CliSettings) -> Connection:
    """Return the house named by the environment, else the one that runs on a data folder.

    Raises:
        CommandError: Neither is there.
    """
    if settings.url:
        return Connection(settings.url, settings.api_key, settings.api_key)
    facts = read_json(data / READY_FILE)
    if not facts:
        raise CommandError(
            f"no Tandem is running on {data}", hint=hint("not_running", settings.language)
        )
    return Connection(
        gateway=facts["gateway"],
        admin_key=facts["admin_key"],
        api_key=facts["api_key"],
        nats=facts["nats"],
        nkey_file=data / "nats" / "keys" / "admin.nk",
    )


def need_nats(connection: Connection) -> tuple[str, Path]:
    """Return where NATS is and the key to it.

    Raises:
        CommandError: Only the gateway is known.
    """
    if not connection.nats or connection.nkey_file is None:
        raise CommandError(
            "this command reads from NATS, and TANDEM_URL names only a gateway",
            hint="Run it where the house runs, with --data.",
        )
    return connection.nats, connection.nkey_file
