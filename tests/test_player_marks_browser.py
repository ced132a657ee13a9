"""The player in a real Chromium: places, arrows and skeletons, checked on the pixels of its canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from player_made import HEIGHT, WIDTH, WINDOW, Screen, near

from actrec.draw.marks import BETWEEN
from actrec.draw.overlay import PALETTES
from actrec.inputs.pose.body import COLOURS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def hide(screen: Screen, *names: str) -> None:
    for name in names:
        screen.page.locator(f".{name}").uncheck()


def dots(screen: Screen, *places: tuple[float, float]) -> list[bool]:
    """Which of these places have something drawn on them."""
    added = screen.added()
    return [bool(added[int(y), int(x)] > 0) for x, y in places]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def test_a_place_is_drawn_where_it_is_and_fainter_the_further_its_frame(marks: Screen) -> None:
    hide(marks, "arrows", "bones")
    seen = {}
    for frame in (44, 47, 48, 51, 52, 55, 56):
        marks.goto(frame)
        seen[frame] = marks.added()
    at = {frame: added[160, 200] for frame, added in seen.items()}
    assert at[48] == pytest.approx(at[51], abs=9)  # on every source frame of its step
    assert at[52] == pytest.approx(at[48] / 3, rel=0.1)  # a quarter of it is read from there, three quarters from the step before
    assert (at[44], at[47], at[56]) == (0, 0, 0)
    rows, columns = np.nonzero(seen[52] > 20)  # nothing else lies on this step
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((160.5, 200.5), abs=0.6)
    assert max(np.ptp(rows), np.ptp(columns)) < 22


def test_area_and_colour_of_a_place_go_with_its_score(marks: Screen) -> None:
    hide(marks, "arrows", "bones")
    areas = []
    for frame, (x, y), share in ((48, (120, 150), 1.0), (60, (260, 150), 0.25)):
        marks.goto(frame)
        colour = PALETTES["inferno"][round(255 * share)]
        patch = marks.picture()[y - 14 : y + 14, x - 14 : x + 14]
        assert near(patch, colour)[14, 14]
        areas.append(near(patch, colour, 40).sum())
    assert 3 < areas[0] / areas[1] < 5.5  # a quarter of the score, a quarter of the area; less what the edges take
    marks.page.locator(".palette").select_option("viridis")
    assert near(marks.picture()[150:151, 260:261], PALETTES["viridis"][64]).all()


def test_threshold_and_strongest_leave_places_out_without_asking_the_server(marks: Screen) -> None:
    hide(marks, "arrows", "bones")
    row = [(70 + 12 * i, 230) for i in range(20)]
    marks.goto(64)
    before = marks.said(frame=64)["runs"]
    assert dots(marks, *row) == [True] * 20
    marks.page.locator(".strongest").select_option("16")
    assert dots(marks, *row) == [True] * 13 + [False] * 7  # three are stronger, and on other frames
    marks.page.locator(".strongest").select_option("all")
    marks.page.locator(".threshold").fill("0.21")
    assert dots(marks, *row) == [False] * 20
    marks.page.locator(".threshold").fill("0.19")
    assert dots(marks, *row) == [True] * 20
    hide(marks, "dots")
    assert dots(marks, *row) == [False] * 20
    assert marks.said()["runs"] == before


def test_an_arrow_runs_from_where_a_place_would_be_to_where_it_is(marks: Screen) -> None:
    hide(marks, "bones", "dots")
    marks.goto(48)
    added = marks.added()
    along = [added[round(180 - 30 * share) - 1 : round(180 - 30 * share) + 2, round(180 - 60 * share)].max() for share in np.linspace(0.05, 0.95, 19)]
    assert min(along) > 60
    assert marks.picture()[163:168, 150].max(0).min() > 200, "the arrow is light"
    columns = np.nonzero(added)[1]
    assert (columns.min(), columns.max()) == (pytest.approx(119, abs=3), pytest.approx(181, abs=3))
    wide = [np.count_nonzero(added[130:200, x]) for x in (124, 150, 176)]
    assert wide[0] > wide[1] + 2, "its head is where the place is"
    assert wide[2] <= wide[1] + 2
    hide(marks, "arrows")
    assert marks.added().max() == 0


def test_a_skeleton_is_drawn_on_its_frame_and_faint_on_those_it_stands_for(marks: Screen) -> None:
    hide(marks, "dots", "arrows")
    marks.goto(44)
    bone = marks.picture()[140, 174].astype(int)  # half-way from shoulder to elbow at step 1
    assert np.abs(bone - rgb(COLOURS["left arm"])).max() < 45
    full = marks.added()
    assert full[160, 194] > 0
    marks.goto(46)
    assert marks.added()[140, 174] == pytest.approx(BETWEEN * full[140, 174], rel=0.25)
    marks.goto(48)
    assert marks.added()[160, 194] == 0, "it has moved on"
    assert marks.added()[160, 198] > 0
    marks.goto(WINDOW[0] - 1)
    assert marks.added()[130:190, 140:230].std() < 30, "no joints are known outside the window"


def test_joints_are_coloured_by_score_and_hollow_without_one(marks: Screen) -> None:
    hide(marks, "dots", "arrows")
    marks.goto(40)
    picture = marks.picture()
    for (x, y), share in (((150, 140), 0.5), ((190, 140), 1.0), ((190, 180), 0.25)):
        assert near(picture[y - 1 : y + 1, x - 1 : x + 1], PALETTES["inferno"][round(255 * share)], 20).all()
    added = marks.added()
    assert added[40, 120] == 0
    assert added[34:47, 114:127].max() > 60


def test_a_bone_needs_both_its_joints_and_a_doubtful_one_is_faint(marks: Screen) -> None:
    hide(marks, "dots", "arrows")
    marks.goto(64)
    sure = marks.added()
    marks.goto(68)
    added = marks.added()
    assert sure[165, 190 + 24] > 0
    assert added[150:200, 205:235].max() == 0
    assert 0 < added[140, 170 + 28] < 0.5 * sure[140, 170 + 24]


def test_with_joints_on_every_frame_the_skeleton_follows_at_full_strength(page: Page, address: str) -> None:
    screen = Screen(page, address, "every")
    assert not page.locator(".dots").is_visible()
    seen = []
    for frame in (44, 45, 47):
        screen.goto(frame)
        picture = screen.picture()
        seen.append(screen.added()[140, 120 + frame])
        assert near(picture[139:141, 139 + frame : 141 + frame], PALETTES["inferno"][255], 20).all(), "the elbow has the score of its step"
    assert seen[1:] == pytest.approx([seen[0]] * 2, rel=0.1)
    screen.goto(20)
    assert np.abs(screen.picture()[140, 140].astype(int) - rgb(COLOURS["left arm"])).max() < 45, "known outside the window too"


def test_the_pointer_reads_places_and_joints(marks: Screen) -> None:
    page, here = marks.page, marks.page.locator(".here")
    marks.goto(48)
    box = page.locator(".picture").bounding_box()
    assert box

    def over(x: float, y: float) -> list[str]:
        page.mouse.move(box["x"] + x * box["width"] / WIDTH, box["y"] + y * box["height"] / HEIGHT)
        return here.inner_text().split("\n")

    assert over(121, 151)[1:] == ["0.04 attention · 1.920 s · offset 67.1 px, −0.5 steps"]
    assert over(200, 160)[1:] == ["0.04 attention · 1.960 s · offset 0 px, +0.5 steps"]
    assert over(197, 140)[1:] == ["left_elbow · 1 attention"]
    assert over(120, 41)[1:] == ["<i>nose</i> · no score"]
    assert len(over(250, 90)) == 1
    hide(marks, "bones", "dots", "arrows")
    assert len(over(120, 41)) == len(over(121, 151)) == 1


def test_what_dots_stand_for_is_said_under_the_picture(marks: Screen) -> None:
    said = marks.page.locator(".key > span").all_inner_texts()
    assert [" ".join(text.split()) for text in said] == ["<u>Chosen</u> 0.01 0.04 attention", "Joints 0 0.5 1 attention no score"]
    hide(marks, "bones")
    assert marks.page.locator(".key > span").count() == 1
