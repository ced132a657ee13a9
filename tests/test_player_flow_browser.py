"""The player in a real Chromium: flow as colours of the wheel, as arrows and as lengths, with its legend; and no word to the server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from player_made import HEIGHT, WIDTH, Screen

from actrec.draw.flow import DIRECTIONS, grid
from actrec.draw.overlay import PALETTES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

RIGHT, DOWN, UP = (DIRECTIONS[turn].astype(float) for turn in (0, 64, 192))
ABOVE, BELOW = (60, 190), (190, 190)
"""A row and a column where what is there goes right, and one where it goes down, in the first step."""


@pytest.fixture
def flow(page: Page, address: str) -> Screen:
    screen = Screen(page, address, "flow")
    screen.goto(42)  # the first step
    return screen


def laid(screen: Screen, at: tuple[int, int]) -> NDArray[np.float64]:
    """What the evidence adds to the picture around a place, as a direction of colour."""
    row, column = at
    where = np.s_[row - 4 : row + 4, column - 4 : column + 4]
    screen.press("h")
    before = screen.picture()[where].astype(float)
    screen.press("h")
    return np.asarray((screen.picture()[where] - before).mean((0, 1)))


def covered(before: NDArray[np.float64], added: NDArray[np.float64], colour: NDArray[np.float64]) -> float:
    """How much of a colour covers what was there."""
    away = colour - before
    return float((added @ away) / (away @ away))


def base(screen: Screen, at: tuple[int, int]) -> NDArray[np.float64]:
    screen.press("h")
    row, column = at
    found = screen.picture()[row - 4 : row + 4, column - 4 : column + 4].astype(float).mean((0, 1))
    screen.press("h")
    return np.asarray(found)


def test_colours_tell_directions_and_how_far(flow: Screen) -> None:
    flow.page.locator(".look .arrows").uncheck()
    flow.page.locator(".scaling").select_option("frame")
    flow.page.locator(".opacity").fill("1")
    for at, colour, share in ((ABOVE, RIGHT, 1.0), (BELOW, DOWN, 0.5)):
        before, added = base(flow, at), laid(flow, at)
        assert covered(before, added, colour) == pytest.approx(share * (2 - share), abs=0.06)
        np.testing.assert_allclose(before + added, before + share * (2 - share) * (colour - before), atol=12)
    flow.goto(57)  # the third step
    assert covered(base(flow, ABOVE), laid(flow, ABOVE), UP) == pytest.approx(1, abs=0.06)
    flow.goto(50)  # the second: nothing moves
    assert not flow.added().any()
    assert flow.page.locator(".note").inner_text() == "No evidence in this step"


def test_lengths_are_a_map_like_any_other(flow: Screen) -> None:
    page = flow.page
    page.locator(".look .arrows").uncheck()
    assert (page.locator(".wheel").is_visible(), page.locator(".bar").is_visible()) == (True, False)
    page.locator(".hues").select_option("length")
    assert (page.locator(".wheel").is_visible(), page.locator(".bar").is_visible()) == (False, True)
    page.locator(".scaling").select_option("frame")
    page.locator(".opacity").fill("1")
    before, added = base(flow, ABOVE), laid(flow, ABOVE)
    np.testing.assert_allclose(before + added, PALETTES["inferno"][255], atol=12)
    assert page.locator(".ticks span").all_inner_texts() == ["0", "2", "4"]


def test_arrows_stand_on_their_grid_and_point_where_things_go(flow: Screen) -> None:
    page = flow.page
    with_arrows = flow.picture().astype(float)
    page.locator(".look .arrows").uncheck()
    changed = np.abs(with_arrows - flow.picture()).sum(2) > 60
    places, apart = grid((64.0, 0.0, 320.0, 256.0))
    at = places[(places[:, 1] > 20) & (places[:, 1] < 100) & (places[:, 0] > 80) & (places[:, 0] < 300)]
    long = 0.9 * apart * 4 / 12  # of the map's largest
    for x, y in at:
        assert changed[int(y), int(x) : int(x + long)].all(), "to the right"
        assert not changed[int(y), int(x - 0.4 * apart) : int(x - 3)].any()
    assert not changed[150:, 64:320].any(), "a sixth of the largest is too short for an arrow"
    page.locator(".look .arrows").check()
    assert "drawn 1.37 times as long" in page.locator(".key").inner_text()


def test_the_wheel_says_what_its_colours_and_its_rim_are(flow: Screen) -> None:
    rim = flow.page.locator(".rim")
    assert rim.inner_text() == "At the rim: 12 source px per step, 37.5 px per second in this step"
    text = flow.page.locator(".wheel").evaluate("canvas => canvas.toDataURL('image/png')")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(text.split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]].astype(int)
    side = len(picture)
    middle, near = side // 2, round(0.06 * side)
    for (row, column), colour in (((middle, side - near), RIGHT), ((side - near, middle), DOWN), ((near, middle), UP)):
        assert np.abs(picture[row, column, :3] - (0.8 * colour + 0.2 * 128)).max() < 14
    assert np.abs(picture[middle, middle, :3] - 128).max() < 12, "it fades towards its middle"
    assert picture[2, 2, 3] == 0, "nothing around it"
    flow.page.locator(".scaling").select_option("frame")
    assert rim.inner_text() == "At the rim: 4 source px per step, 12.5 px per second in this step"
    flow.goto(50)
    assert rim.inner_text() == "Nothing moves"


def test_the_pointer_reads_the_flow(flow: Screen) -> None:
    box = flow.page.locator(".picture").bounding_box()
    assert box
    flow.page.mouse.move(box["x"] + 190 * box["width"] / WIDTH, box["y"] + 60 * box["height"] / HEIGHT)
    assert flow.page.locator(".here").inner_text().split("\n")[1] == "→ 4  ↓ 0 px per step · 12.5 px per second"


def test_neither_scrubbing_nor_choosing_asks_the_server(flow: Screen) -> None:
    page, asked = flow.page, list[str]()
    before = flow.said(frame=42)["runs"]
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("request", lambda request: asked.append(request.url))
    box = page.locator(".axis").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.34 * box["width"], box["y"] + 5)
    page.mouse.down()
    for share in np.linspace(0.34, 0.6, 12):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 5)
    for colour in ("length", "direction"):
        page.locator(".hues").evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", colour)
    flow.steady()
    assert not asked
    assert page.get_by_text("said=").inner_text().count(f'"runs": {before}') == 1
    page.mouse.up()
