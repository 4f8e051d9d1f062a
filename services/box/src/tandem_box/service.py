"""The wiring. The box has no backend in this version: it is alive, connected, and offers nothing."""

from tandem_common.runtime.broker import Broker
from tandem_common.runtime.health import health_app
from tandem_common.runtime.http_server import HttpServer
from tandem_common.runtime.service import Service

from .settings import BoxSettings


def build(settings: BoxSettings) -> Service:
    """Build the box."""
    broker = Broker(settings)
    checks = {"nats": broker.check}
    server = HttpServer(health_app(checks), settings.http_host, settings.http_port)
    return Service(settings, [server, broker], checks)
