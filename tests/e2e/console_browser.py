"""A real Chromium for the tests of pages; errors on the page fail the test."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, Playwright

NAMES = ("chromium", "google-chrome", "chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.asynccontextmanager
async def a_browser(playwright: Playwright, **context: Any) -> AsyncIterator[Page]:
    """Open a page; what it throws, and what its policy blocks, is an error of the test."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium here: .ci/install-browser installs one")
    browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
    try:
        options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 860}} | context
        page = await (await browser.new_context(**options)).new_page()
        page.set_default_timeout(8_000)
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "console",
            lambda said: trouble.append(said.text) if "Content Security" in said.text else None,
        )
        yield page
        assert trouble == []
    finally:
        await browser.close()
