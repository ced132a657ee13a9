"""A page with the player on it, and hands and eyes for it.

One server and one page of each kind serve all test files; conftest.py makes its fixtures known to them.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import clips_made
import cv2
import numpy as np
import pytest
from conftest import Serve
from numpy.typing import NDArray
from pages_made import rest

from actrec.core.look import Look

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


SECONDS = 20
"""The longest that a test waits for the player."""

WIDTH, HEIGHT, FRAMES, FPS = 384, 256, 120, 25
WINDOW = (40, 72)
CELLS = [(6, 3), (0, 5), (6, 0), (7, 7)]  # row, column of the one hot cell, step by step
BOX, SEEN = (48.0, -16.0, 304.0, 240.0), (64.0, 0.0, 320.0, 256.0)  # 8 × 8 cells of 32 pixels; sticks out above and on the left

APP = """
import json
from pathlib import Path
import numpy as np, streamlit as st
from actrec.clips import video
from actrec.ui.player import Media, Pane, Pick, player
from actrec.core.evidence import Flow, Heat, Points, Skeleton, Track
from actrec.core.look import Look

st.set_page_config(layout="wide")
st.session_state.runs = st.session_state.get("runs", 0) + 1
here, case = Path(__file__).parent, st.query_params.get("case", "plain")

@st.cache_resource
def clip(name):
    source = video.probe(here / name)
    return source, video.proxy(source, here / f"{name}.proxy.mp4", height=256)

source, copy = clip("other.mp4" if st.session_state.get("other") else "clip.mp4")
media = Media(source.sha256, copy.path, copy.fps, copy.frames, source.width, source.height, source.seconds)
first = st.session_state.get("first", 40)
edges = np.linspace(first, first + 32, 5).astype(int)

def heat(title, size=1.0, signed=False, flip=False, box=(48.0, -16.0, 304.0, 240.0)):
    values = np.zeros((4, 8, 8), np.float32)
    for k, (r, c) in enumerate([(6, 3), (0, 5), (6, 0), (7, 7)]):
        values[k, r, 7 - c if flip else c] = size
        if signed:
            values[k, 3, 4] = -size
    return Heat(title, values, "logit", box, (64.0, 0.0, 320.0, 256.0), np.stack([edges[:-1], edges[1:]], 1), signed)

flip = st.toggle("flip")
st.toggle("other", key="other")
holes = heat("holes", 2.5)
holes.values[:, 2:5, 2:5] = np.nan
holes.values[:, 5, :] = np.linspace(-1, 2.5, 8)
hot = (heat("hot", 2.5, flip=flip), heat("pale", 1e-6), heat("both", 2.5, signed=True), holes)
panes = {"plain": [Pane("a", "Clip")], "hot": [Pane("a", "<b>DAM</b>", "sure", hot)],
         "dressed": [Pane("a", "Dressed", "", hot)], "two": [Pane("a", "One", "", hot), Pane("b", "Two", "", (heat("weak", 0.5),))],
         "four": [Pane(str(i), f"Model {i}", "", hot) for i in range(4)]}
index = np.arange(first, first + 32, 4)
bands, seen = np.stack([index, index + 4], 1), (64.0, 0.0, 320.0, 256.0)

# Two strong places and a weak one, and a row of twenty weaker ones, at step, x, y; the first was moved, the second in time only.
places = np.array([(2, 120, 150), (2.25, 200.5, 160.5), (5, 260, 150), *((6, 70 + 12 * i, 230) for i in range(20))], np.float32)
reference = places.copy()
reference[0], reference[1, 0] = (2.5, 180, 180), 1.75
scores = np.array([0.04, 0.04, 0.01, *[0.008] * 20], np.float32)
points = Points("<u>Chosen</u>", "attention", places, reference, scores, bands, source.seconds[index], seen, (16.0, 16.0))

# An arm that goes 4 pixels to the right a step, its wrist lost at step 7 and its elbow doubtful there; a nose without a score.
names, limbs = ("left_shoulder", "left_elbow", "left_wrist", "<i>nose</i>"), ("left arm", "left arm", "left arm", "head")
joints = np.array([[(150 + 4 * k, 140, 0.9), (190 + 4 * k, 140, 0.9), (190 + 4 * k, 180, 0.9), (120, 40, 0.9)] for k in range(8)], np.float32)
joints[7, 2, :2], joints[7, 1, 2] = np.nan, 0.1
weights = np.tile(np.array([0.5, 1.0, 0.25, np.nan], np.float32), (8, 1))
body = Skeleton("Joints", "attention", joints, weights, names, limbs, ((0, 1), (1, 2)), bands)
everywhere = np.zeros((120, 4, 3), np.float32) + np.array([0, 0, 0.9], np.float32)
everywhere[:, :, 0], everywhere[:, :, 1] = np.arange(120)[:, None] + [100, 140, 140, 180], [140, 140, 180, 40]
panes |= {"marks": [Pane("a", "Marks", "", (), points, body)], "every": [Pane("a", "Every", "", (), None, body, everywhere)]}

