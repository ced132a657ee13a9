"""A reader in front of the app in a real browser, who waits as long as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 120_000
"""Milliseconds to wait for what takes a second on a machine that has nothing else to do."""


QUIET = 450
"""Milliseconds without a run of the script after which the app counts as at rest. The player tells Python its frame a quarter of a second after the
last key; that, and its way to the server, must be over before a test may say that nothing more comes."""

AT_REST = """quiet => {
  const idle = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]');
  if (!idle || document.querySelector('[data-testid=stSkeleton]') || window.idleSince === undefined) window.idleSince = performance.now();
  return performance.now() - window.idleSince >= quiet;
}"""


def rest(page: Page) -> None:
    """Wait until no script has run for a while and everything it sent is drawn."""
    page.evaluate("delete window.idleSince")
    page.wait_for_function(AT_REST, arg=QUIET, timeout=PATIENCE)


def settle(page: Page) -> None:
    """Wait until the app is at rest, and see that nothing went wrong in it."""
    rest(page)
    assert page.locator('[data-testid="stException"]').count() == 0


def open_page(page: Page, address: str, path: str = "/") -> None:
    page.goto(address + path)
    page.locator(".brand").wait_for(timeout=PATIENCE)
    settle(page)


def way(page: Page, name: str) -> None:
    """Choose a way of explaining, and wait for its answer."""
    page.locator(f'.st-key-ways button[data-id="{name}"]').click()
    page.wait_for_url(f"**method={name}**", timeout=PATIENCE)
    settle(page)
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
