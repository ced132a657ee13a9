"""Who may use the pages, and with what: requests from elsewhere, the policy that the player lives with, the keyboard, and axe-core."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import axe_playwright_python as axe
import demo_made
import pytest
import streams_made
from conftest import ROOT, Serve
from pages_made import PATIENCE, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PAGES = {
    "Home": "/?clip=short&model=tiny",
    "Explore": "/Explore?clip=short&model=tinydam&method=directed",
    "Compare": "/Compare?clip=short&1.model=tiny&1.method=cam&2.model=tinydam&2.method=gradcam",
    "Evaluate": "/Evaluate",
    "Streams": "/Explore?clip=short&model=two&method=streams",
    "Prune": "/Prune?clip=short&model=two",
}
THEIRS = ["[data-testid=stFileUploaderDropzone]"]
"""What Streamlit draws and nobody can change: it calls the place to drop a file presentation, and gives it a name."""

SOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "aaaaaaaaaaaaaaaaaaaaaA=="}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    env = demo_made.surroundings(tmp_path_factory.mktemp("home"))
    streams_made.both(Path(env["ACTREC_CHECKPOINTS"]))
    return serve(ROOT / "app.py", env=env)


def answer(address: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """The status of a request's answer, and its headers; 101: a WebSocket is open."""
    asked = HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        asked.request("GET", path, headers=headers)
        found = asked.getresponse()
        return found.status, {name.lower(): value for name, value in found.getheaders()}
    finally:
        asked.close()


def test_requests_for_another_host_or_from_another_origin_are_refused(address: str) -> None:
    for path, more in (("/", {}), ("/Explore", {}), ("/_stcore/health", {}), ("/media/x", {}), ("/_stcore/stream", SOCKET)):
        assert answer(address, path, Host="evil.example", **more)[0] == 403
        for origin in ("http://evil.example", "http://localhost:1", "null"):
            assert answer(address, path, Origin=origin, **more)[0] == 403
    assert answer(address, "/_stcore/stream", Origin=address, **SOCKET)[0] == 101
    status, headers = answer(address, "/", Origin=address)
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_lives_with_its_policy(page: Page, address: str, path: str) -> None:
    against: list[str] = []
    page.on("console", lambda said: against.append(said.text) if "Content Security Policy" in said.text else None)
    open_page(page, address, path)
    if page.locator(".actrec").count():
        page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert not against


def test_the_space_bar_plays_before_anything_has_the_focus_and_not_where_a_button_has_it(page: Page, address: str) -> None:
    open_page(page, address, PAGES["Explore"])
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    page.keyboard.press("Space")
    page.locator(".actrec.running").wait_for(timeout=PATIENCE, state="attached")
    page.keyboard.press("Space")
    page.locator(".actrec:not(.running)").wait_for(timeout=PATIENCE, state="attached")
    page.locator('.st-key-ways button[aria-checked="true"]').focus()
    page.keyboard.press("Space")
    assert page.locator(".actrec.running").count() == 0


@pytest.mark.parametrize("path", [PAGES["Explore"], PAGES["Compare"]])
def test_the_first_stop_of_ours_leads_to_the_player_and_every_link_shows_the_focus(page: Page, address: str, path: str) -> None:
    open_page(page, address, path)
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    skip = page.locator(".st-key-skip button")
    for _ in ("Streamlit's link to the page's content", "the content, which scrolls", "ours"):
        page.keyboard.press("Tab")
    assert skip.evaluate("button => button.matches(':focus')")
    page.keyboard.press("Tab")
    link = page.locator(".st-key-topbar .stPageLink a").first
    assert link.evaluate("a => a.matches(':focus-visible') && getComputedStyle(a).outlineStyle") == "solid"
    skip.focus()
    page.keyboard.press("Enter")
    assert page.locator(".actrec").evaluate("player => player.matches(':focus')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_axe_finds_nothing(browser: Browser, address: str, path: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    open_page(page, address, path)
    if page.locator(".actrec").count():
        page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run({{ exclude: {THEIRS}, resultTypes: ['violations'] }})")["violations"]
    context.close()
    assert not [f"{v['id']}: {v['help']}: {node['target']} {node['html'][:120]}" for v in found for node in v["nodes"]]
