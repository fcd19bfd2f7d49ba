"""A real Chromium to look at the console with: for its tests, and for its screenshots."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

__all__ = ["chromium", "started"]

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS: Final = (
    "--no-sandbox",  # root has none, and the pages are our own
    "--disable-gpu",
    "--disable-background-networking",
)


def chromium() -> str | None:
    """Where this machine's Chromium is; None if it has none (Debian: apt-get install chromium)."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def started(path: str) -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
