"""Secrets at rest: sealed in SQL and in NATS, opened only where they are used."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tandem_common.contract.errors import InvalidInputError

PREFIX = "sealed:"


class Sealer:
    """Seals and opens secrets with the keys of `TANDEM_SECRET_KEY`, newest first.

    Raises:
        InvalidInputError: A key is missing or not a Fernet key.
    """

    def __init__(self, keys: str) -> None:
        parts = [part.strip() for part in keys.split(",") if part.strip()]
        if not parts:
            raise InvalidInputError(
                "TANDEM_SECRET_KEY is empty: set it to a Fernet key "
                '(python -c "from cryptography.fernet import Fernet; '
                'print(Fernet.generate_key().decode())")',
                field="TANDEM_SECRET_KEY",
            )
        try:
            self._fernet = MultiFernet([Fernet(part) for part in parts])
        except ValueError as error:
            raise InvalidInputError(
                "TANDEM_SECRET_KEY is not a Fernet key: 32 bytes in url-safe base64",
                field="TANDEM_SECRET_KEY",
            ) from error

    def seal(self, secret: str) -> str:
        """Seal a secret; what is sealed already, or empty, stays as it is."""
        if not secret or secret.startswith(PREFIX):
            return secret
        return PREFIX + self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Open a sealed secret; what is not sealed is returned as it is.

        Raises:
            InvalidInputError: It was sealed with a key this process does not have.
        """
        if not sealed.startswith(PREFIX):
            return sealed
        try:
            return self._fernet.decrypt(sealed.removeprefix(PREFIX)).decode()
        except InvalidToken as error:
            raise InvalidInputError(
                "a stored secret was sealed with another TANDEM_SECRET_KEY: add the old key "
                "after the new one, by comma"
            ) from error
