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

from actrec.core.evidence import Heat, Points, Skeleton, Track
from actrec.core.look import Look
from actrec.draw import marks
from actrec.draw.overlay import DIM, PALETTES, caption, largest
from actrec.inputs.pose.body import COLOURS
from actrec.ui import player as house
from actrec.ui.player import Media, Pane, Pick, payload, script


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


BANDS = np.array([[0, 8], [8, 16]])


def points() -> Points:
    rng = np.random.default_rng(2)
    places, reference = rng.normal(size=(2, 5, 3)).astype(np.float32)
    scores = np.array([0.5, 0.25, 0.125, 0.0, np.nan], np.float32)
    return Points("chosen", "attention", places, reference, scores, BANDS, np.array([0.0, 0.32]), (0.0, 0.0, 48.0, 48.0), (4.0, 4.0))


def skeleton() -> Skeleton:
    joints = np.random.default_rng(3).normal(size=(2, 3, 3)).astype(np.float32)
    joints[1, 2] = np.nan
    scores = np.array([[0.1, np.nan, 0.3], [np.nan] * 3], np.float32)
    return Skeleton("joints", "logit", joints, scores, ("<b>nose</b>", "neck", "left_hip"), ("head", "torso", "left leg"), ((0, 1), (1, 2)), BANDS)


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


def test_places_arrive_with_every_bit_and_every_nan() -> None:
    sent = send(Pane("a", "A", points=points()))["panes"][0]["points"]
    for name, size in (("places", 15), ("reference", 15), ("scores", 5)):
        np.testing.assert_array_equal(numbers(sent[name], "<f4"), getattr(points(), name).ravel())
        assert len(numbers(sent[name], "<f4")) == size
    np.testing.assert_array_equal(numbers(sent["seconds"], "<f8"), points().seconds)
    assert (sent["bands"], sent["seen"]) == (BANDS.tolist(), [0.0, 0.0, 48.0, 48.0])


def test_a_skeleton_arrives_with_every_bit_every_nan_and_its_limbs_colours() -> None:
    everywhere = np.random.default_rng(4).normal(size=(20, 3, 3)).astype(np.float32)
    everywhere[7, 1] = np.nan
    sent = send(Pane("a", "A", skeleton=skeleton(), joints=everywhere))["panes"][0]["skeleton"]
    np.testing.assert_array_equal(numbers(sent["joints"], "<f4").reshape(2, 3, 3), skeleton().joints)
    np.testing.assert_array_equal(numbers(sent["scores"], "<f4").reshape(2, 3), skeleton().scores)
    np.testing.assert_array_equal(numbers(sent["every"], "<f4").reshape(20, 3, 3), everywhere)
    assert (sent["names"], sent["bones"]) == (["<b>nose</b>", "neck", "left_hip"], [[0, 1], [1, 2]])
    assert sent["inks"] == [COLOURS["head"], COLOURS["torso"]]
    assert send(Pane("a", "A", skeleton=skeleton()))["panes"][0]["skeleton"]["every"] is None


def test_a_bone_within_a_limb_has_its_colour_and_one_of_an_unknown_limb_that_of_the_others() -> None:
    arm = replace(skeleton(), groups=("left arm", "left arm", "left arm"))
    second = replace(skeleton(), groups=("2: left arm", "2: left arm", "2: left arm"))
    tail = replace(skeleton(), groups=("tail", "tail", "tail"))
    inks = [send(Pane("a", "A", skeleton=one))["panes"][0]["skeleton"]["inks"] for one in (arm, second, tail)]
    assert inks == [[COLOURS["left arm"]] * 2, [COLOURS["left arm"]] * 2, [COLOURS["other"]] * 2]


def test_marks_keep_their_name_until_anything_in_them_changes() -> None:
    def names(p: Points, s: Skeleton, every: NDArray[np.float32] | None = None) -> tuple[str, str]:
        pane = send(Pane("a", "A", "", (), p, s, every))["panes"][0]
        return pane["points"]["id"], pane["skeleton"]["id"]

    first = names(points(), skeleton())
    assert first == names(points(), skeleton())
    other = names(replace(points(), reference=points().places), replace(skeleton(), groups=("head", "head", "head")))
    assert not set(first) & set(other)
    assert names(points(), skeleton(), np.zeros((20, 3, 3), np.float32))[1] != first[1]


