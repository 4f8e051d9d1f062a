"""`tandem doctor`: what is wrong, and how to mend it."""

import asyncio
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tandem.house import lock
from tandem.house.files import PRIVATE_FOLDER, read_json
from tandem.house.ports import ADAPTERS, Ports, is_free, taken
from tandem.house.probes import http_ok
from tandem.house.ready import READY_FILE
from tandem.settings import DEFAULT_DATA, DEFAULT_PORT_BASE

from .options import DataOption

_OLDEST_PYTHON = (3, 11)
_GIB = 1 << 30
_DISK_WANTED, _DISK_NEEDED = 2 * _GIB, _GIB // 4
_NEARLY_FULL = 0.8
_CLOCK_SLACK_S = 60
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[red]✗[/]"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        level: `ok`, `warning` or `problem`.
        what: What was found.
        mend: What to do about it.
    """

    level: str
    what: str
    mend: str = ""


def doctor(
    data: DataOption = DEFAULT_DATA,
    port_base: Annotated[int, typer.Option(help="First port to check.")] = DEFAULT_PORT_BASE,
) -> None:
    """Check the surroundings and the running house; exit code 1 when something is wrong."""
    console = Console()
    findings = asyncio.run(examine(data, port_base))
    for finding in findings:
        console.print(f"{_MARKS[finding.level]} {escape(finding.what)}", soft_wrap=True)
        if finding.mend:
            console.print(f"    {finding.mend}", style="dim", markup=False, soft_wrap=True)
    raise typer.Exit(any(finding.level == "problem" for finding in findings))


async def examine(data: Path, port_base: int) -> list[Finding]:
    """Look at everything."""
    surroundings = [python(), *binaries(), folder(data), disk(data), clock(data)]
    if lock.holder(data) is None:
        return [*surroundings, free_ports(Ports(port_base)), Finding("ok", "no house is running")]
    return [*surroundings, *await house(data)]


def python() -> Finding:
    """Look at the interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _OLDEST_PYTHON:
        return Finding("ok", f"Python {version}")
    return Finding("problem", f"Python {version} is too old", "Install Python 3.11 or newer.")


def binaries() -> Iterator[Finding]:
    """Look at the servers that come as packages."""
    for name in ("nats-server", "temporal"):
        path = Path(sys.executable).parent / name
        mend = "Install everything again: make clean && make run"
        try:
            ran = subprocess.run(  # noqa: S603 - a path of our own environment
                [str(path), "--version"], capture_output=True, text=True, timeout=20, check=True
            )
            yield Finding("ok", ran.stdout.strip().partition("\n")[0])
        except (OSError, subprocess.SubprocessError) as error:
            yield Finding("problem", f"{name} does not run: {error}", mend)


def folder(data: Path) -> Finding:
    """Look at who may read the data."""
    if not data.exists():
        return Finding("ok", f"{data} will be made at the first start")
    mode = stat.S_IMODE(data.stat().st_mode)
    if mode & ~PRIVATE_FOLDER:
        return Finding("problem", f"{data} is open to other users", f"chmod 700 {data}")
    return Finding("ok", f"{data} is private")


def disk(data: Path) -> Finding:
    """Look at the room left."""
    there = next(path for path in (data.absolute(), *data.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    what = f"{free / _GIB:.1f} GiB free for {data}"
    mend = "Free some space: messages are refused when the disk is full."
    if free < _DISK_NEEDED:
        return Finding("problem", what, mend)
    return Finding("warning", what, mend) if free < _DISK_WANTED else Finding("ok", what)


def clock(data: Path) -> Finding:
    """Look whether the clock was set back behind what is stored."""
    logs = list((data / "logs").glob("*.log"))
    newest = max((log.stat().st_mtime for log in logs), default=0.0)
    behind = newest - time.time()
    if behind > _CLOCK_SLACK_S:
        mend = "Set the clock, and let it follow a time server (timedatectl set-ntp true)."
        return Finding("problem", f"the clock is {behind:.0f} s behind what is stored", mend)
    return Finding("ok", "the clock is not behind what is stored")


def free_ports(ports: Ports) -> Finding:
    """Look whether the house could listen."""
    busy = taken(ports)
    if not busy:
        return Finding("ok", f"ports {ports.base} and following are free")
    named = ", ".join(f"{port} ({name})" for name, port in busy.items())
    return Finding("problem", f"ports in use: {named}", "Choose others: tandem up --port-base N")


async def house(data: Path) -> list[Finding]:
    """Look at the services and streams of the running house."""
    facts = read_json(data / READY_FILE)
    if not facts:
        mend = f"Wait a moment; if it stays so, read {data}/logs."
        return [Finding("warning", "a house is starting", mend)]
    ports = Ports(int(str(facts["gateway"]).rpartition(":")[2]))
    return [*await services(ports, data), *await streams(facts["nats"], data)]


async def services(ports: Ports, data: Path) -> list[Finding]:
    """Ask every service whether it is ready."""
    asked = {name: getattr(ports, name) for name in ("gateway", "router", "relay", "box")}
    adapters = {f"adapter-{platform}": ports.adapter(platform) for platform in ADAPTERS}
    # An adapter runs only once there is a bot for it.
    asked |= {name: port for name, port in adapters.items() if not is_free(port)}
    answers = await asyncio.gather(*(http_ok(port, "/readyz")() for port in asked.values()))
    return [
        Finding("ok", f"{name} is ready")
        if is_ready
        else Finding("problem", f"{name} is not ready", f"Read {data}/logs/{name}.log")
        for name, is_ready in zip(asked, answers, strict=True)
    ]


async def streams(url: str, data: Path) -> list[Finding]:
    """Look how full the streams are."""
    import nats  # noqa: PLC0415 - only when a house is running
    from nats.errors import Error  # noqa: PLC0415

    try:
        key = str(data / "nats" / "keys" / "admin.nk")
        client = await nats.connect(url, nkeys_seed=key, allow_reconnect=False, connect_timeout=3)
        infos = await client.jetstream().streams_info()
        await client.close()
    except (OSError, Error) as error:
        mend = f"Read {data}/logs/nats.log"
        return [Finding("problem", f"NATS does not answer: {error!r}", mend)]
    full = [
        fullness(info.config.name or "", info.state.bytes, info.config.max_bytes or 0)
        for info in infos
    ]
    trouble = [finding for finding in full if finding.level != "ok"]
    return trouble or [Finding("ok", f"NATS answers, {len(full)} streams have room")]


def fullness(name: str, used: int, limit: int) -> Finding:
    """Judge how full a stream is."""
    if limit <= 0 or used < limit * _NEARLY_FULL:
        return Finding("ok", f"stream {name} has room")
    what = f"stream {name} is {used / limit:.0%} full"
    return Finding("warning", what, "Raise TANDEM_STORAGE_SCALE, or find out who does not read.")
