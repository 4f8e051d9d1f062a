"""Random tokens, and what is kept of them: never the token, always its SHA-256."""

import hashlib
import hmac
import secrets

from itsdangerous import BadSignature, URLSafeSerializer

KEY_PREFIX = "tdm_"
SHOWN = 12


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_key() -> str:
    """Return a fresh API key."""
    return KEY_PREFIX + new_token()


def shown_prefix(raw: str) -> str:
    """Return the part of a key that may be shown to tell keys apart."""
    return raw[: min(SHOWN, len(raw) // 3)]


def digest(raw: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(
        left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    )


def derive(secret: str, purpose: str) -> bytes:
    """Return a key for one purpose, so that no two signatures share one."""
    return hmac.new(secret.encode(), f"tandem/{purpose}".encode(), hashlib.sha256).digest()


class Signer:
    """Signs small values that travel through a browser and come back."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._serializer = URLSafeSerializer(derive(secret, purpose), salt=purpose)

    def sign(self, value: str) -> str:
        """Return the value with its signature."""
        return str(self._serializer.dumps(value))

    def open(self, signed: str) -> str | None:
        """Return the value, or None when the signature is not ours."""
        try:
            return str(self._serializer.loads(signed))
        except BadSignature:
            return None
