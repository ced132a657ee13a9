"""The address says what the page shows, however fast the reader is and however slow the way to the server; and it can be gone back to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import demo_made
import pytest
from conftest import ROOT, Serve
from pages_made import PATIENCE, open_page, settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LOOK = ("palette", "diverging", "opacity", "threshold", "scale", "moment")
SAME = 10
"""Seconds within which what is on its way has arrived on a machine that has other things to do."""

METHODS = ("fem", "cam", "fem", "cam", "gradcam", "directed", "cam", "fem")

SLOW_WAY = """(() => {
  const listen = WebSocket.prototype.addEventListener;
  WebSocket.prototype.addEventListener = function (kind, heard, ...more) {
    const late = (event) => setTimeout(() => heard.call(this, event), DELAY);
    return listen.call(this, kind, kind === 'message' ? late : heard, ...more);
  };
})()"""
"""What the server says is heard so many milliseconds later: longer than the player waits before it tells the server its frame."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    return serve(ROOT / "app.py", env=demo_made.surroundings(tmp_path_factory.mktemp("home")))


def said(page: Page) -> dict[str, str]:
    """What the address says; the method twice, as the page shows it."""
    link = {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}
    return link | {"method": f"{link['method']} {link['method']}"}


def shown(page: Page) -> dict[str, str]:
    """What the page shows of it, as an address would say it: the method that is chosen, and what the command beside the files says."""
    words = page.locator("code").last.inner_text().split()
    told = {word.removeprefix("--"): words[i + 1] for i, word in enumerate(words) if word.startswith("--")}
    told["method"] += f" {page.locator('.st-key-ways button[aria-checked=true]').get_attribute('data-id')}"
    return {"clip": "short"} | {f"look.{name}" * (name in LOOK) or name: value for name, value in told.items()}


def agree(page: Page) -> dict[str, str]:
    """What the address and the page say, once both are at rest: the same."""
    end = time.monotonic() + SAME
    settle(page)
    while said(page) != shown(page) and time.monotonic() < end:  # the player has told its frame, and the answer is on its way
        settle(page)
    assert said(page) == shown(page)
    return said(page)


@pytest.mark.parametrize("delay", [0, 500])
def test_the_address_follows_every_change_of_the_method_and_keeps_the_look(page: Page, address: str, delay: int) -> None:
    page.add_init_script(SLOW_WAY.replace("DELAY", str(delay)))
    open_page(page, address, "/Explore?clip=short&model=tinydam&method=gradcam")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    page.locator(".actrec .palette").select_option("viridis")  # told to the server while it hears of the first click
    for number, method in enumerate(METHODS):
        page.locator(".actrec").focus()
        page.keyboard.press("Home" if number % 2 else "ArrowRight")  # told to the server while it hears of the click
        page.locator(f'.st-key-ways button[data-id="{method}"]').click()
        page.wait_for_url(f"**method={method}&look.palette=viridis**", timeout=PATIENCE)
        link = agree(page)
        assert link["method"] == f"{method} {method}"
        assert link["look.palette"] == "viridis"
    page.go_back()
    assert agree(page) != link
