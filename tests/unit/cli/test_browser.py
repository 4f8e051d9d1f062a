"""A missing browser is seen: a skip on a developer's machine, a failure in CI."""

import pytest

from tests import browser


@pytest.fixture
def nowhere(monkeypatch):
    monkeypatch.delenv("TANDEM_TEST_BROWSER", raising=False)
    monkeypatch.setenv("PATH", "")


def test_missing_is_a_skip(nowhere, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        browser.require_browser()


def test_missing_in_ci_is_a_failure(nowhere, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        browser.require_browser()


def test_the_environment_may_name_one(monkeypatch):
    monkeypatch.setenv("TANDEM_TEST_BROWSER", "/opt/browser")
    assert str(browser.require_browser()) == "/opt/browser"
