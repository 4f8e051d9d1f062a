"""Ports for a whole house that nobody else takes meanwhile."""

from tandem.house.ports import Ports, taken
from tandem_common.testing.servers import free_port


def free_base() -> int:
    """Return a base whose ports are all free now."""
    while True:
        base = free_port()
        if not taken(Ports(base)):
            return base
