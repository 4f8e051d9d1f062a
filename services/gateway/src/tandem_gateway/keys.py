"""API keys in memory: a lookup is one hash and one dictionary, never a query."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tandem_common.runtime.clock import Clock

from .models import ApiKeyRow
from .security.roles import Role, role_of_scopes
from .security.tokens import digest


@dataclass(frozen=True, slots=True)
class Key:
    """A key that opens something."""

    id: str
    name: str
    scopes: frozenset[str]
    models: tuple[str, ...]
    """Names it may ask for, `*` at the end matches any rest; empty: all."""
    expires_at: datetime | None
    trusted_frontend: bool

    @property
    def role(self) -> Role | None:
        """What it may do on `/api/v1`."""
        return role_of_scopes(self.scopes)

    def allows_model(self, model: str) -> bool:
        """Say whether the key may ask for a model."""
        return not self.models or any(
            model.startswith(name[:-1]) if name.endswith("*") else model == name
            for name in self.models
        )


def key_of(row: ApiKeyRow) -> Key:
    """Return what is kept in memory of a key."""
    return Key(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes),
        models=tuple(row.models),
        expires_at=datetime.fromisoformat(row.expires_at) if row.expires_at else None,
        trusted_frontend=row.trusted_frontend,
    )


class KeyIndex:
    """Every key that is neither revoked nor expired, by the hash of the key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, Key] = {}

    def lookup(self, raw_key: str) -> Key | None:
        """Return the key, or None for one that opens nothing."""
        key = self._keys.get(digest(raw_key))
        if key is None or (key.expires_at is not None and key.expires_at <= self._clock.now()):
            return None
        return key

    def replace(self, rows: Iterable[ApiKeyRow]) -> None:
        """Know exactly these keys."""
        self._keys = {row.hash: key_of(row) for row in rows if not row.revoked}

    def put(self, row: ApiKeyRow) -> None:
        """Learn of one changed key."""
        if row.revoked:
            self._keys.pop(row.hash, None)
        else:
            self._keys[row.hash] = key_of(row)

    def __len__(self) -> int:
        return len(self._keys)
