"""Tasks end when they are told to, even those that did not hear it the first time."""

import asyncio

from tandem_common.runtime.tasks import end_all


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same():
    async def hard_of_hearing() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    async def failing() -> None:
        raise ValueError("before")

    tasks = [asyncio.create_task(hard_of_hearing()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        ended, failed = await end_all(tasks)
    assert isinstance(ended, asyncio.CancelledError)
    assert isinstance(failed, ValueError)
    assert all(task.done() for task in tasks)


async def test_nothing_is_ended_at_once():
    assert await end_all([]) == []
