"""`tandem up` with real servers and services that only say that they are ready."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ports import free_base

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

STUB = Path(__file__).parent / "stub_service.py"
SERVICES = ("router", "relay", "box", "gateway", "adapters")
WAIT_S = 60


def make_stubs(folder):
    """Make packages that stand in for the services: each runs the stub under its name."""
    for service in SERVICES:
        package = folder / f"tandem_{service}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        text = f"{STUB.read_text()}\n\nmain({service!r})\n"
        (package / "__main__.py").write_text(text)
    return folder


class Up:
    """A running `tandem up`."""

    def __init__(self, folder, base, *flags, **env):
        self.data, self.ready_file, self.notes = folder / "d", folder / "r.json", folder / "notes"
        self.notes.mkdir(exist_ok=True)
        args = ["--data", self.data, "--port-base", str(base), "--ready-file", self.ready_file]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tandem", "up", *args, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(make_stubs(folder / "stubs")),
                "STUB_NOTES": str(self.notes),
                **env,
            },
        )

    def until_ready(self):
        self.until(self.ready_file.exists, "ready file")
        return json.loads(self.ready_file.read_text())

    def until(self, condition, what):
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"no {what}: {self.process.communicate()[0]}")
            time.sleep(0.05)

    def note(self, name):
        return json.loads((self.notes / f"{name}.json").read_text())

    def children(self):
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in pids.split()]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, output


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(*flags, base=None, **env):
        up = Up(tmp_path, base or free_base(), *flags, **env)
        started.append(up)
        return up

    yield begin
    for up in started:
        with contextlib.suppress(ProcessLookupError):
            up.process.kill()
        if up.process.stdout and not up.process.stdout.closed:
            up.process.communicate()


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_gone(pids):
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(is_alive, pids))


def test_starts_everything_tells_scripts_and_stops_on_a_signal(start):
    up = start()
    facts = up.until_ready()
    assert stat.S_IMODE(up.ready_file.stat().st_mode) == 0o600
    assert (
        facts["onebot"]["access_token"]
        == up.note("gateway")["env"]["TANDEM_GATEWAY_BOOTSTRAP_ONEBOT_TOKEN"]
    )
    assert up.note("adapters-webchat")["env"]["TANDEM_NATS_USER"] == "adapter-webchat"
    assert up.note("adapters-onebot")["pid"] in up.children()
    children = up.children()
    code, output = up.end(signal.SIGINT)
    assert code == 0, output
    assert facts["owner_link"] in output
    assert wait_gone(children)
    assert not up.ready_file.exists()


def test_no_child_outlives_a_killed_supervisor_and_the_same_ports_work_again(start):
    base = free_base()
    up = start(base=base)
    before = up.until_ready()
    children = up.children()
    assert len(children) == 8
    up.end(signal.SIGKILL)
    assert wait_gone(children)
    again = start(base=base)
    again.until(lambda: "pid" in again.note("gateway"), "gateway")
    assert again.until_ready()["api_key"] == before["api_key"]


def test_a_service_that_dies_comes_back(start):
    up = start()
    up.until_ready()
    first = up.note("router-all")["pid"]
    os.kill(first, signal.SIGKILL)
    up.until(lambda: up.note("router-all")["pid"] != first, "second router")
    _, output = up.end()
    assert re.search(r"router\s+ended with -9, again in 0\.5 s", output)


def test_a_second_house_on_the_same_data_is_refused(start):
    up = start()
    up.until_ready()
    second = start()
    output, _ = second.process.communicate(timeout=WAIT_S)
    assert second.process.returncode == 1
    assert f"another `tandem up` (process {up.process.pid})" in output


def test_a_service_that_does_not_start_ends_the_house_with_its_log(start):
    up = start(STUB_FAILS="relay", LANG="zh_CN.UTF-8")
    output, _ = up.process.communicate(timeout=WAIT_S)
    assert up.process.returncode == 1
    assert "relay ended with 1 before it was ready" in output
    assert "the stub was told to fail" in output
    assert "启动失败" in output
    assert not up.ready_file.exists()


def test_a_taken_port_is_found_before_anything_is_started(start):
    base = free_base()
    with socket.create_server(("127.0.0.1", base + 1)):
        up = start(base=base)
        output, _ = up.process.communicate(timeout=WAIT_S)
    assert up.process.returncode == 1
    assert f"{base + 1} (nats)" in output
    assert "ready" not in output


def test_a_declared_configuration_is_applied(start, tmp_path):
    (tmp_path / "tandem.yaml").write_text("bots:\n  - id: a\n    platform: webchat\n")
    up = start("--config", tmp_path / "tandem.yaml")
    up.until_ready()
    assert up.note("applied") == {"bots": [{"id": "a", "platform": "webchat"}]}


def test_a_refused_configuration_is_a_clear_error(start, tmp_path):
    (tmp_path / "tandem.yaml").write_text("nonsense: 1\n")
    up = start("--config", tmp_path / "tandem.yaml")
    output, _ = up.process.communicate(timeout=WAIT_S)
    assert up.process.returncode == 1
    assert "invalid_input: what is nonsense?" in output


def test_logs_are_shown_when_asked(start):
    up = start("--verbose")
    up.until_ready()
    _, output = up.end()
    assert re.search(r"relay \| relay begins", output)
