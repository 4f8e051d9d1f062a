"""How every stream and bucket is made."""

from collections.abc import Callable

from nats.js.api import (
    DiscardPolicy,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    SubjectTransform,
)

from tandem_common.contract import subjects

_DAY_S = 86_400.0
_HOUR_S = 3_600.0
_DEDUPE_S = 120.0
_MIB = 1 << 20
LEASE_TTL_S = 3.0


def _stream(name: str, took: list[str], days: float, mib: float, **more: object) -> StreamConfig:
    fields: dict[str, object] = {
        "name": name,
        "subjects": took,
        "retention": RetentionPolicy.LIMITS,
        "storage": StorageType.FILE,
        "max_age": days * _DAY_S,
        "max_bytes": int(mib * _MIB),
        "allow_direct": True,
        "duplicate_window": _HOUR_S,
        **more,
    }
    return StreamConfig(**fields)  # type: ignore[arg-type]


def stream_config(name: str, scale: float = 1.0) -> StreamConfig:
    """Return how a stream is made; byte limits are multiplied by `scale`.

    Raises:
        KeyError: No such stream.
    """
    if name.startswith(subjects.out_stream("")):
        platform = name.removeprefix(subjects.out_stream(""))
        # Longer than EVENTS, so that an event never outlives the proof that it was handled.
        # Only appended outcomes carry a message id, so a long dedupe window costs little.
        return _stream(
            name,
            [subjects.out_of_platform(platform)],
            8,
            512 * scale,
            discard=DiscardPolicy.NEW,
            duplicate_window=_DAY_S,
        )
    return _STREAMS[name](scale)


_STREAMS: dict[str, Callable[[float], StreamConfig]] = {
    subjects.EVENTS: lambda scale: _stream(
        subjects.EVENTS,
        [subjects.events_source()],
        7,
        1024 * scale,
        discard=DiscardPolicy.NEW,
        subject_transform=SubjectTransform(
            src=subjects.events_source(), dest=subjects.events_destination()
        ),
    ),
    subjects.TURNS: lambda scale: _stream(
        subjects.TURNS, [subjects.ALL_TURNS], 1, 512 * scale, discard=DiscardPolicy.OLD
    ),
    subjects.TICKETS: lambda scale: _stream(
        subjects.TICKETS, [subjects.all_tickets()], 7, 256 * scale, discard=DiscardPolicy.NEW
    ),
    subjects.LEDGER: lambda scale: _stream(
        subjects.LEDGER,
        [subjects.usage(">"), subjects.audit(">"), subjects.deliveries("*")],
        30,
        256 * scale,
        discard=DiscardPolicy.OLD,
    ),
    subjects.DLQ: lambda scale: _stream(
        subjects.DLQ, [subjects.ALL_DEAD], 30, 256 * scale, discard=DiscardPolicy.OLD
    ),
    subjects.WEBCHAT: lambda scale: _stream(
        subjects.WEBCHAT,
        [subjects.all_webchat()],
        30,
        512 * scale,
        discard=DiscardPolicy.OLD,
        max_msgs_per_subject=20_000,
    ),
}

_BUCKET_TTLS_S: dict[str, float] = {
    subjects.CFG: 0,
    subjects.LEASES: LEASE_TTL_S,
    subjects.MEMBERS: LEASE_TTL_S,
    subjects.EPOCHS: 0,
    subjects.SENT: 8 * _DAY_S,
    subjects.CURSORS: 0,
}


def bucket_config(name: str) -> StreamConfig:
    """Return how a bucket is made: on file, because memory vanishes with a single server.

    It is the client's own shape but for rollups: with one, whoever may write a single key could
    replace the whole bucket.
    """
    ttl_s = _BUCKET_TTLS_S[name]
    return StreamConfig(
        name=f"KV_{name}",
        subjects=[f"$KV.{name}.>"],
        storage=StorageType.FILE,
        max_msgs_per_subject=1,
        max_age=ttl_s,
        duplicate_window=min(ttl_s or _DEDUPE_S, _DEDUPE_S),
        discard=DiscardPolicy.NEW,
        deny_delete=True,
        allow_rollup_hdrs=False,
        allow_direct=True,
        allow_msg_ttl=True,
    )


def media_config(scale: float = 1.0) -> ObjectStoreConfig:
    """Return how the object store for media is made."""
    return ObjectStoreConfig(
        bucket=subjects.MEDIA, max_bytes=int(2048 * _MIB * scale), storage=StorageType.FILE
    )
