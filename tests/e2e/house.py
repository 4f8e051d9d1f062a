"""A whole house as `tandem up` builds it, and what tests do to it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tandem_common.runtime.broker import Broker
from tandem_common.runtime.settings import ServiceSettings
from tests.ports import free_base

START_S = 90


@dataclass(frozen=True)
class House:
    """A running house."""

    process: subprocess.Popen[bytes]
    data: Path
    said: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.said["gateway"])

    @property
    def key(self) -> str:
        return str(self.said["api_key"])

    @property
    def admin_key(self) -> str:
        return str(self.said["admin_key"])

    def pids(self, *words: str) -> list[int]:
        """The house's processes whose command line holds all these words."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                args = (folder / "cmdline").read_bytes().decode().split("\0")
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.process.pid and all(w in args for w in words):
                    found.append(int(folder.name))
        return found

    def kill(self, *words: str) -> None:
        """`kill -9` of the house's processes that match; the house starts them again."""
        pids = self.pids(*words)
        assert pids, f"no process runs {words}"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    @contextlib.asynccontextmanager
    async def broker(self) -> AsyncIterator[Broker]:
        """A connection with the administrator's rights."""
        settings = ServiceSettings(
            nats_url=self.said["nats"],
            nats_nkey_file=str(next((self.data / "nats" / "keys").glob("admin*"))),
            nats_user="admin",
        )
        broker = Broker(settings, name="test")
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()

    async def api(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
        """Call the admin API."""
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, f"{self.url}/api/v1{path}", json=body) as response,
        ):
            text = await response.text()
            assert (status or 200) == response.status or response.status in (200, 201, 204), text
            return json.loads(text) if text else None

    async def until_ready(self) -> None:
        """Wait until the gateway answers again."""
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.1)


@contextlib.contextmanager
def running_house(folder: Path, **env: str) -> Iterator[House]:
    """Start `tandem up` and wait until it is ready."""
    data, ready = folder / "data", folder / "ready.json"
    args = [sys.executable, "-m", "tandem", "up", "--data", str(data), "--ready-file", str(ready)]
    args += ["--port-base", str(free_base())]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            args,
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "TANDEM_STORAGE_SCALE": "0.1",
                "TANDEM_ALLOW_PRIVATE_URLS": "true",
                "TANDEM_GATEWAY_KEEPALIVE_S": "0.5",
                **env,
            },
        )
    try:
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "up.log").read_text()[-4000:])
            time.sleep(0.1)
        yield House(process, data, json.loads(ready.read_text()))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
