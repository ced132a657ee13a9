"""Start to end in the real app: a filmed clip is uploaded, seen by two streams, its motion looked at, a place picked, and everything saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import demo_made
import numpy as np
import pytest
from conftest import ROOT, Serve
from pages_made import PATIENCE, claim, filmed, open_page, settle, stream, way

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filmed("jumping_jack", "jumping_jack", tmp_path_factory.mktemp("brought"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    return serve(ROOT / "app.py", env=demo_made.surroundings(tmp_path_factory.mktemp("home")))


def test_a_filmed_clip_from_upload_to_what_each_stream_saw(page: Page, address: str, brought: Path, tmp_path: Path) -> None:
    open_page(page, address, "/?model=tst-weizmann")
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(brought)
    page.locator(f'.st-key-gallery button[data-id="{brought.name}"]').wait_for(timeout=PATIENCE)
    settle(page)
    assert page.locator(".st-key-top button").count() == 5
    page.get_by_role("link", name="Explore: where did it look?").click()
    page.wait_for_url("**/Explore?**", timeout=PATIENCE)
    settle(page)

    assert "method=streams" in page.url or page.locator('.st-key-ways button[data-id="streams"][aria-pressed="true"]').count() == 1
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert [text.strip() for text in page.locator(".actrec .title").all_inner_texts()][:2] == ["CAM of the pictures", "CAM of the flow"]
    shares = re.search(r"the pictures alone give it (\d+\.\d) % and the flow alone gives it (\d+\.\d) %", claim(page))
    together = re.search(r"Together the streams give this class (\d+\.\d) %", claim(page))
    assert shares is not None
    assert together is not None
    assert float(together[1]) == pytest.approx(np.mean([float(share) for share in shares.groups()]), abs=0.11)

    stream(page, "Flow alone", "flow")
    way(page, "flow")
    assert "On average a place moves" in claim(page)
    assert page.locator(".actrec .wheel").count() == 1
    assert page.locator(".actrec .track").count() >= 3, "motion of everything, of the camera, and the camera's share"

    page.get_by_role("button", name="Make the files").click()
    for title, start in (("Optical flow (PNG)", b"\x89PNG"), ("Figure (PNG)", b"\x89PNG")):
        button = page.get_by_role("button", name=title)
        button.wait_for(timeout=PATIENCE)
        with page.expect_download(timeout=PATIENCE) as download:
            button.click()
        download.value.save_as(tmp_path / "file.png")
        assert (tmp_path / "file.png").read_bytes().startswith(start)


def test_a_clicked_place_tells_how_far_its_attention_reaches_and_what_the_block_adds(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=sit_down&model=tpnlst-mannequin:flow&method=directed")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    before = claim(page)
    page.locator(".actrec .picture").first.click(position={"x": 150, "y": 150})
    page.wait_for_url("**at=**", timeout=PATIENCE)
    settle(page)
    after = claim(page)
    assert after != before
    assert "source pixels" in after
    assert "even spread" in after
    assert "With this block turned off" in after
    assert page.locator('[data-testid="stAlert"]').count() == 0
