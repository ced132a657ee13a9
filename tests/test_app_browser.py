"""The app in a real Chromium: every clip opens, predicts and explains; hands, links, narrow screens, work that is stopped, files that go."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import clips_made
import demo_made
import pytest
from conftest import ROOT, Serve
from pages_made import PATIENCE, open_page, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

REAL = ROOT.parent / "shared" / "data" / "clips"
SUFFIXES = (".mp4", ".avi", ".gif")
CLIPS = sorted(p for p in (REAL if REAL.is_dir() else ROOT / "assets" / "clips").iterdir() if p.suffix in SUFFIXES)
ALWAYS = 3
"""Clips that every run opens; the rest is marked slow."""

GONE, GLANCE = 30, 0.2
"""Seconds within which the server must have noticed that a reader has gone, and from one look at its folder to the next."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path, serve: Serve) -> str:
    variables = dict(demo_made.surroundings(home))
    (home / "tmp").mkdir()
    folders = [variables["ACTREC_CLIPS"], *([str(REAL)] if REAL.is_dir() else [])]
    return serve(ROOT / "app.py", env=variables | {"ACTREC_CLIPS": ":".join(folders), "TMPDIR": str(home / "tmp")})


def bar(page: Page, label: str) -> Locator:
    return page.locator(f'.st-key-bars button[data-id="{label}"]')


@pytest.mark.parametrize("clip", [pytest.param(c, id=c.name, marks=[pytest.mark.slow] * (i >= ALWAYS)) for i, c in enumerate(CLIPS)])
def test_a_clip_opens_predicts_and_explains(page: Page, address: str, clip: Path) -> None:
    open_page(page, address, f"/Explore?clip={clip.stem}&model=tiny")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator('[data-testid="stAlert"]').count() == 0
    assert page.locator(".st-key-bars button").count() == 5
    assert page.locator(".st-key-strip button").count() == 8
    assert len(page.locator(".st-key-claim").inner_text()) > 40
    assert page.locator(".actrec .picture").count() == 1
    assert re.search(r"[?&]clip=", page.url)


def test_home_goes_from_a_clip_and_a_model_to_the_five_most_probable_classes_and_on(page: Page, address: str) -> None:
    open_page(page, address)
    page.locator('.st-key-gallery button[data-id="short"]').click()
    settle(page)
    page.locator('.st-key-models button[data-id="tinydam"]').click()
    settle(page)
    assert page.locator(".st-key-top button").count() == 5
    assert "clip=short" in page.url
    assert "model=tinydam" in page.url
    page.get_by_role("link", name="Explore: where did it look?").click()
    page.wait_for_url("**/Explore?**", timeout=PATIENCE)
    settle(page)
    assert "clip=short" in page.url
    assert "model=tinydam" in page.url
    assert page.locator('.actrec[data-ready="true"]').count() == 1


def test_a_click_explains_a_class_and_a_shift_click_holds_another_against_it_and_the_link_restores_both(
    page: Page, address: str, browser: Browser
) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny&label=run")
    names = [button.get_attribute("data-id") or "" for button in page.locator(".st-key-bars button").all()[:4]]
    first, second = [name for name in names if name != "run"][:2]
    bar(page, first).click()
    settle(page)
    assert bar(page, first).get_attribute("data-role") == "for"
    bar(page, second).click(modifiers=["Shift"])
    settle(page)
    assert bar(page, second).get_attribute("data-role") == "against"
    claim = page.locator(".st-key-claim").inner_text()
    assert f"“{first}” rather than “{second}”" in claim
    other = browser.new_page()
    open_page(other, address, page.url.removeprefix(address))
    assert other.locator(".st-key-claim").inner_text() == claim
    other.close()


