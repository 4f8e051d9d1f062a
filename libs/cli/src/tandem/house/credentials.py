"""Secrets of a house: made once at first start, kept in its data folder."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

from tandem_common.contract.permissions import SERVICE_USERS

from .files import private_folder, read_json, write_json, write_private

_KEY_PREFIX = "tdm_"
_SEED_BYTES = 32


@dataclass(frozen=True)
class Bootstrap:
    """What the gateway creates at first start, and the reader is told."""

    admin_key: str
    api_key: str
    owner_token: str
    onebot_token: str


@dataclass(frozen=True)
class Credentials:
    """Every secret of a house.

    Attributes:
        bootstrap: Keys and tokens the gateway creates.
        secret_key: Seals secrets at rest.
        nkey_files: Seed file of each NATS user.
        nkey_public: Public key of each NATS user.
    """

    bootstrap: Bootstrap
    secret_key: str
    nkey_files: dict[str, Path]
    nkey_public: dict[str, str]


def ensure(data: Path) -> Credentials:
    """Read the secrets of a house, making those that are not there yet."""
    folder = private_folder(data / "nats" / "keys")
    files = {user: folder / f"{user}.nk" for user in SERVICE_USERS}
    return Credentials(
        bootstrap=_bootstrap(data / "bootstrap.json"),
        secret_key=_text(data / "secret.key", new_secret_key),
        nkey_files=files,
        nkey_public={user: public_key(_text(file, new_seed)) for user, file in files.items()},
    )


def new_api_key() -> str:
    """Return a random key callers authenticate with."""
    return _KEY_PREFIX + secrets.token_urlsafe(30)


def new_secret_key() -> str:
    """Return a random Fernet key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def new_seed() -> str:
    """Return the seed of a new NATS user."""
    seed = nkeys.encode_seed(secrets.token_bytes(_SEED_BYTES), nkeys.PREFIX_BYTE_USER)
    return str(seed.decode())


def public_key(seed: str) -> str:
    """Return the public key that belongs to a seed."""
    return str(nkeys.from_seed(seed.encode()).public_key.decode())


def _bootstrap(path: Path) -> Bootstrap:
    stored = read_json(path)
    made = Bootstrap(
        admin_key=stored.get("admin_key") or new_api_key(),
        api_key=stored.get("api_key") or new_api_key(),
        owner_token=stored.get("owner_token") or secrets.token_urlsafe(32),
        onebot_token=stored.get("onebot_token") or secrets.token_urlsafe(24),
    )
    if asdict(made) != stored:
        write_json(path, asdict(made))
    return made


def _text(path: Path, make: Callable[[], str]) -> str:
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    made = make()
    write_private(path, made + "\n")
    return made
