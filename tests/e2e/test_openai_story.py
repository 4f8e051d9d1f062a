"""The official SDK asks the model `human`; somebody answers in the terminal's own API."""

import asyncio
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from tandem_common.runtime.ids import new_id

from .test_onebot_story import waiting_ticket

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def test_the_readmes_example_answers(house):
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key) as client:
        answer = await client.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": "hello"}]
        )
    assert answer.choices[0].message.content == "hello"


async def test_a_waiting_caller_survives_the_death_of_everything(house):
    """relay, router and nats-server are killed while the SDK waits: one ticket, one answer."""
    text = f"are you still there {new_id()[-6:]}"
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="human", messages=[{"role": "user", "content": text}]
            )
        )
        ticket = await waiting_ticket(house, text)
        house.kill("tandem_relay")
        house.kill("tandem_router")
        nats = [p for p in house.pids() if b"nats-server" in _cmdline(p)]
        assert nats
        subprocess.run(["kill", "-9", *map(str, nats)], check=True)
        await asyncio.sleep(3)
        reply = {"text": "always", "final": True, "idempotency_key": new_id()}
        async with asyncio.timeout(60):
            while True:
                try:
                    await house.api("POST", f"/tickets/{ticket['id']}/reply", reply)
                    break
                except AssertionError:
                    await asyncio.sleep(0.5)
        answer = await asyncio.wait_for(asking, 60)
    assert answer.choices[0].message.content == "always"


def _cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_a_killed_gateway_and_a_retrying_client_ask_once(house):
    """The gateway dies under the caller; the SDK retries by itself and reaches the same turn."""
    text = f"once only {new_id()[-6:]}"
    async with openai.AsyncOpenAI(
        base_url=f"{house.url}/v1", api_key=house.key, max_retries=10
    ) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="human", messages=[{"role": "user", "content": text}]
            )
        )
        ticket = await waiting_ticket(house, text)
        house.kill("tandem_gateway")
        await house.until_ready()
        await asyncio.sleep(2)
        reply = {"text": "one answer", "final": True, "idempotency_key": new_id()}
        again = await waiting_ticket(house, text)
        assert again["id"] == ticket["id"]
        assert len(again["questions"]) == 1
        await house.api("POST", f"/tickets/{ticket['id']}/reply", reply)
        answer = await asyncio.wait_for(asking, 60)
    assert answer.choices[0].message.content == "one answer"


def test_the_terminal_talks_to_a_bot(house):
    done = subprocess.run(
        [sys.executable, "-m", "tandem", "doctor", "--data", str(house.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
