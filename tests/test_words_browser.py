"""Start to end in the real app: a filmed clip, pictures and differences, visual words clicked, the shift turned off, all of it saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import demo_made
import pytest
from conftest import ROOT, Serve
from pages_made import PATIENCE, claim, filmed, open_page, settle, stream, way

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filmed("wave_two_hands", "wave", tmp_path_factory.mktemp("brought"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    return serve(ROOT / "app.py", env=demo_made.surroundings(tmp_path_factory.mktemp("home")))


def kept(page: Page, titles: list[str], folder: Path) -> None:
    """Make the files, and take some of them down."""
    page.get_by_role("button", name="Make the files").click()
    for title in titles:
        button = page.get_by_role("button", name=title)
        button.wait_for(timeout=PATIENCE)
        with page.expect_download(timeout=PATIENCE) as download:
            button.click()
        download.value.save_as(folder / "file.png")
        assert (folder / "file.png").read_bytes().startswith(b"\x89PNG")


def test_a_filmed_clip_from_both_streams_to_one_word_and_a_network_without_its_shift(page: Page, address: str, brought: Path, tmp_path: Path) -> None:
    open_page(page, address, "/?model=tsm-vlad-weizmann")
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(brought)
    page.locator(f'.st-key-gallery button[data-id="{brought.name}"]').wait_for(timeout=PATIENCE)
    settle(page)
    page.get_by_role("link", name="Explore: where did it look?").click()
    page.wait_for_url("**/Explore?**", timeout=PATIENCE)
    settle(page)
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    titles = [text.strip() for text in page.locator(".actrec .title").all_inner_texts()][:2]
    assert titles == ["Exact map of the pictures", "Exact map of the differences"]
    assert "the differences alone give it" in claim(page)

    stream(page, "Pictures alone", "rgb")
    assert re.search(r"The \d+ visual words and the bias, −?[\d.]+, add up to the logit", claim(page))
    bars = page.locator(".st-key-terms-all .barlayer .point path")
    assert bars.count() >= 10
    bars.nth(0).click(force=True)
    page.wait_for_url("**knob.word=**", timeout=PATIENCE)
    settle(page)
    word = re.search(r"knob\.word=(\d+)", page.url)
    assert word is not None
    assert f"Word {word[1]} speaks" in claim(page)
    page.get_by_role("button", name="Look for each word’s places").click()
    page.locator(f".st-key-word{int(word[1]) - 1} button").first.wait_for(timeout=PATIENCE)
    settle(page)
    assert page.locator(f".st-key-word{int(word[1]) - 1} button").count() == 8
    kept(page, ["Parts of the score (PNG)", "Figure (PNG)"], tmp_path)

    way(page, "shift")
    assert "With the shift turned off in all units" in claim(page)
    assert [text.strip() for text in page.locator(".actrec .title").all_inner_texts()][:2] == [
        "Exact map, as it is",
        "Exact map, shift off in all units",
    ]
    page.get_by_text("How the shift is wired").or_(page.get_by_text("The shift changes nothing")).first.wait_for(timeout=PATIENCE)

    stream(page, "Differences alone", "difference")
    way(page, "difference")
    assert "brightness" in claim(page)
    assert page.locator('[data-testid="stAlert"]').count() == 0
    kept(page, ["Figure (PNG)"], tmp_path)
