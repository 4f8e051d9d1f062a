"""Media bytes by their sha256, in the object store MEDIA."""

import hashlib
from dataclasses import dataclass

from nats.js.api import ObjectMeta
from nats.js.errors import NotFoundError as NatsNotFoundError, ObjectNotFoundError

from tandem_common.contract import subjects
from tandem_common.contract.errors import InvalidInputError, NotFoundError, TooLargeError

from .broker import Broker

MAX_BYTES = 20 * 1024 * 1024
_PREFIX = "sha256:"
_SNIFFED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"),
)


def sniff(data: bytes) -> str:
    """Say what bytes are by how they begin; never by what somebody claims."""
    for offset, magic, mime in _SNIFFED:
        if data[offset : offset + len(magic)] == magic:
            return mime
    return "application/octet-stream"


@dataclass(frozen=True)
class Media:
    """Bytes and what they are."""

    data: bytes
    mime: str


class MediaStore:
    """Puts and gets media."""

    def __init__(self, broker: Broker, *, max_bytes: int = MAX_BYTES) -> None:
        self._broker, self._max_bytes = broker, max_bytes

    async def put(self, data: bytes) -> str:
        """Store bytes and return their reference `sha256:…`; the same bytes are stored once.

        Raises:
            TooLargeError: More than the store takes.
        """
        if len(data) > self._max_bytes:
            raise TooLargeError(f"media of {len(data)} bytes; the limit is {self._max_bytes}")
        digest = hashlib.sha256(data).hexdigest()
        store = await self._broker.js.object_store(subjects.MEDIA)
        try:
            await store.get_info(digest)
        except (NatsNotFoundError, ObjectNotFoundError):
            meta = ObjectMeta(name=digest, headers={"content-type": sniff(data)})
            await store.put(digest, data, meta)
        return _PREFIX + digest

    async def get(self, reference: str) -> Media:
        """Return stored bytes.

        Raises:
            InvalidInputError: Not a reference to the store.
            NotFoundError: Nothing is stored under it.
        """
        if not reference.startswith(_PREFIX):
            raise InvalidInputError(f"not a media reference: {reference[:80]!r}")
        store = await self._broker.js.object_store(subjects.MEDIA)
        try:
            found = await store.get(reference.removeprefix(_PREFIX))
        except (NatsNotFoundError, ObjectNotFoundError) as error:
            raise NotFoundError(f"no media {reference}") from error
        data = found.data or b""
        return Media(data, sniff(data))
