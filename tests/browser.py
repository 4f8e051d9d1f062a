"""The browser for tests of the console: Debian's chromium or Google Chrome, never a download."""

import os
import shutil
from pathlib import Path

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> Path | None:
    """Return the browser of this machine; `TANDEM_TEST_BROWSER` names another."""
    chosen = os.environ.get("TANDEM_TEST_BROWSER")
    found = chosen or next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


def require_browser() -> Path:
    """Return the browser; without one the test is skipped, in CI it fails."""
    browser = find_browser()
    if browser is not None:
        return browser
    why = "no chromium or google-chrome on PATH (Debian: apt-get install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
