"""Work that must stay in order per chat, chats side by side, and not more at once than is good."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

_MOST = 512
Work = Callable[[], Awaitable[None]]


class Sequencer:
    """Runs work in the background; `run` waits while too much is under way.

    Waiting there is back-pressure: the socket is not read, and TCP tells the platform.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._room = asyncio.Semaphore(most)
        self._queues: dict[str, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, key: str, work: Work) -> None:
        """Queue work behind what has the same key."""
        await self._room.acquire()
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(work)
            return
        self._queues[key] = deque((work,))
        task = asyncio.create_task(self._drain(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, key: str) -> None:
        queue = self._queues[key]
        try:
            while queue:
                try:
                    await queue[0]()
                finally:
                    queue.popleft()
                    self._room.release()
        finally:
            del self._queues[key]
            for _ in queue:
                self._room.release()

    async def drain(self, timeout_s: float) -> None:
        """Wait until all work is done."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
