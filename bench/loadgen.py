"""Load on keep-alive connections, as little client as possible: bare asyncio streams."""

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Load:
    """What one round saw."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    chunks: int = 0
    errors: int = 0

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return len(self.latencies_ms) / self.seconds


def request_bytes(url: str, body: bytes, key: str) -> bytes:
    """Write one POST."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes, load: Load
) -> None:
    began = time.perf_counter()
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head[:20]:
        load.errors += 1
    lower = head.lower()
    if b"content-length:" in lower:
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    else:
        while True:
            size = int((await reader.readline()).strip(), 16)
            data = await reader.readexactly(size + 2)
            load.chunks += data.count(b"data: {")
            if size == 0:
                break
    load.latencies_ms.append((time.perf_counter() - began) * 1000)


async def run(url: str, body: bytes, key: str, callers: int, seconds: float) -> Load:
    """Let callers ask one after the other for a while."""
    parts = urlsplit(url)
    raw = request_bytes(url, body, key)
    load = Load()
    stop_at = time.perf_counter() + seconds

    async def caller() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
        while time.perf_counter() < stop_at:
            await _one(reader, writer, raw, load)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    load.seconds = time.perf_counter() - began
    return load