def test_the_bars_and_the_ways_can_be_used_by_keyboard(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny&label=run")
    page.locator(".st-key-bars button").nth(1).focus()
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator(".st-key-bars button").nth(1).get_attribute("data-role") == "for"
    page.locator('.st-key-ways button[aria-checked="true"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator('.st-key-ways button[aria-checked="true"]').get_attribute("data-id") != "cam"


def test_a_way_that_does_not_fit_is_shown_with_its_reason_and_cannot_be_chosen(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny")
    way = page.locator('.st-key-ways button[data-id="directed"]')
    assert way.get_attribute("aria-disabled") == "true"
    assert "Does not fit" in way.inner_text()
    way.click(force=True)
    settle(page)
    assert "method=directed" not in page.url


def test_a_picked_place_is_related_to_the_clip_in_two_pictures_and_stands_in_the_link(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=short&model=tinydam&method=directed")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator(".actrec .picture").count() == 2
    page.locator(".actrec .picture").first.click()
    page.wait_for_url("**at=**", timeout=PATIENCE)
    settle(page)
    assert page.locator(".actrec .picture").count() == 2
    assert page.locator('[data-testid="stAlert"]').count() == 0


def test_a_frame_of_the_strip_is_shown_in_the_player(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    page.locator(".st-key-strip button").nth(3).click()
    page.locator('.actrec[data-frame="6"]').wait_for(timeout=PATIENCE, state="attached")


def test_labels_and_file_names_stay_text(page: Page, address: str, home: Path) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny&label=wave+%3Cb%3Eone%3C%2Fb%3E+hand&versus=*jump*")
    assert "“wave <b>one</b> hand” rather than “*jump*”" in page.locator(".st-key-claim").inner_text()
    clips_made.clip(home / "![x](http:evil) _a_.mp4", 20)
    open_page(page, address)
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(home / "![x](http:evil) _a_.mp4")
    page.locator('.st-key-gallery button[data-id="![x](httpevil) _a_.mp4"]').wait_for(timeout=PATIENCE)
    settle(page)
    assert page.locator('[data-testid="stMarkdown"] img').count() == 0


def test_a_bad_upload_gets_one_sentence_and_changes_nothing(page: Page, address: str, home: Path) -> None:
    open_page(page, address, "/?clip=short&model=tiny")
    before = page.url
    (home / "song.mp4").write_bytes(b"RIFF....not a video at all")
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(home / "song.mp4")
    page.locator('[data-testid="stAlert"]').wait_for(timeout=PATIENCE)
    settle(page)
    assert page.locator('[data-testid="stAlert"]').count() == 1
    assert "song.mp4" in page.locator('[data-testid="stAlert"]').inner_text()
    assert page.url == before
    assert page.locator(".st-key-top button").count() == 5


def test_uploads_go_when_the_session_ends(browser: Browser, address: str, home: Path) -> None:
    page = browser.new_page()
    open_page(page, address)
    before = set((home / "tmp").glob("actrec-*"))
    clips_made.clip(home / "mine.mp4", 20)
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(home / "mine.mp4")
    page.locator('.st-key-gallery button[data-id="mine.mp4"]').wait_for(timeout=PATIENCE)
    settle(page)
    assert any((home / "tmp").rglob("mine.mp4"))
    page.close()
    end = time.monotonic() + GONE
    while any((home / "tmp").rglob("mine.mp4")) and time.monotonic() < end:
        time.sleep(GLANCE)
    assert not any((home / "tmp").rglob("mine.mp4"))
    assert set((home / "tmp").glob("actrec-*")) <= before


def test_the_files_of_a_view_can_be_downloaded(page: Page, address: str, tmp_path: Path) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny")
    page.get_by_role("button", name="Make the files").click()
    button = page.get_by_role("button", name="Figure (SVG)")
    button.wait_for(timeout=PATIENCE)
    with page.expect_download(timeout=PATIENCE) as download:
        button.click()
    download.value.save_as(tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text(encoding="utf-8")[:600]


def test_a_comparison_shows_its_answers_in_step_their_difference_and_the_agreement(page: Page, address: str) -> None:
    open_page(page, address, "/Compare?clip=short&1.model=tiny&1.method=cam&2.model=tinydam&2.method=gradcam")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator(".actrec .picture").count() == 2
    page.get_by_role("button", name="Add an answer").click()
    settle(page)
    assert "3.model=" in page.url
    assert page.locator(".actrec .picture").count() == 3
    assert page.get_by_role("table").count() == 1
    page.get_by_role("radio", name="A − B").click()
    page.wait_for_function("document.querySelectorAll('.actrec').length || true")
    settle(page)
    assert page.locator(".actrec .picture").count() == 4


@pytest.mark.parametrize("path", ["/?clip=short&model=tiny", "/Explore?clip=short&model=tiny", "/Compare?clip=short&1.model=tiny&2.model=tinydam"])
def test_a_narrow_screen_cuts_nothing_off(page: Page, address: str, path: str) -> None:
    page.set_viewport_size({"width": 480, "height": 900})
    open_page(page, address, path)
    wide = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stMain], [data-testid=stMain] *')].some(e => e.getBoundingClientRect().right > 481)"
    )
    assert not wide


def shown_look(page: Page) -> tuple[str, ...]:
    """What the player's controls say, and its frame."""
    values = [page.locator(f".actrec .{name}").input_value() for name in ("diverging", "opacity", "threshold")]
    return (*values, page.locator(".actrec").get_attribute("data-frame") or "")


def test_a_look_stands_in_the_address_and_in_what_is_saved(page: Page, address: str, browser: Browser, tmp_path: Path) -> None:
    open_page(page, address, "/Explore?clip=short&model=tiny")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert "look." not in page.url
    page.locator(".actrec .diverging").select_option("purple-green")
    page.locator(".actrec .threshold").fill("0.3")
    page.wait_for_url("**look.threshold=0.3**", timeout=PATIENCE)
    settle(page)
    page.locator(".actrec").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**look.moment=0.04**", timeout=PATIENCE)
    settle(page)
    assert shown_look(page) == ("purple-green", "0.8", "0.3", "1")
    assert "look.diverging=purple-green" in page.url
    assert "look.opacity" not in page.url, "what is as usual is not said"
    page.locator('.st-key-ways button[data-id="gradcam"]').click()
    page.wait_for_url("**method=gradcam**", timeout=PATIENCE)
    settle(page)
    assert shown_look(page) == ("purple-green", "0.8", "0.3", "1"), "another question keeps the look"
    other = browser.new_page()
    open_page(other, address, page.url.removeprefix(address))
    other.locator('.actrec[data-frame="1"]').wait_for(timeout=PATIENCE, state="attached")
    assert shown_look(other) == ("purple-green", "0.8", "0.3", "1")
    assert other.locator("code").last.inner_text().endswith("--diverging purple-green --threshold 0.3 --moment 0.04")
    other.get_by_role("button", name="Make the files").click()
    button = other.get_by_role("button", name="Provenance (json)")
    button.wait_for(timeout=PATIENCE)
    with other.expect_download(timeout=PATIENCE) as download:
        button.click()
    download.value.save_as(tmp_path / "provenance.json")
    told = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert told["look"] == {
        "palette": "inferno",
        "diverging": "purple-green",
        "opacity": 0.8,
        "threshold": 0.3,
        "scale": "clip",
        "moment": 0.04,
    }
    assert told["command"].endswith("--diverging purple-green --threshold 0.3 --moment 0.04")
    other.close()


def test_one_look_is_in_the_address_of_a_comparison(page: Page, address: str) -> None:
    open_page(page, address, "/Compare?clip=short&1.model=tiny&1.method=cam&2.model=tiny&2.method=gradcam&look.palette=cividis")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator(".actrec .palette").input_value() == "cividis"
    assert page.locator(".actrec .scaling").input_value() == "shared", "as in the figure of several answers"
    page.locator(".actrec .scaling").select_option("frame")
    page.wait_for_url("**look.scale=frame**", timeout=PATIENCE)
    settle(page)
    assert "look.palette=cividis" in page.url
    assert "--palette cividis --scale frame" in page.locator("code").last.inner_text()
