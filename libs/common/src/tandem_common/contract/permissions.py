"""Who may publish and subscribe to what: one NATS user a service, least privilege.

`nats_config` of the CLI and the Helm chart are rendered from this table; tests try what is denied.
"""

from dataclasses import dataclass

from . import subjects

_JS = "$JS.API"


@dataclass(frozen=True)
class Permissions:
    """What one NATS user may do; everything else is denied."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    allow_responses: bool = False


def inbox_prefix(user: str) -> str:
    """Each user has an inbox of its own, so that nobody reads another's replies."""
    return f"_INBOX_{user}"


def _consume(stream: str) -> tuple[str, ...]:
    return (
        f"{_JS}.STREAM.INFO.{stream}",
        f"{_JS}.CONSUMER.*.{stream}",
        f"{_JS}.CONSUMER.*.{stream}.>",
        f"{_JS}.CONSUMER.DURABLE.CREATE.{stream}.>",
        f"{_JS}.CONSUMER.MSG.NEXT.{stream}.*",
        f"{_JS}.DIRECT.GET.{stream}",
        f"{_JS}.DIRECT.GET.{stream}.>",
        f"{_JS}.STREAM.MSG.GET.{stream}",
        f"$JS.ACK.{stream}.>",
    )


def _read_bucket(bucket: str, keys: str = ">") -> tuple[str, ...]:
    stream = f"KV_{bucket}"
    return (
        f"{_JS}.STREAM.INFO.{stream}",
        f"{_JS}.CONSUMER.CREATE.{stream}.*.$KV.{bucket}.{keys}",
        f"{_JS}.CONSUMER.DELETE.{stream}.>",
        f"{_JS}.CONSUMER.INFO.{stream}.>",
        f"{_JS}.CONSUMER.MSG.NEXT.{stream}.*",
        f"{_JS}.DIRECT.GET.{stream}.$KV.{bucket}.{keys}",
        f"$JS.ACK.{stream}.>",
        f"$JS.FC.{stream}.>",
    )


def _write_bucket(bucket: str, keys: str = ">") -> tuple[str, ...]:
    return (*_read_bucket(bucket, keys), f"$KV.{bucket}.{keys}")


def _declare(*streams: str) -> tuple[str, ...]:
    """Make a stream that is not there yet; one that is there stays as it is."""
    return tuple(
        f"{_JS}.STREAM.{verb}.{stream}" for stream in streams for verb in ("CREATE", "INFO")
    )


def _reshape(*streams: str) -> tuple[str, ...]:
    """Change how a stream is made: its owner only, for limits delete and a republish tells."""
    return tuple(f"{_JS}.STREAM.UPDATE.{stream}" for stream in streams)


def _buckets(*buckets: str) -> tuple[str, ...]:
    return _declare(*(f"KV_{bucket}" for bucket in buckets))


_MEDIA = (
    *_declare(f"OBJ_{subjects.MEDIA}"),
    f"$O.{subjects.MEDIA}.>",
    *_consume(f"OBJ_{subjects.MEDIA}"),
    f"{_JS}.STREAM.NAMES",  # nats-py looks up the stream of an object's chunks by subject
    f"$JS.FC.OBJ_{subjects.MEDIA}.>",
)
_COMMON = (f"{_JS}.INFO",)


def _leases_of(consumer: str) -> tuple[str, ...]:
    keys = f"{consumer}.>"
    return (
        *_buckets(subjects.LEASES, subjects.EPOCHS, subjects.MEMBERS),
        *_write_bucket(subjects.LEASES, keys),
        *_write_bucket(subjects.EPOCHS, keys),
        *_write_bucket(subjects.MEMBERS, keys),
    )


SERVICE_USERS: tuple[str, ...] = (
    "gateway",
    "router",
    "relay",
    "box",
    "adapter-onebot",
    "adapter-webchat",
    "admin",
)
_ADAPTER = "adapter-"
_PLATFORMS = (
    "openai",
    *(user.removeprefix(_ADAPTER) for user in SERVICE_USERS if user.startswith(_ADAPTER)),
)
_ROUTED = (
    subjects.EVENTS,
    subjects.TURNS,
    subjects.LEDGER,
    *(subjects.out_stream(platform) for platform in _PLATFORMS),
)
"""What the router reads, and owns."""


