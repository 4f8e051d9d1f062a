"""Which port is whose, and whether it is free."""

import socket
from dataclasses import dataclass

from tandem.errors import CommandError
from tandem.strings import hint

HOST = "127.0.0.1"
ADAPTERS = ("webchat", "onebot")
"""Platforms in the order of their ports; a new one is appended, so that the others stay."""

_LOWEST, _HIGHEST, _SPAN = 1024, 65535, 64


@dataclass(frozen=True)
class Ports:
    """The ports of one house, counted from a base."""

    base: int

    def __post_init__(self) -> None:
        """Refuse a base that does not leave room.

        Raises:
            CommandError: The base is out of range.
        """
        if not _LOWEST <= self.base <= _HIGHEST - _SPAN:
            raise CommandError(
                f"--port-base {self.base} is out of range",
                hint=f"Choose one between {_LOWEST} and {_HIGHEST - _SPAN}.",
            )

    @property
    def gateway(self) -> int:
        """The one users open."""
        return self.base

    @property
    def nats(self) -> int:
        """NATS clients."""
        return self.base + 1

    @property
    def nats_monitor(self) -> int:
        """NATS monitoring."""
        return self.base + 2

    @property
    def temporal(self) -> int:
        """Temporal's front end."""
        return self.base + 3

    @property
    def temporal_http(self) -> int:
        """Temporal's HTTP API."""
        return self.base + 4

    @property
    def router(self) -> int:
        """The router's health."""
        return self.base + 10

    @property
    def relay(self) -> int:
        """The relay's health."""
        return self.base + 11

    @property
    def box(self) -> int:
        """The box's health."""
        return self.base + 12

    def adapter(self, platform: str) -> int:
        """An adapter's own port."""
        return self.base + 20 + ADAPTERS.index(platform)

    def named(self) -> dict[str, int]:
        """Every port of the house by the name of its owner."""
        return {
            "gateway": self.gateway,
            "nats": self.nats,
            "nats monitoring": self.nats_monitor,
            "temporal": self.temporal,
            "temporal http": self.temporal_http,
            "router": self.router,
            "relay": self.relay,
            "box": self.box,
            **{f"adapter {platform}": self.adapter(platform) for platform in ADAPTERS},
        }


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port now."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def taken(ports: Ports) -> dict[str, int]:
    """Return the ports of a house that somebody else listens on."""
    return {name: port for name, port in ports.named().items() if not is_free(port)}


def require_free(ports: Ports, language: str = "en") -> None:
    """Make sure that the whole house can listen, before anything is started.

    Raises:
        CommandError: A port is taken; says which.
    """
    busy = taken(ports)
    if not busy:
        return
    named = ", ".join(f"{port} ({name})" for name, port in busy.items())
    ports_are = "ports are" if len(busy) > 1 else "port is"
    raise CommandError(f"the {ports_are} in use: {named}", hint=hint("port_taken", language))
