"""What is sent to the player, and what comes back: the parts that need no browser."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from actrec import player as house
from actrec.overlay import PALETTES, caption, largest
from actrec.player import Media, Pane, Pick, payload, script
from actrec.types import Heat, Track


def numbers(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), kind)


def media(frames: int = 20) -> Media:
    return Media("clip", Path("clip.mp4"), 25.0, frames, 64, 48, np.arange(frames) / 25)


def heat(signed: bool = False, steps: int = 4) -> Heat:
    values = np.random.default_rng(1).normal(size=(steps, 3, 5)).astype(np.float32)
    values[0, 0, 0] = np.nan
    edges = np.linspace(0, 16, steps + 1).astype(np.int64)
    return Heat("map", values, "logit", (-2.0, 0.0, 60.0, 48.0), (0.0, 0.0, 64.0, 48.0), np.stack([edges[:-1], edges[1:]], 1), signed)


def track(values: NDArray[np.float64]) -> Track:
    return Track("curve", "probability", np.arange(len(values)) / 25, np.arange(len(values)), values)


def send(*panes: Pane, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "media": media(),
        "panes": panes or (Pane("a", "A"),),
        "tracks": (),
        "window": None,
        "sampled": (),
        "movable": True,
        "picks": True,
        "marker": None,
        "height": 400,
        "start_frame": None,
    }
    return payload(**(usual | changes))


def test_a_map_arrives_with_every_bit_and_every_nan() -> None:
    sent = send(Pane("a", "A", "", (heat(),)))["panes"][0]["heats"][0]
    np.testing.assert_array_equal(numbers(sent["values"], "<f4").reshape(sent["shape"]), heat().values)
    assert sent["bands"] == heat().bands.tolist()
    assert sent["box"] == [-2.0, 0.0, 60.0, 48.0]


@pytest.mark.parametrize("signed", [False, True])
def test_the_ends_of_the_scale_are_those_of_the_saved_video(signed: bool) -> None:
    sent = send(Pane("a", "A", "", (heat(signed),)))["panes"][0]["heats"][0]
    assert sent["top"] == largest(heat(signed))
    np.testing.assert_array_equal(numbers(sent["tops"], "<f4"), np.array([largest(heat(signed), k) for k in range(4)], np.float32))


def test_an_empty_map_says_so() -> None:
    nothing = replace(heat(), values=np.full((4, 3, 5), 1e-6, np.float32))
    sent = send(Pane("a", "A", "", (nothing,)))["panes"][0]["heats"][0]
    assert sent["empty"]
    assert sent["caption"] == caption(nothing) != ""


def test_a_map_keeps_its_name_until_anything_in_it_changes() -> None:
    def name(h: Heat) -> str:
        return str(send(Pane("a", "A", "", (h,)))["panes"][0]["heats"][0]["id"])

    assert name(heat()) == name(heat())
    others = [replace(heat(), values=heat().values + np.float32(1e-6)), replace(heat(), unit="cosine"), replace(heat(), box=(0.0, 0.0, 60.0, 48.0))]
    assert len({name(heat()), *map(name, others)}) == 4


def test_a_track_keeps_its_gaps_and_drops_what_lies_outside_the_clip() -> None:
    values = np.array([0.0, np.nan, np.inf, 0.5])
    sent = send(tracks=(replace(track(values), frames=np.array([3, 1, 0, 99])),))["tracks"][0]
    np.testing.assert_array_equal(numbers(sent["values"], "<f8"), [np.nan, np.nan, 0.0])
    np.testing.assert_array_equal(numbers(sent["frames"], "<i4"), [0, 1, 3])


def test_all_that_is_sent_is_plain_json() -> None:
    sent = send(
        Pane("a", '<img src="x">', "λ & co", (heat(), heat(True))),
        tracks=(track(np.array([np.nan, 1.0])),),
        window=(np.int64(2), np.int64(10)),
        sampled=np.arange(2, 10, 2),
        marker=Pick(3, 1.5, 2.5),
        start_frame=99,
    )
    assert json.loads(json.dumps(sent, allow_nan=False)) == sent
    assert sent["panes"][0]["title"] == '<img src="x">'
    assert sent["start"] == 19


def test_frames_that_were_sampled_twice_are_sent_once() -> None:
    assert send(sampled=[4, 4, 2])["sampled"] == [2, 4]


@pytest.mark.parametrize("changes", [{"window": (5, 5)}, {"window": (0, 21)}, {"sampled": [20]}, {"panes": ()}, {"panes": (Pane("a", "A"),) * 5}])
def test_what_does_not_fit_the_clip_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"panes|clip"):
        send(**changes)


def test_a_clip_needs_a_time_for_every_frame() -> None:
    with pytest.raises(ValueError, match="20 frames and 3 times"):
        replace(media(), seconds=np.arange(3.0))


def test_the_answer_is_plain_data() -> None:
    def state(said: dict[str, Any]) -> Any:
        return house._state(said, media(), 3)

    assert state({}) == house.PlayerState(3)
    here = {"media": "clip", "frame": 7}
    assert state({"frame": here, "pick": {"frame": 7, "x": 1, "y": 2.5}}) == house.PlayerState(7, Pick(7, 1.0, 2.5))
    assert state({"frame": here | {"frame": 700}, "window": {"seconds": 1.25}}) == house.PlayerState(19, None, 1.25)
    assert state({"frame": here | {"media": "the clip before"}}) == house.PlayerState(3)


def test_the_script_is_one_module_with_the_palettes_of_the_saved_video() -> None:
    text = script()
    assert text.count("export default") == 1
    line = next(line for line in text.splitlines() if line.startswith("const PALETTES = "))
    sent = json.loads(line.removeprefix("const PALETTES = ").removesuffix(";"))
    for name, table in PALETTES.items():
        np.testing.assert_array_equal(numbers(sent[name], "<u1").reshape(256, 3), table)


def test_no_text_becomes_html() -> None:
    for word in ("innerHTML", "insertAdjacentHTML", "outerHTML", "document.write", "eval("):
        assert word not in script()