def _adapter(platform: str) -> Permissions:
    out_stream = subjects.out_stream(platform)
    extra: tuple[str, ...] = ()
    if platform == "webchat":
        extra = (
            "webchat.>",
            "chatlive.>",
            *_declare(subjects.WEBCHAT),
            *_consume(subjects.WEBCHAT),
        )
    return Permissions(
        publish=(
            *_COMMON,
            f"evt.{platform}.>",
            f"dlq.out.{platform}.>",
            f"delivery.{platform}",
            *_declare(subjects.EVENTS, out_stream, subjects.DLQ, subjects.TURNS, subjects.LEDGER),
            *_consume(out_stream),
            *_consume(subjects.TURNS),
            *_leases_of(f"out-{platform}"),
            *_buckets(subjects.CFG, subjects.SENT, subjects.CURSORS),
            *_write_bucket(subjects.SENT, f"{platform}.>"),
            *_write_bucket(subjects.CURSORS, f"{platform}.>"),
            *_read_bucket(subjects.CFG, f"bot.{platform}.*"),
            *_write_bucket(subjects.CFG, subjects.manifest_key(platform)),
            *_MEDIA,
            *extra,
        ),
        subscribe=(
            f"{inbox_prefix(f'adapter-{platform}')}.>",
            f"api.{platform}.>",
            f"hook.{platform}.>",
            "turn.*.*",
            f"$KV.{subjects.CFG}.bot.{platform}.*",
            f"$KV.{subjects.LEASES}.out-{platform}.*",
            "$SRV.>",
        ),
        allow_responses=True,
    )


def _gateway() -> Permissions:
    return Permissions(
        publish=(
            *_COMMON,
            "evt.openai.>",
            "ticket.cancel.*",
            "relay.v1.>",
            "router.v1.>",
            "api.*.*.*",
            "hook.>",
            "chatlive.>",
            "usage.>",
            "audit.>",
            "evt.>",  # replay of a dead letter by an administrator: of all three kinds
            "out.>",
            "ticket.open.*",
            *_declare(
                subjects.EVENTS,
                subjects.TURNS,
                subjects.TICKETS,
                subjects.LEDGER,
                subjects.DLQ,
                subjects.WEBCHAT,
                "OUT_openai",
            ),
            *_reshape(subjects.WEBCHAT),
            *_consume(subjects.TURNS),
            *_consume(subjects.WEBCHAT),
            *_consume(subjects.DLQ),
            f"{_JS}.STREAM.MSG.DELETE.{subjects.DLQ}",
            *_buckets(subjects.CFG, subjects.CURSORS),
            *_write_bucket(subjects.CFG),
            *_read_bucket(subjects.CURSORS, "*.*.status"),
            *_MEDIA,
        ),
        subscribe=(
            f"{inbox_prefix('gateway')}.>",
            subjects.ALL_TICKET_CHANGES,
            "evt.>",
            "out.>",
            "chatlive.>",
            "turn.*.*",
            "webchat.*.*",
            f"$KV.{subjects.CFG}.>",
            "$SRV.>",
        ),
        allow_responses=True,
    )


def _router() -> Permissions:
    return Permissions(
        publish=(
            *_COMMON,
            "out.>",
            "turn.>",
            "ticket.open.*",
            "dlq.evt.>",
            "api.>",
            "relay.v1.>",
            *_declare(*_ROUTED, subjects.TICKETS, subjects.DLQ),
            *_reshape(*_ROUTED, subjects.TICKETS, subjects.DLQ),
            *(subject for stream in _ROUTED for subject in _consume(stream)),
            *_leases_of("events"),
            *_buckets(subjects.CFG),
            *_read_bucket(subjects.CFG),
        ),
        subscribe=(
            f"{inbox_prefix('router')}.>",
            "router.v1.>",
            f"$KV.{subjects.CFG}.>",
            f"$KV.{subjects.LEASES}.events.*",
            "$SRV.>",
        ),
        allow_responses=True,
    )


def _relay() -> Permissions:
    return Permissions(
        publish=(
            *_COMMON,
            "out.>",
            "turn.>",
            "relay.changed.*",
            "dlq.ticket.>",
            "api.*.*.set_typing",
            "audit.>",
            *_declare(subjects.TICKETS, subjects.TURNS, subjects.DLQ),
            *_reshape(subjects.TICKETS),
            *_consume(subjects.TICKETS),
            *(
                f"{_JS}.DIRECT.GET.{subjects.out_stream(platform)}.out.{platform}.>"
                for platform in _PLATFORMS
            ),
            *_leases_of("tickets"),
        ),
        subscribe=(
            f"{inbox_prefix('relay')}.>",
            "relay.v1.>",
            f"$KV.{subjects.LEASES}.tickets.*",
            "$SRV.>",
        ),
        allow_responses=True,
    )


def _box() -> Permissions:
    return Permissions((), (f"{inbox_prefix('box')}.>", "box.v1.>", "$SRV.>"), allow_responses=True)


def _admin() -> Permissions:
    return Permissions((">",), (">",))


def permissions_of(user: str) -> Permissions:
    """Return what a service's NATS user may do.

    Raises:
        KeyError: No such user.
    """
    if user.startswith(_ADAPTER):
        return _adapter(user.removeprefix(_ADAPTER))
    return {
        "gateway": _gateway,
        "router": _router,
        "relay": _relay,
        "box": _box,
        "admin": _admin,
    }[user]()
