"""Background tasks that end when they are told to."""

import asyncio
from collections.abc import Iterable
from typing import Any

_AGAIN_S = 0.5


async def end_all(tasks: Iterable["asyncio.Task[Any]"]) -> list[Any]:
    """Cancel tasks until they are done; return what each came to, exceptions too.

    Telling once is not enough: up to Python 3.11 `asyncio.wait_for`, and so every request over
    NATS, swallows a cancellation that arrives together with its answer.
    """
    told = list(tasks)
    left = set(told)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
    return await asyncio.gather(*told, return_exceptions=True)
