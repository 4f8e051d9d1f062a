"""The pure parts of the runtime."""

import asyncio
import json

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, strategies as st

from tandem_common.contract.errors import (
    CapacityError,
    ForbiddenError,
    InvalidInputError,
    UnavailableError,
    UpstreamError,
)
from tandem_common.runtime.http import GuardedClient, is_public
from tandem_common.runtime.ids import new_id
from tandem_common.runtime.keyed import GiveUpError, assign, is_hopeless, is_transient
from tandem_common.runtime.logging import _mask_secrets
from tandem_common.runtime.media import sniff
from tandem_common.runtime.sealing import Sealer
from tandem_common.runtime.settings import ServiceSettings
from tandem_common.testing.clock import FakeClock

MEMBERS = st.lists(st.text("abcdef", min_size=1, max_size=6), min_size=1, max_size=8, unique=True)


@given(MEMBERS)
def test_every_shard_has_one_owner_and_loads_are_even(names):
    shards = frozenset(str(i) for i in range(16))
    members = dict.fromkeys(names, shards)
    owned = {name: assign(members, name) for name in names}
    assert sorted(s for o in owned.values() for s in o) == sorted(shards)
    assert max(len(o) for o in owned.values()) <= -(-16 // len(names))


@given(MEMBERS)
def test_a_leaver_moves_few_shards(names):
    shards = frozenset(str(i) for i in range(16))
    before = {n: assign(dict.fromkeys(names, shards), n) for n in names}
    left = names[1:] or names
    after = {n: assign(dict.fromkeys(left, shards), n) for n in left}
    gone = before[names[0]] if names[0] not in left else set()
    moved = [s for n in left for s in after[n] - before[n]]
    assert gone <= set(moved)


def test_only_who_is_able_owns():
    members = {"a": frozenset({"x"}), "b": frozenset({"x", "y"}), "c": frozenset[str]()}
    owned = {name: assign(members, name) for name in members}
    assert owned["c"] == set()
    assert "y" in owned["b"]
    assert sum("x" in o for o in owned.values()) == 1


def test_failures_are_sorted():
    assert is_transient(UnavailableError("x"))
    assert is_transient(CapacityError("x"))
    assert is_transient(ConnectionResetError())
    assert not is_transient(ValueError())
    assert is_hopeless(GiveUpError())
    assert not is_hopeless(ValueError())


def test_ids_rise_and_are_version_7():
    first, second = new_id(), new_id()
    assert first[14] == second[14] == "7"
    assert first[:8] <= second[:8]


@given(st.text(min_size=1).filter(lambda s: not s.startswith("sealed:")))
def test_sealed_secrets_open_again(secret):
    key = Fernet.generate_key().decode()
    sealed = Sealer(key).seal(secret)
    assert secret not in sealed or len(secret) < 4
    assert Sealer(key).open(sealed) == secret
    assert Sealer(f"{Fernet.generate_key().decode()},{key}").open(sealed) == secret


def test_a_foreign_key_is_a_clear_error():
    sealed = Sealer(Fernet.generate_key().decode()).seal("x")
    with pytest.raises(InvalidInputError, match="another TANDEM_SECRET_KEY"):
        Sealer(Fernet.generate_key().decode()).open(sealed)
    with pytest.raises(InvalidInputError, match="not a Fernet key"):
        Sealer("short")
    with pytest.raises(InvalidInputError, match="empty"):
        Sealer("")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1/x", ForbiddenError),
        ("http://[::1]:80/", ForbiddenError),
        ("http://169.254.169.254/latest/meta-data", ForbiddenError),
        ("http://2130706433/", UpstreamError),
        ("file:///etc/passwd", InvalidInputError),
        ("gopher://x/", InvalidInputError),
        ("http://", InvalidInputError),
    ],
)
async def test_the_guard_refuses_before_any_connection(url, error):
    client = GuardedClient()
    await client.start()
    try:
        with pytest.raises(error):
            await client.fetch("GET", url)
    finally:
        await client.stop()


async def test_the_guard_refuses_a_name_that_resolves_inside():
    client = GuardedClient()
    await client.start()
    try:
        with pytest.raises(ForbiddenError, match="not a public address"):
            await client.fetch("GET", "http://localhost:1/")
    finally:
        await client.stop()


def test_settings_prefer_the_services_own(monkeypatch):
    class RoomSettings(ServiceSettings):
        service = "room"

    monkeypatch.setenv("TANDEM_NATS_URL", "nats://common:1")
    monkeypatch.setenv("TANDEM_ROOM_HTTP_PORT", "99")
    assert RoomSettings().nats_url == "nats://common:1"
    monkeypatch.setenv("TANDEM_ROOM_NATS_URL", "nats://own:1")
    assert (RoomSettings().nats_url, RoomSettings().http_port) == ("nats://own:1", 99)


def test_logs_hide_secrets():
    event = _mask_secrets(None, "info", {"event": "x", "access_token": "abc", "bot": "b"})
    assert "abc" not in json.dumps(event)
    assert event["bot"] == "b"


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<svg onload=alert(1)>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_media_is_what_it_begins_with(data, mime):
    assert sniff(data) == mime


async def test_the_fake_clock_wakes_in_order():
    clock, woken = FakeClock(), []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(s)) for s in (3, 1, 2)]
    await asyncio.sleep(0)
    await clock.advance(2)
    assert woken == [1, 2]
    await clock.advance(1)
    assert woken == [1, 2, 3]
    await asyncio.gather(*tasks)
