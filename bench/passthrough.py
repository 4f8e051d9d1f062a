"""Pass-through: what the gateway adds to an upstream's own time."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import orjson
import uvloop
from cryptography.fernet import Fernet

from bench.loadgen import Load, run
from bench.machine import about, cpu_seconds, percentiles, rss_mib
from tandem_common.testing.servers import free_port, listens, nats_server, wait_until

KEY = "tdm_bench-key-bench-key-bench-key"
ADMIN = "tdm_bench-admin-bench-admin-bench"
PATH = "/v1/chat/completions"
ROUNDS, SECONDS = 3, 4.0
SLOW_MS = 20
"""An upstream's own time. An instant one only shows where a core is full."""


@contextlib.contextmanager
def _process(args: list[str], env: dict[str, str], port: int) -> Iterator[int]:
    process = subprocess.Popen(args, env={**os.environ, **env}, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), args[-1])
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def _connect(gateway: str, name: str, upstream: str) -> None:
    connection = {"id": name, "kind": "openai", "base_url": f"{upstream}/v1", "models": [name]}
    headers = {"Authorization": f"Bearer {ADMIN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{gateway}/api/v1/connections", json=connection) as response,
    ):
        response.raise_for_status()


def _body(model: str, **more: object) -> bytes:
    messages = [{"role": "user", "content": "hello there " * 20}]
    return orjson.dumps({"model": model, "messages": messages, **more})


async def _row(label: str, url: str, body: bytes, callers: int, gateway_pid: int) -> Load:
    total = Load()
    before = cpu_seconds(gateway_pid)
    best = 0.0
    for _ in range(ROUNDS):
        load = await run(url + PATH, body, KEY, callers, SECONDS)
        assert not load.errors, "the peer or the gateway refused"
        total.latencies_ms += load.latencies_ms
        best = max(best, load.per_second)
    cpu = (cpu_seconds(gateway_pid) - before) / len(total.latencies_ms) * 1000
    p50, p95 = percentiles(total.latencies_ms)
    through = f"{cpu:.2f} | {1000 / cpu:.0f}" if "gateway" in label else "- | -"
    print(f"| {label} | {callers} | {p50:.2f} | {p95:.2f} | {best:.0f} | {through} |")
    return total


async def _bench(gateway: str, upstreams: dict[str, str], gateway_pid: int) -> None:
    for name, url in upstreams.items():
        await _connect(gateway, name, url)
    print(f"machine: {about()}\n")
    print("| way | callers | p50 ms | p95 ms | requests/s | CPU ms/request | requests/s/core |")
    print("|---|---|---|---|---|---|---|")
    for name, callers in (("instant", 1), ("instant", 16), ("slow", 16)):
        body = _body(name)
        direct = await _row(f"{name} upstream, direct", upstreams[name], body, callers, gateway_pid)
        passed = await _row(f"{name} upstream, gateway", gateway, body, callers, gateway_pid)
        added = [
            b - a
            for a, b in zip(
                percentiles(direct.latencies_ms), percentiles(passed.latencies_ms), strict=True
            )
        ]
        print(f"| added | {callers} | {added[0]:.2f} | {added[1]:.2f} | | | |")
    before = cpu_seconds(gateway_pid)
    load = await run(gateway + PATH, _body("instant", stream=True), KEY, 16, 3 * SECONDS)
    used = cpu_seconds(gateway_pid) - before
    print(f"\nrelayed chunks: {load.chunks / load.seconds:.0f}/s, {load.chunks / used:.0f}/s/core")
    print(f"gateway memory: {rss_mib(gateway_pid):.0f} MiB")


def main() -> None:
    """Start all, measure, stop all."""
    gateway_port, instant, slow = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, nats_server(Path(folder) / "nats") as nats:
        env = {
            "TANDEM_NATS_URL": nats.url,
            "TANDEM_SECRET_KEY": Fernet.generate_key().decode(),
            "TANDEM_GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/gateway.db",
            "TANDEM_GATEWAY_HTTP_PORT": str(gateway_port),
            "TANDEM_GATEWAY_BOOTSTRAP_ADMIN_KEY": ADMIN,
            "TANDEM_GATEWAY_BOOTSTRAP_API_KEY": KEY,
            "TANDEM_STORAGE_SCALE": "0.1",
            "PYTHONPATH": ".",
        }
        peer = [sys.executable, "-m", "bench.upstream_peer"]
        house = [sys.executable, "-m", "tandem_gateway"]
        with (
            _process([*peer, str(instant), "0"], env, instant),
            _process([*peer, str(slow), str(SLOW_MS)], env, slow),
            _process(house, env, gateway_port) as gateway_pid,
        ):
            ports = {"instant": instant, "slow": slow}
            uvloop.run(
                _bench(
                    f"http://127.0.0.1:{gateway_port}",
                    {name: f"http://127.0.0.1:{port}" for name, port in ports.items()},
                    gateway_pid,
                )
            )


if __name__ == "__main__":
    main()
