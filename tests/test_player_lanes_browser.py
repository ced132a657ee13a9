"""The player in a real Chromium: curves and maps on the time axis under it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from player_made import FPS, FRAMES, Screen, near

from actrec.draw.overlay import PALETTES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_tracks_show_names_units_ranges_and_the_value_at_the_playhead(still: Screen) -> None:
    track = still.page.locator(".track")
    assert track.nth(0).locator(".name").inner_text() == "Score"
    assert track.nth(1).locator(".unit").inner_text() == "grey levels"
    assert (track.nth(1).locator(".low").inner_text(), track.nth(1).locator(".high").inner_text()) == ("0", "3")
    still.goto(10)
    assert track.nth(0).locator(".now").inner_text() == "0.0909"
    assert track.nth(1).locator(".now").inner_text() == "–"


def lane_pixels(screen: Screen, lane: int) -> NDArray[np.uint8]:
    text = screen.page.locator(".track canvas").nth(lane).evaluate("canvas => canvas.toDataURL('image/png')")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(text.split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(picture[..., [2, 1, 0, 3]], np.uint8)


def test_curves_of_a_group_share_a_lane_a_scale_and_a_legend(marks: Screen) -> None:
    lanes = marks.page.locator(".track")
    assert [lanes.nth(i).locator(".name").inner_text() for i in range(lanes.count())] == ["left arm", "alone", "<b>head</b>"]
    assert lanes.nth(0).locator(".entry").all_inner_texts() == ["left_wrist", "left_elbow"]
    for group in (0, 2):  # of one unit: a curve is as high in one as in the other where it has the same value
        assert (lanes.nth(group).locator(".low").inner_text(), lanes.nth(group).locator(".high").inner_text()) == ("0", "8")
    assert not lanes.nth(1).locator(".series").is_visible()
    picture = lane_pixels(marks, 0)
    red, green = (near(picture[..., :3], colour) & (picture[..., 3] > 200) for colour in ((255, 0, 0), (0, 255, 0)))
    assert 0.55 < np.nonzero(red)[0].mean() / len(picture) < 0.7  # 3 of 8
    assert np.nonzero(green)[0].min() > 0.7 * len(picture)  # at most 1.875 of 8
    marks.goto(44)
    assert lanes.nth(0).locator(".now").inner_text() == "left_wrist 3"
    assert lanes.nth(2).locator(".now").inner_text() == "<i>nose</i> 7"


def test_a_map_has_a_row_for_every_curve_and_a_cell_for_every_step(marks: Screen) -> None:
    marks.page.get_by_role("button", name="Map").click()
    lane = marks.page.locator(".track").nth(0)
    assert lane.locator(".row-name").all_inner_texts() == ["left_wrist", "left_elbow"]
    assert " ".join(lane.locator(".ramp").inner_text().split()) == "0 8"  # one scale with the other group of this unit
    picture, width = lane_pixels(marks, 0), marks.page.locator(".over").evaluate("node => node.clientWidth")
    assert len(picture) == 22

    def colour(frame: float, row: int) -> NDArray[np.uint8]:
        return picture[11 * row + 5, int(5 + frame / FRAMES * (width - 10))]

    for frame, k in ((40.2, 0), (43.8, 0), (44.2, 1), (47.8, 1), (52.2, 3), (71.8, 7)):
        assert near(colour(frame, 0)[:3], PALETTES["inferno"][round(255 * 3 / 8)], 3)
        assert near(colour(frame, 1)[:3], PALETTES["inferno"][round(255 * (1 + k / 8) / 8)], 3)
    for frame, row in ((48.2, 1), (51.8, 1), (39.5, 0), (72.5, 0)):  # where nothing is known, and outside the window
        assert colour(frame, row)[3] < 60
    assert lane_pixels(marks, 1).shape[0] == 40, "a curve alone stays a curve"


def test_the_pointer_reads_the_row_or_the_curve_under_it(marks: Screen) -> None:
    page, lane = marks.page, marks.page.locator(".track").nth(0)
    for mode, high, low in (("Curves", 0.05, 0.9), ("Map", 0.25, 0.75)):
        page.get_by_role("button", name=mode).click()
        box = lane.locator("canvas").bounding_box()
        assert box
        read = []
        for height in (high, low):
            page.mouse.move(box["x"] + 5 + 56.5 / FRAMES * (box["width"] - 10), box["y"] + height * box["height"])
            read.append(lane.locator(".now").inner_text())
        assert read == ["left_wrist 3", "left_elbow 1.5"]
    page.mouse.move(5, 5)


def test_the_map_scrubs_and_outlives_a_rerun_and_new_evidence(page: Page, address: str) -> None:
    screen = Screen(page, address, "marks")
    page.get_by_role("button", name="Map").click()
    assert screen.frame() == 0, "the button is no place on the time axis"
    box = page.locator(".track canvas").nth(0).bounding_box()
    assert box
    page.mouse.click(box["x"] + 5 + 60.5 / FRAMES * (box["width"] - 10), box["y"] + 5)
    screen.frame(60)
    page.get_by_text("flip").click()
    screen.said(frame=60)
    page.locator(".window").focus()
    page.keyboard.press("ArrowLeft")
    assert screen.said(asked=pytest.approx(39 / FPS))["asked"] == pytest.approx(39 / FPS), "the window still moves"
    assert page.get_by_role("button", name="Map").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="Curves").get_attribute("aria-pressed") == "false"
    assert page.locator(".track.map").count() == 2


def test_names_from_outside_stay_text(marks: Screen) -> None:
    assert marks.root.evaluate("root => root.querySelectorAll('i:not(.window i), u, .track b').length") == 0
    assert marks.page.locator(".track").nth(2).locator(".entry").inner_text() == "<i>nose</i>"
