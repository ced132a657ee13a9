"""The player in a real Chromium: the frame it says is the frame it shows, while it plays, is scrubbed, and after new evidence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from player_made import BOX, FPS, FRAMES, WINDOW, Screen

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LISTEN = """root => {
  const canvases = [...root.querySelectorAll('.picture')], fields = 13;
  const number = c => {
    const row = c.getContext('2d').getImageData(0, Math.round(c.height * .375), c.width, 1).data;
    let n = 0;
    const bright = i => row[4 * Math.round((i + .5) * c.width / fields)] > 60; // half as bright as white where the model did not look
    for (let i = 0; i < fields - 1; i++) n = 2 * n + bright(i);
    return n;
  };
  root.log = [];
  const watch = new MutationObserver(() => root.log.push([+root.dataset.frame, ...canvases.map(number)]));
  watch.observe(root, {attributes: true, attributeFilter: ['data-draws']});
}"""
"""Notes, at every drawing, the frame the player says it shows and the numbers that stand in its pictures."""


def test_every_frame_asked_for_is_the_frame_shown(page: Page, address: str) -> None:
    screen = Screen(page, address, "plain")
    for frame in (0, 1, 14, 15, 32, 119):
        screen.goto(frame)
        assert screen.number() == frame
    screen.root.evaluate(LISTEN)
    screen.press("Home")
    screen.frame(0)
    for _ in range(30):
        screen.press("ArrowRight")
    screen.frame(30)
    log = screen.root.evaluate("root => root.log")
    assert [pair for pair in log if pair[0] != pair[1]] == []


def test_keys_step_jump_and_play(page: Page, address: str) -> None:
    screen = Screen(page, address, "plain")
    screen.press("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft")
    screen.frame(11)
    screen.press("Shift+ArrowLeft", "Shift+ArrowLeft")
    screen.frame(0)
    screen.press("End")
    screen.frame(FRAMES - 1)
    screen.press("Home")
    screen.frame(0)
    screen.press(" ")
    screen.until("root.dataset.frame > 5")
    screen.press(" ")
    screen.steady()
    stopped = screen.frame()
    assert 5 < stopped < 40
    assert screen.number() == stopped
    assert screen.said(frame=stopped)["frame"] == stopped


def test_playing_shows_the_frame_it_says_in_every_pane_and_asks_the_server_nothing(page: Page, address: str) -> None:
    screen = Screen(page, address, "two")
    before = screen.said()["runs"]
    screen.root.evaluate(LISTEN)
    page.locator('[data-do="play"]').click()
    screen.until("root.log.length > 25")
    log = np.array(screen.root.evaluate("root => root.log"))
    during = json.loads(page.get_by_text("said=").inner_text().removeprefix("said="))["runs"]
    page.locator('[data-do="play"]').click()
    assert len(log) > 25
    assert log[log[:, 0] != log[:, 1]].tolist() == []
    assert np.all(log[:, 1] == log[:, 2])
    assert during == before


def test_scrubbing_keeps_up_with_the_hand_and_tells_the_server_once(page: Page, address: str) -> None:
    screen = Screen(page, address, "hot")
    before = screen.said()["runs"]
    screen.root.evaluate(LISTEN)
    box = page.locator(".tracks").bounding_box()
    assert box
    y, left, wide = box["y"] + 40, box["x"] + 5, page.locator(".over").bounding_box()["width"] - 10  # type: ignore[index]
    page.mouse.move(left, y)
    page.mouse.down()
    for share in np.linspace(0, 90.5 / FRAMES, 60):
        page.mouse.move(left + share * wide, y)
        page.evaluate("() => new Promise(requestAnimationFrame)")  # a hand is no faster than its screen
    page.mouse.up()
    screen.frame(90)
    log = screen.root.evaluate("root => root.log")
    assert [pair for pair in log if pair[0] != pair[1]] == []
    assert len({said for said, _ in log}) > 5, "the picture did not follow the hand"
    assert screen.said(frame=90)["runs"] == before + 1


def test_new_evidence_keeps_the_clip_the_frame_and_the_settings(hot: Screen) -> None:
    page = hot.page
    hot.goto(WINDOW[0] + 1)
    page.locator(".palette").select_option("cividis")
    page.locator(".opacity").fill("0.6")
    hot.said()
    page.locator(".actrec video").evaluate("v => { v.marked = true; v.loads = 0; v.addEventListener('loadstart', () => v.loads++); }")
    page.get_by_text("flip").click()
    hot.said()
    assert page.locator(".actrec video").evaluate("v => [v.marked, v.loads]") == [True, 0]
    assert hot.frame() == WINDOW[0] + 1
    assert (page.locator(".palette").input_value(), page.locator(".opacity").input_value()) == ("cividis", "0.6")
    added = hot.added()
    x = np.unravel_index(int(np.argmax(cv2.GaussianBlur(added, (0, 0), 2))), added.shape)[1]
    assert x == pytest.approx(BOX[0] + 4.5 * 32, abs=3)  # column 3 has become column 4


def test_the_player_works_while_only_its_time_axis_is_in_view(hot: Screen) -> None:
    hot.page.set_viewport_size({"width": 480, "height": 300})
    hot.goto(40)
    hot.page.locator(".tracks").scroll_into_view_if_needed()
    hot.page.mouse.wheel(0, 2000)
    hot.root.evaluate(LISTEN)
    hot.steady()
    hot.root.evaluate("root => root.focus({preventScroll: true})")
    for frame in (41, 42, 43):
        hot.page.keyboard.press("ArrowRight")
        hot.frame(frame)
    assert hot.root.evaluate("root => root.log.at(-1)") == [43, 43]


def test_another_clip_is_loaded_and_shown_from_its_start(hot: Screen) -> None:
    hot.goto(50)
    hot.page.get_by_text("other").click()
    hot.frame(0)
    hot.said()
    assert hot.number() == 1000


def test_dragging_the_window_asks_for_its_new_second(hot: Screen) -> None:
    page = hot.page
    line, window = page.locator(".over").bounding_box(), page.locator(".window").bounding_box()
    assert line
    assert window
    before = hot.said()["runs"]
    x, y = window["x"] + window["width"] / 2, window["y"] + 8
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y)
    page.mouse.move(x + 24 * (line["width"] - 10) / FRAMES, y, steps=8)
    assert page.locator(".ghost").is_visible()
    page.mouse.up()
    said = hot.said(runs=before + 1)
    assert said["asked"] == pytest.approx((WINDOW[0] + 24) / FPS, abs=1.01 / FPS)
    page.locator(".window").focus()
    page.keyboard.press("ArrowLeft")
    assert hot.said(runs=before + 2)["asked"] == pytest.approx(said["asked"] - 1 / FPS, abs=1e-6)
