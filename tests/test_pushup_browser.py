"""Start to end in the real app: a filmed push-up and its file of joints are uploaded, predicted, looked at in both views, mended and saved."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import demo_made
import numpy as np
import pytest
from conftest import ROOT, Serve
from pages_made import PATIENCE, open_page, settle, way

from actrec.clips import mannequin, video
from actrec.inputs import pose

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PUSHUPS = ROOT.parent / "shared" / "data" / "pushups"


@dataclass(frozen=True)
class Brought:
    """What the reader has at hand: a clip, its joints in MediaPipe's layout, and how many frames they are of."""

    clip: Path
    joints: Path
    frames: int


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Brought:
    """A filmed push-up where there is one, else a mannequin that squats."""
    clip, joints = PUSHUPS / "correct" / "correct10.mp4", PUSHUPS / "joints" / "correct10.npz"
    if clip.is_file() and joints.is_file():
        return Brought(clip, joints, video.probe(clip).frames)
    folder = tmp_path_factory.mktemp("brought")
    made = mannequin.render("squat", 7, frames=40, truth=False)
    video.write(folder / "squat.mp4", made.frames, 25.0)
    found = pose.Joints(made.joints[None], pose.layout("coco17"), np.arange(40)).convert(pose.layout("mediapipe33"))
    pose.write(folder / "squat.npz", found)
    return Brought(folder / "squat.mp4", folder / "squat.npz", 40)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    home = tmp_path_factory.mktemp("home")
    return serve(ROOT / "app.py", env=demo_made.surroundings(home))


def upload(page: Page, within: str, file: Path) -> None:
    page.locator(f'{within} [data-testid="stFileUploaderDropzoneInput"]').first.set_input_files(file)


def test_a_push_up_and_its_joints_from_upload_to_saved_figures(page: Page, address: str, brought: Brought, tmp_path: Path) -> None:
    open_page(page, address, "/?model=deform-pushups")
    upload(page, "", brought.clip)
    page.locator(f'.st-key-gallery button[data-id="{brought.clip.name}"]').wait_for(timeout=PATIENCE)
    settle(page)
    assert page.locator(".st-key-top button").count() == 2
    page.get_by_role("link", name="Explore: where did it look?").click()
    page.wait_for_url("**/Explore?**", timeout=PATIENCE)
    settle(page)
    assert "no joints were given" in page.locator(".st-key-claim").inner_text()

    page.locator(".st-key-joints-panel summary").click()
    upload(page, ".st-key-joints-panel", brought.joints)
    page.wait_for_url("**joints=**", timeout=PATIENCE)
    settle(page)
    panel = page.locator(".st-key-joints-panel").inner_text()
    assert f"{brought.frames} frames of 1 person in mediapipe33, as many as the clip" in panel
    assert "no joints were given" not in page.locator(".st-key-claim").inner_text()
    assert page.locator(".st-key-bars button").count() == 2

    way(page, "tokens")
    claim = page.locator(".st-key-claim").inner_text()
    assert "of the attention goes to the" in claim
    assert "the person" in claim, "the joints outline the person that the tokens are held against"
    assert page.locator(".st-key-cloud .js-plotly-plot").count() == 1

    way(page, "joint-stride")
    claim = page.locator(".st-key-claim").inner_text()
    assert re.search(r"gives most attention to the [a-z ]+: \d+\.\d\s% over all frames \(an even spread would give \d+\.\d\s%\)", claim)
    assert "rank correlation of attention and speed" in claim
    lanes = page.locator(".actrec .track").count()
    assert lanes >= 2 + 5, "head, arms and legs beside the map's mass and the motion"

    before = claim
    page.get_by_label("Offset in frames").fill("3")
    page.get_by_label("Offset in frames").press("Enter")
    page.wait_for_url(re.compile("joints=[^&]*offset"), timeout=PATIENCE)
    settle(page)
    assert "moved by +3 frames" in page.locator(".st-key-joints-panel").inner_text()
    assert page.locator(".st-key-claim").inner_text() != before

    page.get_by_role("button", name="Make the files").click()
    saved = {}
    for title, ending in (("Joints (PNG)", ".png"), ("Matrix (SVG)", ".svg"), ("Provenance (json)", ".json"), ("Curves (csv)", ".csv")):
        button = page.get_by_role("button", name=title)
        button.wait_for(timeout=PATIENCE)
        with page.expect_download(timeout=PATIENCE) as download:
            button.click()
        saved[title] = tmp_path / f"file{ending}"
        download.value.save_as(saved[title])
    assert saved["Joints (PNG)"].read_bytes().startswith(b"\x89PNG")
    told = json.loads(saved["Provenance (json)"].read_text(encoding="utf-8"))
    assert told["run"]["joints"]["layout"] == "mediapipe33"
    assert "moved by +3 frames" in told["run"]["joints"]["fit"]
    assert "left arm: left_wrist" in saved["Curves (csv)"].read_text(encoding="utf-8")


def test_hiding_a_limb_moves_the_score_and_stands_in_the_link(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=throw_ball&model=deform-mannequin&method=joint-stride")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Run it again without each joint and limb").click()
    page.locator(".st-key-effects .js-plotly-plot").wait_for(timeout=PATIENCE)
    settle(page)
    assert page.get_by_text(re.compile(r"Without any joints the logit of “\w+” goes from −?\d+\.\d+ to −?\d+\.\d+ \(probability")).count() == 1
    page.get_by_role("combobox", name="Hide from the model").click()
    page.get_by_role("option", name="right arm").click()
    page.wait_for_url("**hide=right**", timeout=PATIENCE)
    settle(page)
    assert "Hidden from the model: right arm." in page.locator(".st-key-claim").inner_text()
    assert "--hide 'right arm'" in page.locator('[data-testid="stCode"]').inner_text()


def test_what_the_windows_save_is_counted_on_this_clip(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=throw_ball&model=deform-mannequin&method=temporal-stride")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Count and measure it on this clip").click()
    page.get_by_text(re.compile("Windows relate [0-9,]+ pairs of tokens instead of")).wait_for(timeout=PATIENCE)
    assert page.get_by_text("block 2, temporal stride attention").count() == 1


def test_a_clicked_place_asks_for_its_own_tokens(page: Page, address: str) -> None:
    open_page(page, address, "/Explore?clip=throw_ball&model=deform-mannequin&method=tokens&knob.query=place")
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator(".actrec .picture").count() == 1
    page.locator(".actrec .picture").click()
    page.wait_for_url("**at=**", timeout=PATIENCE)
    settle(page)
    assert "The picked place attends most to block 2" in page.locator(".st-key-claim").inner_text()
    assert page.locator('[data-testid="stAlert"]').count() == 0
