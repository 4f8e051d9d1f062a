"""What the house consists of: which program, with which settings, ready when."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tandem import nats_config

from .credentials import Credentials
from .files import private_folder, write_private
from .ports import HOST, Ports
from .probes import TemporalProbe, http_ok
from .process import Program

NAMESPACE = "default"
DEMO_ONEBOT = "onebot-demo"
SERVERS, SERVICES, DOORS = 0, 1, 2
"""Waves: servers stop last, doors first."""

_BIN = Path(sys.executable).parent
_WITH_DATABASE = ("gateway", "router", "relay")
# Stock values put every hop of a workflow on a grid of 50 ms.
_TEMPORAL_PACE = {
    "history.transferProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxPollRPS": 2000,
    "history.visibilityProcessorMaxPollRPS": 2000,
}


@dataclass(frozen=True)
class House:
    """One house: its folder, ports and secrets.

    Attributes:
        data: Folder of everything it keeps.
        ports: Who listens where.
        credentials: Its secrets.
        environ: The environment `up` was started in; some settings may be overridden there.
        log_level: Level of the services.
    """

    data: Path
    ports: Ports
    credentials: Credentials
    environ: dict[str, str]
    log_level: str = "INFO"

    @property
    def gateway_url(self) -> str:
        """Where the gateway listens."""
        return f"http://{HOST}:{self.ports.gateway}"

    @property
    def nats_url(self) -> str:
        """Where NATS listens."""
        return f"nats://{HOST}:{self.ports.nats}"

    @property
    def temporal_address(self) -> str:
        """Where Temporal listens."""
        return f"{HOST}:{self.ports.temporal}"

    @property
    def owner_link(self) -> str:
        """Opens the console once, to set the owner's password."""
        token = self.credentials.bootstrap.owner_token
        return f"{self.gateway_url}/console/welcome?token={token}"

    @property
    def onebot_reverse_ws(self) -> str:
        """Where a OneBot implementation connects to."""
        port = self.ports.adapter("onebot")
        return f"ws://{HOST}:{port}/onebot/v11/{DEMO_ONEBOT}/ws"


def servers(house: House) -> list[Program]:
    """Return NATS and Temporal."""
    return [_nats(house), _temporal(house)]


def services(house: House) -> list[Program]:
    """Return what works behind the doors."""
    ports = house.ports
    return [
        _service(house, "router", ports.router, ("all",)),
        _service(house, "relay", ports.relay),
        _service(house, "box", ports.box),
    ]


def gateway(house: House) -> Program:
    """Return the front door; it makes the owner, the keys and the demo bots at first start."""
    made = house.credentials.bootstrap
    return _service(
        house,
        "gateway",
        house.ports.gateway,
        env={
            "TANDEM_GATEWAY_BOOTSTRAP_ADMIN_KEY": made.admin_key,
            "TANDEM_GATEWAY_BOOTSTRAP_API_KEY": made.api_key,
            "TANDEM_GATEWAY_BOOTSTRAP_OWNER_TOKEN": made.owner_token,
            "TANDEM_GATEWAY_BOOTSTRAP_ONEBOT_TOKEN": made.onebot_token,
            "TANDEM_GATEWAY_SEED_DEMO": house.environ.get("TANDEM_GATEWAY_SEED_DEMO", "true"),
        },
        wave=DOORS,
    )


def adapter(house: House, platform: str) -> Program:
    """Return the adapter of one platform."""
    return _service(
        house,
        "adapters",
        house.ports.adapter(platform),
        (platform,),
        user=f"adapter-{platform}",
        wave=DOORS,
    )


def _nats(house: House) -> Program:
    folder = private_folder(house.data / "nats")
    server = nats_config.NatsServer(
        port=house.ports.nats, monitor_port=house.ports.nats_monitor, store=folder / "jetstream"
    )
    config = folder / "nats.conf"
    write_private(config, nats_config.render(server, house.credentials.nkey_public))
    return Program(
        name="nats",
        argv=(str(_BIN / "nats-server"), "--config", str(config)),
        ready=http_ok(house.ports.nats_monitor, "/healthz?js-enabled-only=true"),
        wave=SERVERS,
    )


def _temporal(house: House) -> Program:
    ports = house.ports
    folder = private_folder(house.data / "temporal")
    flags = {
        "--ip": HOST,
        "--port": str(ports.temporal),
        "--http-port": str(ports.temporal_http),
        "--db-filename": str(folder / "temporal.db"),
        "--log-level": "warn",
    }
    pace = [f"--dynamic-config-value={key}={value}" for key, value in _TEMPORAL_PACE.items()]
    return Program(
        name="temporal",
        argv=(
            str(_BIN / "temporal"),
            *("server", "start-dev", "--headless"),
            *(part for flag in flags.items() for part in flag),
            *pace,
        ),
        ready=TemporalProbe(house.temporal_address, NAMESPACE),
        wave=SERVERS,
    )


def _service(  # noqa: PLR0913 - what differs between services is listed where each is made
    house: House,
    service: str,
    port: int,
    args: tuple[str, ...] = (),
    *,
    env: dict[str, str] | None = None,
    user: str = "",
    wave: int = SERVICES,
) -> Program:
    user = user or service
    return Program(
        name=user,
        argv=(sys.executable, "-m", f"tandem_{service}", *args),
        ready=http_ok(port, "/readyz"),
        wave=wave,
        env={**_common(house, user), **_own(house, service, port), **(env or {})},
    )


def _common(house: House, user: str) -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",
        "TANDEM_NATS_URL": house.nats_url,
        "TANDEM_NATS_USER": user,
        "TANDEM_NATS_NKEY_FILE": str(house.credentials.nkey_files[user]),
        "TANDEM_TEMPORAL_ADDRESS": house.temporal_address,
        "TANDEM_TEMPORAL_NAMESPACE": NAMESPACE,
        "TANDEM_SECRET_KEY": house.environ.get("TANDEM_SECRET_KEY", house.credentials.secret_key),
        "TANDEM_PUBLIC_URL": house.environ.get("TANDEM_PUBLIC_URL", house.gateway_url),
        "TANDEM_LOG_LEVEL": house.log_level,
    }


def _own(house: House, service: str, port: int) -> dict[str, str]:
    prefix = f"TANDEM_{service.upper()}"
    own = {f"{prefix}_HTTP_PORT": str(port)}
    if service in _WITH_DATABASE:
        name = f"{prefix}_DATABASE_URL"
        own[name] = house.environ.get(name, f"sqlite+aiosqlite:///{house.data / service}.db")
    return own
