"""The rendered configuration: accepted by a real server, and as tight as the contract says."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import nats
import pytest

from tandem.house.credentials import ensure, new_seed, public_key
from tandem.nats_config import NatsServer, render
from tandem_common.contract.permissions import SERVICE_USERS

NATS_SERVER = Path(sys.executable).parent / "nats-server"
WAIT_S = 10


@pytest.fixture
def credentials(tmp_path):
    return ensure(tmp_path / "data")


@pytest.fixture
def server_url(tmp_path, credentials):
    config = tmp_path / "nats.conf"
    config.write_text(render(NatsServer(-1, -1, tmp_path / "store"), credentials.nkey_public))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [NATS_SERVER, "-c", config, "--ports_file_dir", tmp_path], stdout=log, stderr=log
        )
    try:
        yield read_url(tmp_path, process)
    finally:
        process.terminate()
        process.wait()


def read_url(folder, process):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and process.poll() is None:
        for file in folder.glob("*.ports"):
            if text := file.read_text():
                return json.loads(text)["nats"][0]
        time.sleep(0.02)
    raise AssertionError((folder / "log").read_text())


async def connect(url, credentials, user):
    async def ignore(_):
        """Refusals are what these tests look for."""

    return await nats.connect(
        url,
        nkeys_seed=str(credentials.nkey_files[user]),
        inbox_prefix=f"_INBOX_{user}",
        allow_reconnect=False,
        error_cb=ignore,
    )


def test_names_every_user_of_the_contract(credentials):
    text = render(NatsServer(4222, 8222, Path("store")), credentials.nkey_public)
    assert all(f"# {user}\n" in text for user in SERVICE_USERS)


def test_syncs_every_write_to_disk():
    assert "sync_interval: always" in render(NatsServer(4222, 8222, Path("store")), {})


def test_a_user_who_may_publish_nothing_is_denied_everything():
    text = render(NatsServer(4222, 8222, Path("store")), {"box": public_key(new_seed())})
    assert "publish: {\n        deny: [" in text


async def test_a_real_server_lets_every_user_in(server_url, credentials):
    for user in SERVICE_USERS:
        client = await connect(server_url, credentials, user)
        await client.close()


def test_a_real_server_refuses_strangers(server_url):
    host, _, port = server_url.removeprefix("nats://").rpartition(":")
    with socket.create_connection((host, int(port)), WAIT_S) as client, client.makefile() as said:
        assert said.readline().startswith("INFO ")
        client.sendall(b"CONNECT {}\r\nPING\r\n")
        assert "Authorization Violation" in said.readline()


async def test_an_adapter_cannot_speak_for_another_platform(server_url, credentials):
    admin = await connect(server_url, credentials, "admin")
    adapter = await connect(server_url, credentials, "adapter-webchat")
    heard = await admin.subscribe("evt.>")
    await admin.flush()
    await adapter.publish("evt.onebot.x.message.received.c", b"forged")
    await adapter.publish("evt.webchat.x.message.received.c", b"own")
    await adapter.flush()
    assert (await heard.next_msg(timeout=2)).data == b"own"
    await adapter.close()
    await admin.close()