def test_a_track_says_its_group_and_its_colour() -> None:
    values = np.zeros(3)
    sent = send(tracks=(replace(track(values), group="<b>left arm</b>", colour="#12aBef"), track(values)))["tracks"]
    assert [(one["group"], one["colour"]) for one in sent] == [("<b>left arm</b>", "#12aBef"), ("", "")]
    assert sent[0]["id"] != sent[1]["id"]


@pytest.mark.parametrize("colour", ["red", "#12345", "#123456 url(x)", "url(//evil)", "#12345\n"])
def test_a_colour_that_could_be_more_than_a_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        send(tracks=(replace(track(np.zeros(3)), colour=colour),))


def test_joints_and_bones_that_do_not_fit_are_refused() -> None:
    joints = np.zeros((20, 3, 3), np.float32)
    with pytest.raises(ValueError, match="no skeleton"):
        send(Pane("a", "A", joints=joints))
    for wrong in (joints[:19], joints[:, :2], joints[..., :2]):
        with pytest.raises(ValueError, match=r"need \(20, 3, 3\)"):
            send(Pane("a", "A", skeleton=skeleton(), joints=wrong))
    for bone in ((0, 3), (-1, 0)):
        with pytest.raises(ValueError, match="bone"):
            send(Pane("a", "A", skeleton=replace(skeleton(), bones=(bone,))))


def test_all_that_is_sent_is_plain_json() -> None:
    sent = send(
        Pane("a", '<img src="x">', "λ & co", (heat(), heat(True)), points(), replace(skeleton(), bones=((np.int64(0), np.int64(1)),))),
        tracks=(track(np.array([np.nan, 1.0])), replace(track(np.array([np.nan, 1.0])), group="<i>arm</i>")),
        window=(np.int64(2), np.int64(10)),
        sampled=np.arange(2, 10, 2),
        marker=Pick(3, 1.5, 2.5),
        start_frame=99,
    )
    assert json.loads(json.dumps(sent, allow_nan=False)) == sent
    assert sent["panes"][0]["title"] == '<img src="x">'
    assert sent["panes"][0]["skeleton"]["names"][0] == "<b>nose</b>"
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
    line = next(line for line in text.splitlines() if line.startswith("const OVERLAY = "))
    sent = json.loads(line.removeprefix("const OVERLAY = ").removesuffix(";"))["palettes"]
    for name, table in PALETTES.items():
        np.testing.assert_array_equal(numbers(sent[name], "<u1").reshape(256, 3), table)


def test_the_script_begins_with_the_usual_look_and_marks_of_the_saved_video() -> None:
    said = json.loads(script().partition("\n")[0].removeprefix("const OVERLAY = ").removesuffix(";"))
    assert said["usual"] == {name: getattr(Look(), name) for name in ("palette", "diverging", "opacity", "threshold", "scale")}
    assert (said["dim"], said["marks"]["between"], said["marks"]["bone"]) == (DIM, marks.BETWEEN, marks.BONE)


def test_what_the_reader_set_becomes_the_look_and_what_cannot_be_is_left_out() -> None:
    look = Look(palette="viridis", moment=1.0)
    told = {"palette": "turbo", "diverging": "blue-red", "opacity": 0.5, "threshold": 0.1, "scale": "frame"}
    assert house._dressed(look, told, None) == Look("turbo", "blue-red", 0.5, 0.1, "frame", moment=1.0)
    assert house._dressed(look, None, 2.00004) == replace(look, moment=2.0)
    assert house._dressed(look, None, None) is None
    for wrong in ({}, told | {"palette": "jet"}, told | {"opacity": "much"}, told | {"opacity": None}, told | {"palette": []}):
        assert house._dressed(look, wrong, None) is None


def test_no_text_becomes_html() -> None:
    for word in ("innerHTML", "insertAdjacentHTML", "outerHTML", "document.write", "eval("):
        assert word not in script()
