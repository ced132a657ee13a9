"""The player: a clip, one to four evidence maps over it in step, and curves under it on one time axis.

Over a picture may also lie the places a network chose (`Points`: a dot on the frames it is read from, an arrow from where it would be without
its offset) and people's joints (`Skeleton`). Curves of one group and unit share a lane, drawn one over the other or as the rows of a map.

A Streamlit component (v2) of plain HTML, CSS and JavaScript. The clip is an H.264 copy made for exact seeking (`video.proxy`), served by
Streamlit's own media files and fetched once; evidence travels as raw float32 (`sent`). Palette, opacity, threshold, scale, which dots and arrows,
flow by direction or by length, curves or map, scrubbing and playing happen in the browser and ask the server nothing. Back come the frame the
reader stopped at, a picked place, a window that was moved, and, once the reader let go of the controls, the look that was set, to a page that keeps
one.
The JavaScript is written as modules that import from each other, so that the linter and the tests see what belongs to what, and is joined to the
one module that a component may have: `SCRIPTS`, each behind those it imports from. No text from outside ever becomes HTML or script.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime import get_instance

from actrec.core.errors import QuestionError
from actrec.core.evidence import NOTHING, Flow, Heat, Points, Skeleton, Track
from actrec.core.look import MARK, Look
from actrec.draw import flow
from actrec.draw.overlay import DIM, DIVERGING, PALETTES, UNWATCHED
from actrec.ui.player import sent

HERE = Path(__file__).parent
SCRIPTS = (
    "numbers.js",  # how numbers come and how they are written
    "palettes.js",  # values to colours
    "interpolate.js",  # a map's cells to a finer grid
    "timescale.js",  # seconds, frames and pixels
    "series.js",  # curves as numbers
    "page.js",  # elements of the page
    "reel.js",  # the video, frame by frame
    "paint.js",  # a map, drawn
    "marks.js",  # dots, arrows, skeletons
    "flow.js",  # directions as colours and arrows
    "pane.js",  # one picture
    "lanes.js",  # curves and rows
    "timeline.js",  # the time axis
    "look.js",  # what the reader set
    "controls.js",  # buttons, sliders, keys
    "player.js",  # what joins them
)
STYLES = ("player.css", "controls.css", "pane.css", "timeline.css")


@dataclass(frozen=True, eq=False)
class Media:
    """The clip as the browser plays it: frame i of the file `mp4` (constant `fps`) is source frame i.

    id: changes when the clip does.  width, height: the *source's* size, upright; boxes and picked places are in its pixels.
    seconds (frames): true presentation time of every source frame.
    """

    id: str
    mp4: Path
    fps: float
    frames: int
    width: int
    height: int
    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.frames < 1 or len(self.seconds) != self.frames:
            raise ValueError(f"media {self.id!r} has {self.frames} frames and {len(self.seconds)} times: need one time for every frame")


@dataclass(frozen=True, eq=False)
class Pane:
    """One picture: the clip with one of `heats` drawn over it; the reader chooses which, the first is shown first. Without heats: the clip.

    points, skeleton: drawn over the map, or over the clip alone.  flow: the way everything moves, of which the map is the length.
    joints float32 (source frames, n, 3): the skeleton's joints on every source frame, as x, y in source pixels and the file's own score. Without
    them the skeleton is drawn on the frames it was taken from, and faint where it was on the others that those stand for.
    """

    id: str
    title: str
    subtitle: str = ""
    heats: tuple[Heat, ...] = ()
    points: Points | None = None
    skeleton: Skeleton | None = None
    joints: NDArray[np.float32] | None = None
    flow: Flow | None = None


@dataclass(frozen=True)
class Pick:
    """A place the reader clicked: source frame number, x and y in source pixels."""

    frame: int
    x: float
    y: float


@dataclass(frozen=True)
class PlayerState:
    """What the reader did. frame: where they stopped (not updated while playing).

    pick, window: set in the one rerun after the click, or after the window was dropped (seconds where it should begin); None otherwise.
    look: the same for another look, or another moment of it, than the one given; None otherwise.
    """

    frame: int
    pick: Pick | None = None
    window: float | None = None
    look: Look | None = None


def player(
    *,
    key: str,
    media: Media,
    panes: Sequence[Pane],
    tracks: Sequence[Track] = (),
    window: tuple[int, int] | None = None,
    sampled: Sequence[int] | NDArray[np.int64] = (),
    movable: bool = True,
    picks: bool = True,
    marker: Pick | None = None,
    height: int = 420,
    start_frame: int | None = None,
    look: Look | None = None,
    wear: Callable[[Look], None] | None = None,
) -> PlayerState:
    """Show a clip and what was seen in it; comes back with what the reader did.

    window: source frames first … last − 1 that the model looked at, as `Heat.bands`; `movable` lets the reader drag it.
    sampled: the source frames it took.  picks: a click on a picture picks a place; otherwise it plays or pauses.
    marker: a picked place to show.  height: the tallest a picture gets, in CSS pixels.
    start_frame: the frame to open the clip at; when it changes later, the player goes there. A look's moment goes before it.
    look: how to draw; when it changes later, the player draws so. None: as usual, and what the reader sets stays in the browser.
    wear: called with another look or moment as soon as the reader set it. A run that is cut off before it has ended leaves it to the next one.
    """
    moment = None if look is None else look.frame(media.seconds)
    start_frame = start_frame if moment is None else moment
    url = get_instance().media_file_mgr.add(str(media.mp4), "video/mp4", f"actrec.player.{key}")
    data = {"key": key, "url": url} | payload(media, panes, tracks, window, sampled, movable, picks, marker, height, start_frame, look)
    news: dict[str, bool] = st.session_state.setdefault(f"news {key}", {})  # what the reader did and `wear` has not heard of
    stopped, dressed = (partial(news.__setitem__, name, True) for name in ("frame", "look"))
    said = _COMPONENT(key=key, data=[data], on_frame_change=stopped, on_pick_change=_nothing, on_window_change=_nothing, on_look_change=dressed)
    state = _state(said, media, start_frame or 0)
    at = float(media.seconds[state.frame]) if "frame" in news else None
    new = None if look is None else _dressed(look, said.get("look") if "look" in news else None, at)
    if new is not None and wear is not None:
        wear(new)
    news.clear()
    return replace(state, look=new)


def payload(
    media: Media,
    panes: Sequence[Pane],
    tracks: Sequence[Track],
    window: tuple[int, int] | None,
    sampled: Sequence[int] | NDArray[np.int64],
    movable: bool,
    picks: bool,
    marker: Pick | None,
    height: int,
    start_frame: int | None,
    look: Look | None = None,
) -> dict[str, Any]:
    """All the browser needs, ready for JSON. Arrays are base64 of little-endian numbers, because JSON has no NaN and no float32.

    Raises:
        ValueError: no pane or more than four, a window or sampled frame outside the clip, joints that do not fit, or a colour that is none.
    """
    if not 1 <= len(panes) <= 4:
        raise ValueError(f"{len(panes)} panes: the player shows one to four")
    if window is not None and not 0 <= window[0] < window[1] <= media.frames:
        raise ValueError(f"window {window} does not lie in a clip of {media.frames} frames")
    frames = sorted({int(i) for i in sampled})
    if frames and not 0 <= frames[0] <= frames[-1] < media.frames:
        raise ValueError(f"sampled frames {frames[0]} … {frames[-1]} do not lie in a clip of {media.frames} frames")
    return {
        "media": media.id,
        "fps": float(media.fps),
        "frames": int(media.frames),
        "size": [int(media.width), int(media.height)],
        "seconds": sent.text(media.seconds, "<f8"),
        "panes": [_pane(pane, media.frames) for pane in panes],
        "tracks": [sent.track(track, media.frames) for track in tracks],
        "window": None if window is None else [int(window[0]), int(window[1])],
        "sampled": frames,
        "movable": movable,
        "picks": picks,
        "marker": None if marker is None else [marker.frame, marker.x, marker.y],
        "height": int(height),
        "look": None if look is None else sent.look(look),
        "start": None if start_frame is None else int(np.clip(start_frame, 0, media.frames - 1)),
    }


def _pane(pane: Pane, frames: int) -> dict[str, Any]:
    if pane.joints is not None and pane.skeleton is None:
        raise ValueError(f"pane {pane.id!r} has joints on every frame and no skeleton that names them")
    return {
        "id": pane.id,
        "title": pane.title,
        "subtitle": pane.subtitle,
        "heats": [sent.heat(heat) for heat in pane.heats],
        "points": None if pane.points is None else sent.points(pane.points),
        "skeleton": None if pane.skeleton is None else sent.skeleton(pane.skeleton, pane.joints, frames),
        "flow": None if pane.flow is None else sent.flow(pane.flow),
    }


def _state(said: Any, media: Media, start: int) -> PlayerState:
    """The component's answer as plain data. What it said about another clip, before this one was shown, counts as nothing."""
    where, pick, window = (said.get(name) for name in ("frame", "pick", "window"))
    frame = int(where["frame"]) if isinstance(where, Mapping) and where["media"] == media.id else start
    place = Pick(int(pick["frame"]), float(pick["x"]), float(pick["y"])) if isinstance(pick, Mapping) else None
    begin = float(window["seconds"]) if isinstance(window, Mapping) else None
    return PlayerState(int(np.clip(frame, 0, media.frames - 1)), place, begin)


