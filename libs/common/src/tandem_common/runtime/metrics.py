"""Prometheus metrics every service has."""

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter(
    "tandem_messages_handled_total",
    "Messages handled, by consumer and result.",
    ["consumer", "result"],
)
HANDLE_SECONDS = Histogram(
    "tandem_handle_seconds",
    "Time from delivery to acknowledgement.",
    ["consumer"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
SHARDS_HELD = Gauge("tandem_shards_held", "Shards this process holds the lease of.", ["consumer"])
TAKEOVERS = Counter("tandem_takeovers_total", "Leases taken.", ["consumer"])
DEAD = Counter("tandem_dead_letters_total", "Messages given up.", ["consumer"])
EVENTS_PUBLISHED = Counter(
    "tandem_events_published_total", "Events stored in EVENTS.", ["platform", "result"]
)
