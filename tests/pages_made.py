"""A reader in front of the app in a real browser, who waits as long as it takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from conftest import REAL

from actrec.clips import mannequin, video

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


def stream(page: Page, title: str, name: str) -> None:
    """Ask one stream of a model alone, and wait for its answer."""
    page.locator(".st-key-stream button", has_text=title).click()
    page.wait_for_url(re.compile(f"model=[^&]*{name}"), timeout=PATIENCE)
    settle(page)
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)


def claim(page: Page) -> str:
    """What is said of the answer, beside it."""
    return page.locator(".st-key-claim").inner_text().replace("\u00a0", " ")


def filmed(action: str, painted: str, folder: Path) -> Path:
    """A filmed person where the clips of Weizmann's are here, else a mannequin.

    A set without the action is no reason for a mannequin: a test that says it is of a filmed clip would not be.
    """
    if (REAL / "weizmann").is_dir():
        found = sorted((REAL / "weizmann" / action).glob("*.mp4"))
        assert found, f"there is no clip of {action} among those in {REAL / 'weizmann'}"
        return found[-1]
    file = folder / f"{action}.mp4"
    video.write(file, mannequin.render(painted, 7, frames=40, truth=False).frames, 25.0)
    return file
