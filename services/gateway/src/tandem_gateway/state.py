"""What the doors of the gateway share; every field is also on `request.app.state`."""

from dataclasses import dataclass, fields
from typing import Any

from starlette.datastructures import State

from tandem_common.contract.errors import TandemError
from tandem_common.runtime.broker import Broker
from tandem_common.runtime.clock import Clock
from tandem_common.runtime.database import Database
from tandem_common.runtime.http import GuardedClient
from tandem_common.runtime.media import MediaStore
from tandem_common.runtime.sealing import Sealer

from .keys import KeyIndex
from .live import LiveFeed
from .manifests import ManifestBook
from .media_links import MediaLinks
from .openai.catalogue import UpstreamNames
from .openai.upstream import Upstreams
from .outbox import OutboxPublisher
from .security.limiter import FailureLimiter
from .settings import GatewaySettings
from .snapshot import ConfigSnapshot
from .webchat.hub import ChatHub
from .webchat.pace import Pace


@dataclass(frozen=True)
class GatewayState:
    """Everything built in `service.py`, by name."""

    settings: GatewaySettings
    clock: Clock
    broker: Broker
    database: Database
    sealer: Sealer
    keys: KeyIndex
    config: ConfigSnapshot
    manifests: ManifestBook
    outbox: OutboxPublisher
    http: GuardedClient
    media: MediaStore
    live: LiveFeed
    links: MediaLinks
    upstream_names: UpstreamNames
    upstreams: Upstreams
    chat: ChatHub
    chat_pace: Pace
    upload_pace: Pace
    limiter: FailureLimiter
    """Failures of one account from one address."""
    address_limiter: FailureLimiter
    """Failures from one address, whatever the account: it may serve many people."""

    def attach(self, target: State) -> None:
        """Make every field reachable as `request.app.state.<field>`."""
        target.gateway = self
        for field in fields(self):
            setattr(target, field.name, getattr(self, field.name))


def gateway_of(app: Any) -> GatewayState:
    """Return the state of an application.

    Raises:
        TandemError: The application was not built by `create_app`.
    """
    found = getattr(app.state, "gateway", None)
    if not isinstance(found, GatewayState):
        raise TandemError("the gateway is not wired")
    return found
