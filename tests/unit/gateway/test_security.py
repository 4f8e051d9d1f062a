"""Keys in memory, waiting times, signatures, passwords."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from tandem_common.contract.errors import ForbiddenError, RateLimitedError
from tandem_common.testing.clock import FakeClock
from tandem_gateway.keys import KeyIndex
from tandem_gateway.media_links import MediaLinks
from tandem_gateway.models import ApiKeyRow
from tandem_gateway.security import passwords
from tandem_gateway.security.limiter import FREE_FAILURES, FailureLimiter
from tandem_gateway.security.tokens import Signer, digest, shown_prefix
from tandem_gateway.settings import GatewaySettings
from tandem_gateway.webchat.pace import Pace


def a_row(raw: str = "tdm_secret", **fields: Any) -> ApiKeyRow:
    values: dict[str, Any] = {
        "id": "1",
        "hash": digest(raw),
        "prefix": shown_prefix(raw),
        "name": "key",
        "scopes": ["chat"],
        "models": [],
        "created_at": "",
        "created_by": "",
    }
    return ApiKeyRow(**(values | fields))


def test_a_key_is_found_until_it_is_revoked() -> None:
    keys = KeyIndex(FakeClock())
    keys.replace([a_row()])

    assert keys.lookup("tdm_secret") is not None
    assert keys.lookup("tdm_other") is None

    keys.put(a_row(revoked=True))
    assert keys.lookup("tdm_secret") is None


async def test_a_key_opens_nothing_after_it_has_expired() -> None:
    clock = FakeClock()
    keys = KeyIndex(clock)
    keys.replace([a_row(expires_at=(clock.now() + timedelta(seconds=10)).isoformat())])

    assert keys.lookup("tdm_secret") is not None
    await clock.advance(11)
    assert keys.lookup("tdm_secret") is None


@pytest.mark.parametrize(
    ("models", "model", "allowed"),
    [
        ([], "any", True),
        (["echo"], "echo", True),
        (["echo"], "echo2", False),
        (["a/*"], "a/b", True),
    ],
)
def test_a_key_may_ask_for_the_models_it_lists(models, model, allowed) -> None:
    keys = KeyIndex(FakeClock())
    keys.replace([a_row(models=models)])
    key = keys.lookup("tdm_secret")

    assert key is not None
    assert key.allows_model(model) is allowed


def test_the_shown_part_of_a_short_key_never_gives_it_away() -> None:
    assert len(shown_prefix("sixteen-letters!")) <= 5


async def test_after_five_failures_each_further_one_doubles_the_wait() -> None:
    clock = FakeClock()
    limiter = FailureLimiter(clock)
    for _ in range(FREE_FAILURES):
        limiter.check("ann")
        limiter.failed("ann")

    with pytest.raises(RateLimitedError) as first:
        limiter.check("ann")
    await clock.advance(5.1)
    limiter.check("ann")
    limiter.failed("ann")
    with pytest.raises(RateLimitedError) as second:
        limiter.check("ann")

    assert first.value.retry_after_s == pytest.approx(5)
    assert second.value.retry_after_s == pytest.approx(10)
    limiter.check("bob")
    limiter.succeeded("ann")
    limiter.check("ann")


async def test_a_visitor_has_a_burst_and_then_a_pace() -> None:
    clock = FakeClock()
    pace = Pace(clock, burst=2, per_s=1)
    pace.take("v")
    pace.take("v")

    with pytest.raises(RateLimitedError):
        pace.take("v")
    pace.take("w")
    await clock.advance(1)
    pace.take("v")


def test_a_signed_value_is_ours_only_for_its_purpose() -> None:
    signed = Signer("key", "visitor").sign("v-1")

    assert Signer("key", "visitor").open(signed) == "v-1"
    assert Signer("key", "other").open(signed) is None
    assert Signer("other", "visitor").open(signed) is None
    assert Signer("key", "visitor").open(signed[:-2] + "xx") is None
    assert Signer("key", "visitor").open("") is None


async def test_a_media_link_works_until_it_expires_and_only_as_it_was_made() -> None:
    clock = FakeClock()
    links = MediaLinks(GatewaySettings(secret_key=SecretStr("k"), media_url_s=3600))
    reference = f"sha256:{'a' * 64}"
    path = links.path(reference, clock.now())
    digest_, _, query = path.removeprefix("/media/").partition("?")
    given = dict(pair.split("=") for pair in query.split("&"))

    assert links.check(digest_, given["exp"], given["sig"], clock.now()) == reference
    with pytest.raises(ForbiddenError):
        links.check("b" * 64, given["exp"], given["sig"], clock.now())
    with pytest.raises(ForbiddenError):
        links.check(digest_, str(int(given["exp"]) + 9999), given["sig"], clock.now())
    await clock.advance(3 * 3600)
    with pytest.raises(ForbiddenError):
        links.check(digest_, given["exp"], given["sig"], clock.now())


def test_links_stand_beside_media_wherever_it_is() -> None:
    links = MediaLinks(GatewaySettings(secret_key=SecretStr("k")))
    frame = {"components": [{"kind": "image", "media": f"sha256:{'a' * 64}"}], "x": "media"}

    shown = links.with_urls(frame, FakeClock().now())

    assert shown["components"][0]["url"].startswith(f"/media/{'a' * 64}?exp=")
    assert shown["x"] == "media"


async def test_a_password_is_hashed_with_argon2id_and_verified() -> None:
    stored = await passwords.hash_password("correct horse")

    assert stored.startswith("$argon2id$")
    assert await passwords.verify_password(stored, "correct horse")
    assert not await passwords.verify_password(stored, "wrong horse")
    assert not await passwords.verify_password(None, "nobody has this password")
    assert not await passwords.verify_password("garbage", "x")