def curve(title, values, group="", colour=""):
    return Track(title, "attention", source.seconds[index], index, np.asarray(values, float), group, colour)

steps = np.arange(8)
groups = [curve("left_wrist", np.full(8, 3.0), "left arm", "#ff0000"), curve("alone", steps), curve("<i>nose</i>", 8.0 - steps, "<b>head</b>"),
          curve("left_elbow", np.where(steps == 2, np.nan, 1.0 + steps / 8), "left arm", "#00ff00")]
rng = np.random.default_rng(0)
crowd = [curve(f"{i}: right_shoulder_of_somebody", rng.random(8), f"the right upper arm and hand, group {i // 7}") for i in range(75)]
many = np.stack([rng.uniform(0, 7, 1500), rng.uniform(64, 320, 1500), rng.uniform(0, 256, 1500)], 1).astype(np.float32)
panes["crowd"] = [Pane("a", "Crowd", "", hot[:1], Points("Many", "attention", many, many + 9, np.sort(rng.random(1500))[::-1].astype(np.float32),
                  bands, source.seconds[index], seen, (16.0, 16.0)))]

# What was seen goes right above and down below, half as far, in the first step; three times as far up in the third; nowhere in the others.
moved = np.zeros((4, 8, 8, 2), np.float32)
moved[0, :4, :, 0], moved[0, 4:, :, 1], moved[2, ..., 1] = 4, 2, -12
lengths = Heat("Flow", np.linalg.norm(moved, axis=-1), "source px per step", (64.0, 0.0, 320.0, 256.0), (64.0, 0.0, 320.0, 256.0), hot[0].bands)
panes["flow"] = [Pane("a", "Flow", "", (lengths,), flow=Flow(lengths, moved, np.full(4, 8 / 25)))]
panes = panes[case]
plain = [Track("Score", "probability", source.seconds[::10], np.arange(0, 120, 10), np.linspace(0, 1, 12)),
         Track("Gap", "grey levels", source.seconds, np.arange(120), np.where(np.arange(120) < 60, np.nan, 3.0))]
tracks = {"marks": groups, "crowd": crowd, "plain": []}.get(case, plain)
sampled = index if case in ("marks", "every") else range(first, first + 32, 2)
look = st.session_state.setdefault("look", Look(palette="viridis")) if case == "dressed" else None
said = player(key="p", look=look, media=media, panes=panes, tracks=tracks, window=(first, first + 32), sampled=sampled, height=256,
              picks=case != "plain")
if said.window is not None:
    st.session_state.first = int(np.searchsorted(source.seconds, said.window - 1e-6))
    st.session_state.asked = said.window
if said.look:
    st.session_state.look = said.look
if said.pick:
    st.session_state.picks = st.session_state.get("picks", 0) + 1
    st.session_state.pick = [said.pick.frame, said.pick.x, said.pick.y]
