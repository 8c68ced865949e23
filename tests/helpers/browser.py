"""A browser for tests of pages: Chromium without a window, and axe, which finds what keeps people out."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE = 60_000  # in milliseconds: other tests may have the machine
_OPTIONS = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def browsing() -> Iterator[BrowserContext]:
    """Yield a new browser, such as to open pages in. It looks for Chromium in the PATH, and at Playwright's own."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_OPTIONS)
        try:
            with browser.new_context() as context:
                context.set_default_timeout(_PATIENCE)
                expect.set_options(timeout=_PATIENCE)
                yield context
        finally:
            browser.close()


@contextmanager
def nothing_wrong(context: BrowserContext) -> Iterator[None]:
    """Check that no page of a browser writes an error or a warning to its console, or ends a script with an error."""
    wrong: list[str] = []
    context.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    yield
    assert not wrong, wrong


def barriers(page: Page) -> list[str]:
    """Return what axe finds on a page against the Web Content Accessibility Guidelines 2.2 AA."""
    found = Axe().run(page, options={"runOnly": _RULES}).response["violations"]
    return [f"{each['id']}: {each['help']}: {node['html']}" for each in found for node in each["nodes"]]
