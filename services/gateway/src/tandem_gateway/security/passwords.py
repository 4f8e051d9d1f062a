"""Passwords: argon2id, checked off the event loop because it is slow on purpose."""

import asyncio
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from tandem_common.contract.errors import InvalidInputError

MIN_LENGTH = 10
MAX_LENGTH = 200

_HASHER = PasswordHasher()  # the library's defaults are RFC 9106's low-memory profile, argon2id


def check_strength(password: str, field: str = "password") -> None:
    """Refuse passwords that are too short or absurdly long.

    Raises:
        InvalidInputError: The password will not do.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidInputError(
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", field=field
        )


async def hash_password(password: str) -> str:
    """Return what is stored for a password."""
    return await asyncio.to_thread(_HASHER.hash, password)


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")


def _verify(stored: str | None, password: str) -> bool:
    try:
        # An unknown account takes as long as a wrong password, so that names cannot be probed.
        _HASHER.verify(stored or _nobody(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return stored is not None


async def verify_password(stored: str | None, password: str) -> bool:
    """Say whether a password is the stored one; None stands for an unknown account."""
    return await asyncio.to_thread(_verify, stored, password)