told = {name: st.session_state.get(name) for name in ("runs", "pick", "picks", "asked")}
told["look"] = st.session_state.look.to_json() if look else None
st.text("said=" + json.dumps(told | {"frame": said.frame}))
"""


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    folder = tmp_path_factory.mktemp("player")
    clips_made.clip(folder / "clip.mp4", FRAMES, size=(WIDTH, HEIGHT))
    clips_made.clip(folder / "other.mp4", FRAMES, size=(WIDTH, HEIGHT), paint=lambda i, w, h: clips_made.picture(i + 1000, w, h))
    (folder / "app.py").write_text(APP, encoding="utf-8")
    return serve(folder / "app.py")


class Screen:
    """The player on a page, for the tests' hands and eyes."""

    def __init__(self, page: Page, address: str, case: str) -> None:
        self.page = page
        page.goto(f"{address}/?case={case}")
        self.root = page.locator(".actrec")
        page.locator('.actrec[data-ready="true"], [data-testid="stException"]').first.wait_for(timeout=60_000)
        assert page.locator('[data-testid="stException"]').all_inner_texts() == []
        self.said()

    def said(self, **wanted: Any) -> dict[str, Any]:
        """What Python knows, once it has come to rest; waits until it knows what is wanted."""
        end = time.monotonic() + SECONDS
        while True:
            rest(self.page)
            said: dict[str, Any] = json.loads(self.page.get_by_text("said=").inner_text().removeprefix("said="))
            if all(said[name] == value for name, value in wanted.items()) or time.monotonic() > end:
                return said

    def until(self, condition: str) -> None:
        """Wait until a condition on the player, in JavaScript, holds; it is looked at on every frame that the browser draws."""
        self.root.evaluate(
            """(root, [condition, most]) => new Promise((done, fail) => {
                 const holds = new Function('root', `return ${condition}`), end = performance.now() + most;
                 const look = () => {
                   if (holds(root)) done();
                   else if (performance.now() > end) fail(new Error(`never: ${condition}`));
                   else requestAnimationFrame(look);
                 };
                 look();
               })""",
            [condition, 1000 * SECONDS],
        )

    def steady(self) -> None:
        """Wait until the player has kept its place and drawn nothing for a dozen frames in a row."""
        self.root.evaluate("root => { root.still = 0; root.last = ''; }")
        self.until(
            "(now => { root.still = now === root.last ? root.still + 1 : 0; root.last = now; return root.still >= 12; })"
            "(JSON.stringify([root.getBoundingClientRect(), root.dataset.draws]))"
        )

    def press(self, *keys: str) -> None:
        self.root.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def frame(self, expected: int | None = None) -> int:
        """The frame the player says it shows; waits for the expected one."""
        if expected is not None:
            self.page.locator(f'.actrec[data-frame="{expected}"]').wait_for(timeout=10_000, state="attached")
        return int(self.root.get_attribute("data-frame") or -1)

    def picture(self, pane: int = 0) -> NDArray[np.uint8]:
        """The pixels of a pane (H, W, 3) RGB."""
        text = self.page.locator(".picture").nth(pane).evaluate("canvas => canvas.toDataURL('image/png')")
        data = np.frombuffer(base64.b64decode(text.split(",")[1]), np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)

    def number(self, pane: int = 0) -> int:
        return clips_made.number_of(self.picture(pane))

    def added(self, pane: int = 0) -> NDArray[np.float64]:
        """How far the evidence changes each pixel (H, W), 0 outside what the model saw: the picture with it against the one without."""
        with_it = self.picture(pane).astype(float)
        self.press("h")
        without = self.picture(pane).astype(float)
        self.press("h")
        changed = np.abs(with_it - without).sum(2)
        changed[:, : int(SEEN[0]) + 1] = changed[:, int(SEEN[2]) - 1 :] = 0
        return np.asarray(changed)

    def goto(self, frame: int) -> None:
        """By the keyboard, as a reader would."""
        by = frame - self.frame()
        arrow = "ArrowRight" if by > 0 else "ArrowLeft"
        self.press(*[f"Shift+{arrow}"] * (abs(by) // 10), *[arrow] * (abs(by) % 10))
        self.frame(frame)

    def reset(self) -> None:
        """The settings a reader finds at first."""
        usual = Look()
        for name, value in (("opacity", usual.opacity), ("threshold", usual.threshold)):
            self.page.locator(f".{name}").fill(str(value))
        for name, value in (("which", "0"), ("palette", usual.palette), ("scaling", usual.scale)):
            self.page.locator(f".{name}").select_option(value)


@pytest.fixture(scope="session")
def shared(browser: Browser, address: str) -> Iterator[Screen]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield Screen(page, address, "hot")
    page.close()


@pytest.fixture
def still(shared: Screen) -> Screen:
    """A player that several tests look at; none of them tells the server anything."""
    shared.reset()
    return shared


@pytest.fixture
def hot(page: Page, address: str) -> Screen:
    """A player for one test alone."""
    return Screen(page, address, "hot")


@pytest.fixture(scope="session")
def shared_marks(browser: Browser, address: str) -> Iterator[Screen]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    yield Screen(page, address, "marks")
    page.close()


@pytest.fixture
def marks(shared_marks: Screen) -> Screen:
    """Places, a skeleton and grouped curves, for several tests to look at; all shown, at full opacity."""
    page = shared_marks.page
    for name, value in (("opacity", "1"), ("threshold", "0")):
        page.locator(f".{name}").fill(value)
    for name, value in (("strongest", "64"), ("palette", "inferno")):
        page.locator(f".{name}").select_option(value)
    for name in ("dots", "arrows", "bones"):
        page.locator(f".{name}").check()
    page.get_by_role("button", name="Curves").click()
    page.mouse.move(2, 2)
    return shared_marks


def expected_place(step: int) -> tuple[float, float]:
    """x, y of a hot cell's centre in source pixels, kept inside what was seen and on pixel centres."""
    r, c = CELLS[step]
    x, y = BOX[0] + (c + 0.5) * 32, BOX[1] + (r + 0.5) * 32
    return float(np.clip(x, SEEN[0] + 0.5, SEEN[2] - 0.5)), float(np.clip(y, SEEN[1] + 0.5, SEEN[3] - 0.5))


def near(picture: NDArray[np.uint8], colour: Any, off: int = 12) -> NDArray[np.bool_]:
    """The pixels of a colour."""
    return np.asarray(np.abs(picture.astype(int) - np.asarray(colour, int)).max(-1) <= off)
