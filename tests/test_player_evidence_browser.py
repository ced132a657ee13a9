"""The player in a real Chromium: maps are drawn where their cells are, checked on the pixels of its canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from player_made import BOX, CELLS, FRAMES, HEIGHT, SEEN, WIDTH, WINDOW, Screen, expected_place

from actrec.core.evidence import Heat
from actrec.core.look import Look
from actrec.draw.overlay import draw

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

STEP = 60
"""Milliseconds from one step of a slow hand on a slider to the next."""


@pytest.mark.parametrize("look", [Look(), Look("viridis", "purple-green", 0.5, 0.4), Look(scale="frame")], ids=["as it is", "changed", "by step"])
@pytest.mark.parametrize("which", ["hot", "both", "holes"])
def test_the_player_draws_what_the_saved_video_shows(still: Screen, which: str, look: Look) -> None:
    still.page.locator(".which").select_option(label=which)
    signed = which == "both"
    if signed:
        still.page.locator(".diverging").select_option(look.diverging)
    else:
        still.page.locator(".palette").select_option(look.palette)
    if look != Look():  # else as the player opens
        still.page.locator(".opacity").fill(str(look.opacity))
        still.page.locator(".threshold").fill(str(look.threshold))
        still.page.locator(".scaling").select_option(look.scale)
    values = np.zeros((4, 8, 8), np.float32)
    for k, (r, c) in enumerate(CELLS):
        values[k, r, c] = 2.5
        values[k, 3, 4] = -2.5 if signed else 0
    if which == "holes":
        values[:, 2:5, 2:5] = np.nan
        values[:, 5, :] = np.linspace(-1, 2.5, 8)
    heat = Heat(which, values, "logit", BOX, SEEN, np.stack([np.arange(40, 72, 8), np.arange(48, 80, 8)], 1), signed)
    for step in (0, 1, 3):
        still.goto(WINDOW[0] + 8 * step + 3)
        shown = still.picture().astype(int)
        still.press("h")
        saved = draw(still.picture(), heat, step, (HEIGHT, WIDTH), look).astype(int)
        still.press("h")
        inside = np.abs(shown - saved)[1:-1, int(SEEN[0]) + 1 : int(SEEN[2]) - 1].max(2)
        assert np.quantile(inside, 0.99) <= 3
        assert (inside > 12).mean() < 0.002  # pixels right at the edge a threshold cuts


def test_a_threshold_cuts_the_interpolated_values(still: Screen) -> None:
    still.goto(WINDOW[0] + 1)
    still.page.locator(".threshold").fill("0.5")
    x, y = (int(v) for v in expected_place(0))
    row = still.added()[y]
    assert row[x + 12 : x + 14].min() > 0
    assert row[x + 19 : x + 34].max() == 0


def test_noise_draws_nothing_and_says_so(still: Screen) -> None:
    still.page.locator(".which").select_option(label="pale")
    still.goto(WINDOW[0] + 1)
    assert still.added().max() == 0
    assert "no evidence" in still.page.locator(".caption").inner_text()
    assert still.page.locator(".note").inner_text() == "No evidence"
    assert still.page.locator(".ticks span").count() == 0


def test_zero_of_a_signed_map_is_transparent_and_the_signs_differ(still: Screen) -> None:
    still.page.locator(".which").select_option(label="both")
    still.goto(WINDOW[0] + 1)
    added = still.added()
    assert added[150].max() == 0
    frame = still.picture().astype(float)
    x, y = (int(v) for v in expected_place(0))
    red, blue = frame[y, x], frame[112, 192]  # the negative cell (3, 4): x = 48 + 4.5 · 32, y = −16 + 3.5 · 32
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert still.page.locator(".ticks span").all_inner_texts() == ["−2.5", "0", "2.5"]


def test_frames_outside_the_window_are_marked(still: Screen) -> None:
    for frame in (0, WINDOW[0] - 1, WINDOW[1], FRAMES - 1):
        still.goto(frame)
        assert still.page.locator(".note").inner_text() == "The model did not look at this frame"
        assert still.page.locator(".pane").get_attribute("data-step") == "-1"
        assert still.number() == frame
    for frame, step in ((WINDOW[0], 0), (WINDOW[0] + 7, 0), (WINDOW[0] + 8, 1), (WINDOW[1] - 1, 3)):
        still.goto(frame)
        assert still.page.locator(".pane").get_attribute("data-step") == str(step)


def test_palette_opacity_threshold_and_scale_ask_the_server_nothing(page: Page, address: str) -> None:
    screen = Screen(page, address, "two")
    screen.goto(WINDOW[0] + 1)
    before, first = screen.said()["runs"], screen.picture()
    page.locator(".palette").select_option("viridis")
    changed = screen.picture()
    page.locator(".opacity").fill("0.3")
    page.locator(".threshold").fill("0.2")
    page.locator(".smooth").uncheck()
    page.locator(".scaling").select_option("shared")
    assert screen.said()["runs"] == before
    assert np.abs(first.astype(int) - changed).max() > 20
    assert page.locator(".pane").nth(1).locator(".ticks span").all_inner_texts() == ["0", "1.25", "2.5"]
    page.locator(".scaling").select_option("clip")
    assert page.locator(".pane").nth(1).locator(".ticks span").all_inner_texts() == ["0", "0.25", "0.5"]


def test_a_page_that_keeps_the_look_is_told_once_when_the_reader_lets_go(page: Page, address: str) -> None:
    screen = Screen(page, address, "dressed")
    assert page.locator(".palette").input_value() == "viridis"
    before = screen.said()["runs"]
    slider = page.locator(".opacity")
    for value in range(80, 20, -5):  # a drag: it goes on for longer than the player waits
        slider.evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value / 100)
        page.wait_for_timeout(STEP)
    assert screen.said()["runs"] == before, "the hand is still on it"
    slider.evaluate("node => node.dispatchEvent(new Event('change'))")
    said = screen.said(runs=before + 1)
    assert said["look"] == Look("viridis", opacity=0.25).to_json()
    page.locator(".threshold").fill("0.1")
    page.locator(".palette").select_option("cividis")
    assert screen.said(runs=before + 2)["look"] == Look("cividis", opacity=0.25, threshold=0.1).to_json()
    screen.goto(50)
    said = screen.said(frame=50)
    assert said["look"] == Look("cividis", opacity=0.25, threshold=0.1, moment=2.0).to_json()
    page.get_by_text("flip").click()
    assert screen.said(runs=said["runs"] + 1)["look"] == said["look"]
    assert (screen.frame(), slider.input_value(), page.locator(".palette").input_value()) == (50, "0.25", "cividis")


def test_a_click_picks_the_source_pixel_under_it(hot: Screen) -> None:
    hot.goto(WINDOW[0] + 1)
    for picks, page_width in enumerate((1280, 420), 1):  # shown as it is, and shrunk
        hot.page.set_viewport_size({"width": page_width, "height": 900})
        hot.steady()
        hot.said()  # the frame is told, too: nothing else is on its way when the click is
        picture = hot.page.locator(".picture")
        box = picture.bounding_box()
        assert box
        x, y = 301.5, 77.5
        picture.click(position={"x": x * box["width"] / WIDTH, "y": y * box["height"] / HEIGHT})
        frame, got_x, got_y = hot.said(picks=picks)["pick"]
        assert frame == WINDOW[0] + 1
        assert (got_x, got_y) == pytest.approx((x, y), abs=1)


def test_text_from_outside_stays_text(still: Screen) -> None:
    assert still.page.locator(".title").inner_text() == "<b>DAM</b>"


@pytest.mark.parametrize("step", range(4))
def test_evidence_is_drawn_where_its_cell_is(still: Screen, step: int) -> None:
    still.goto(WINDOW[0] + 8 * step + 3)
    added = still.added()
    rows, columns = np.nonzero(added > 0.93 * added.max())
    (x, y), (r, c) = expected_place(step), CELLS[step]
    left, right = x - 8 if c else SEEN[0], x + 8 if c < 7 else SEEN[2]  # behind the outermost centre the cell goes on to the edge
    above, below = y - 8 if r else SEEN[1], y + 8 if r < 7 else SEEN[3]
    assert left <= columns.min() + 0.5 <= columns.max() + 0.5 <= right
    assert above <= rows.min() + 0.5 <= rows.max() + 0.5 <= below
    assert min(np.hypot(rows + 0.5 - y, columns + 0.5 - x)) < 3