def _dressed(look: Look, told: Any, moment: float | None) -> Look | None:
    """The look with what the reader set and the moment they stopped at; None if that is the look given, or none that can be."""
    try:
        new = replace(look, **{name: told[name] for name in sent.look(look)}) if isinstance(told, Mapping) else look
    except (QuestionError, KeyError, TypeError):
        return None
    new = new if moment is None else replace(new, moment=round(moment, 4))
    return None if new == look else new


def _nothing() -> None:
    """Streamlit asks for a callback per value it should keep."""


def script() -> str:
    """The component's JavaScript: our palettes, limits and usual look as a constant, then the files without their imports."""
    tables = {"palettes": PALETTES, "diverging": DIVERGING}
    overlay: dict[str, Any] = {name: {k: sent.text(v, "<u1") for k, v in table.items()} for name, table in tables.items()}
    overlay |= {"nothing": NOTHING, "dim": DIM, "unwatched": UNWATCHED, "usual": sent.look(Look()), "marks": sent.marking()}
    overlay |= {"moment": f"{MARK}moment", "directions": sent.text(flow.DIRECTIONS, "<u1"), "flow": sent.arrows()}
    files = (re.sub(r"^import [^;]*;\n", "", _read(name), flags=re.MULTILINE) for name in SCRIPTS)
    return "\n".join([f"const OVERLAY = {json.dumps(overlay)};", *files])


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


_COMPONENT = st.components.v2.component("actrec_player", html=_read("player.html"), css="\n".join(map(_read, STYLES)), js=script())
