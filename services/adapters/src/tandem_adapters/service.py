"""The wiring, top to bottom."""

from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import SystemClock
from tandem_common.runtime.http import GuardedClient
from tandem_common.runtime.sealing import Sealer
from tandem_common.runtime.service import Service

from .bridge import Bridge
from .door import HttpDoor
from .registry import platform
from .settings import AdapterSettings


def build(settings: AdapterSettings) -> Service:
    """Build the adapter process of one platform.

    Raises:
        NotFoundError: No such platform.
    """
    found = platform(settings.platform)
    clock = SystemClock()
    broker = Broker(settings, name=f"adapter-{settings.platform}", clock=clock)
    http = GuardedClient(allow_private=settings.allow_private_urls)
    sealer = Sealer(settings.secret_key.get_secret_value())
    bridge = Bridge(found, broker, clock, http, sealer, settings.concurrency)
    checks = {"nats": broker.check, "configuration": bridge.check}
    door = HttpDoor(settings.http_host, settings.http_port, checks, found.routes(bridge.adapter))
    return Service(settings, [broker, http, bridge.reports, door, bridge], checks)
