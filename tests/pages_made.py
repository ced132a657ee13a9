"""A reader in front of the app in a real browser, who waits as long as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 120_000
"""Milliseconds to wait for what takes a second on a machine that has nothing else to do."""


def settle(page: Page) -> None:
    """Wait until the script has run and everything it sent is drawn."""
    for _ in range(2):
        page.wait_for_timeout(300)
        page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=PATIENCE)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')", timeout=PATIENCE)
    assert page.locator('[data-testid="stException"]').count() == 0


def open_page(page: Page, address: str, path: str = "/") -> None:
    page.goto(address + path)
    page.locator(".brand").wait_for(timeout=PATIENCE)
    settle(page)
