"""Every NATS subject, stream, durable and bucket name. Spelled here and nowhere else."""

from dataclasses import dataclass

PARTITIONS = 16
"""Fixed when EVENTS is created; drain before changing it."""

EVENTS = "EVENTS"
TURNS = "TURNS"
TICKETS = "TICKETS"
LEDGER = "LEDGER"
DLQ = "DLQ"
WEBCHAT = "WEBCHAT"

CFG = "CFG"
LEASES = "LEASES"
EPOCHS = "EPOCHS"
MEMBERS = "MEMBERS"
SENT = "SENT"
CURSORS = "CURSORS"
MEDIA = "MEDIA"

ALL_EVENTS = "evt.>"
ALL_OUTCOMES = "out.>"
ALL_TURNS = "turn.>"
ALL_TICKET_CHANGES = "relay.changed.*"
ALL_DEAD = "dlq.>"

HEADER_MSG_ID = "Nats-Msg-Id"
HEADER_TYPE = "Tandem-Type"
HEADER_VERSION = "Tandem-Version"
HEADER_SOURCE_SEQUENCE = "Tandem-Source-Sequence"
"""On outcomes: the highest event sequence of the conversation whose outcome is stored."""
HEADER_TRACEPARENT = "traceparent"
HEADER_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
HEADER_REASON = "Tandem-Reason"
HEADER_ATTEMPTS = "Tandem-Attempts"
HEADER_REPLAY_OF = "Tandem-Replay-Of"
CONTRACT_VERSION = "1"


def event(platform: str, bot: str, event_type: str, conversation: str) -> str:
    """`evt.<platform>.<bot>.<namespace>.<action>.<conversation>`; always six tokens."""
    namespace, _, action = event_type.partition(".")
    return f"evt.{platform}.{bot}.{namespace}.{action.rpartition('.')[2]}.{conversation}"


def partition_filter(partition: int) -> str:
    """The stored subjects of one partition: the server appends the partition's token."""
    return f"evt.*.*.*.*.*.{partition}"


def events_source() -> str:
    """What EVENTS takes in."""
    return "evt.*.*.*.*.*"


def events_destination(partitions: int = PARTITIONS) -> str:
    """How EVENTS stores it: with the partition of the conversation's token appended."""
    kept = ".".join(f"{{{{wildcard({i})}}}}" for i in range(1, 6))
    return f"evt.{kept}.{{{{partition({partitions},5)}}}}"


@dataclass(frozen=True)
class EventSubject:
    """The parts of an event's subject."""

    platform: str
    bot: str
    event_type: str
    conversation: str


def parse_event(subject: str) -> EventSubject:
    """Take an event's subject apart, with or without the partition's token."""
    _, platform, bot, namespace, action, conversation = subject.split(".")[:6]
    return EventSubject(platform, bot, f"{namespace}.{action}", conversation)


def out(platform: str, bot: str, conversation: str) -> str:
    """Where outcomes of one conversation are stored."""
    return f"out.{platform}.{bot}.{conversation}"


def out_stream(platform: str) -> str:
    """The stream of one platform's outcomes."""
    return f"OUT_{platform}"


def out_of_platform(platform: str) -> str:
    """Every outcome of a platform."""
    return f"out.{platform}.>"


def out_of_bot(platform: str, bot: str) -> str:
    """Every outcome of a bot."""
    return f"out.{platform}.{bot}.>"


def parse_out(subject: str) -> tuple[str, str, str]:
    """Return platform, bot and conversation token of an `out` subject."""
    _, platform, bot, conversation = subject.split(".")
    return platform, bot, conversation


def turn(turn_id: str, kind: str) -> str:
    """One entry of a turn's log."""
    return f"turn.{turn_id}.{kind}"


def turn_log(turn_id: str) -> str:
    """The whole log of a turn."""
    return f"turn.{turn_id}.*"


def turn_terminals() -> tuple[str, ...]:
    """What ends turns."""
    return ("turn.*.final", "turn.*.failed", "turn.*.cancelled")


def open_ticket(turn_id: str) -> str:
    """A person shall answer this turn."""
    return f"ticket.open.{turn_id}"


def cancel_ticket(turn_id: str) -> str:
    """The caller of a turn gave up."""
    return f"ticket.cancel.{turn_id}"


def all_tickets() -> str:
    """What TICKETS takes in."""
    return "ticket.*.*"


def ticket_changed(kind: str) -> str:
    """Told to whoever looks on."""
    return f"relay.changed.{kind}"


def api(platform: str, bot: str, method: str) -> str:
    """A platform API call with a deadline."""
    return f"api.{platform}.{bot}.{method}"


def api_of_bot(platform: str, bot: str) -> str:
    """Every API call of a bot."""
    return f"api.{platform}.{bot}.*"


def hook(platform: str, bot: str) -> str:
    """A raw webhook from the gateway."""
    return f"hook.{platform}.{bot}"


def service_op(service: str, op: str) -> str:
    """An operation of a NATS micro service: `relay.v1.claim`."""
    return f"{service}.v1.{op}"


def webchat(bot: str, conversation: str) -> str:
    """The stored frames of one web chat conversation."""
    return f"webchat.{bot}.{conversation}"


def webchat_typing(bot: str, conversation: str) -> str:
    """Typing in a web chat conversation; not stored."""
    return f"chatlive.{bot}.{conversation}"


def all_webchat() -> str:
    """What WEBCHAT takes in."""
    return "webchat.*.*"


def usage(kind: str) -> str:
    """A usage record."""
    return f"usage.{kind}"


def audit(kind: str) -> str:
    """An audit record."""
    return f"audit.{kind}"


def deliveries(platform: str) -> str:
    """What became of a platform's messages, in batches."""
    return f"delivery.{platform}"


def dead(subject: str) -> str:
    """Where a message goes that could not be handled."""
    return f"dlq.{subject}"


def bot_key(platform: str, bot: str) -> str:
    """A bot in CFG."""
    return f"bot.{platform}.{bot}"


def bots_of_platform(platform: str) -> str:
    """The bots of a platform in CFG."""
    return f"bot.{platform}.*"


def rules_key(platform: str, bot: str) -> str:
    """A bot's rules in CFG."""
    return f"rules.{platform}.{bot}"


def connection_key(connection: str) -> str:
    """An upstream connection in CFG."""
    return f"connection.{connection}"


def manifest_key(platform: str) -> str:
    """A platform's manifest in CFG, written by its adapter."""
    return f"manifest.{platform}"


def sent_key(platform: str, bot: str, conversation: str) -> str:
    """A conversation's place in the sent-ledger."""
    return f"{platform}.{bot}.{conversation}"


def cursor_key(platform: str, bot: str, name: str) -> str:
    """A platform cursor of a bot."""
    return f"{platform}.{bot}.{name}"


def durable(consumer: str, shard: str, epoch: int) -> str:
    """The durable of one lease of a shard."""
    return f"{consumer}-{shard}-e{epoch}"


def lease_key(consumer: str, shard: str) -> str:
    """The lease of a shard."""
    return f"{consumer}.{shard}"
