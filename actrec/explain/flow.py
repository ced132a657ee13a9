"""Optical flow: what the flow stream was given, in source pixels; and how much of it the camera's motion explains.

Nothing is worked out from the network here: the numbers are its input, brought back to the source. A displacement in input pixels is divided by the
resize along each axis; the crop moves places and no displacement, and a clip's rotation is done before anything is found. What is shorter than the
noise of finding flow (`STILL`) counts as rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry
from actrec.core.evidence import Evidence, Flow, Heat
from actrec.explain import Ask, Method
from actrec.explain._evidence import track
from actrec.inputs import cells
from actrec.inputs.flow import camera
from actrec.inputs.streams.flow import NAME, STILL, UNIT
from actrec.measure import flow as measured
from actrec.measure import strongest

if TYPE_CHECKING:
    from torch import Tensor

    from actrec.core.trace import Tap, Trace

SPEED, GROUP = "source px per second", "mean motion"


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The input is no layer, and the only one there is to show."""
    return ("input",) if NAME in card.inputs else "this model is given no optical flow"


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The flow the network was given, its mean length and the camera's over time, and the camera's share."""
    tensor = trace.inputs[NAME]
    assert tensor is not None  # the stream always has something
    flow = given(tensor, trace.clip, trace.geometry)
    cameras = by_camera(flow.lengths, trace.clip)
    shares = np.array([measured.explained(*step) for step in zip(flow.moved, cameras, strict=True)])
    curves = (("everything", measured.speeds(flow.moved, flow.seconds)), ("the camera", measured.speeds(cameras, flow.seconds)))
    tracks = [track(flow.lengths, trace.clip, title, SPEED, values, GROUP) for title, values in curves]
    tracks.append(track(flow.lengths, trace.clip, "the camera's share", "of the flow, by squared length", shares))
    claim = (
        "There is no flow to show: nothing moves farther than the noise of finding it."
        if flow.lengths.empty
        else f"Motion is strongest {strongest.told(flow.lengths, trace.clip)}"
    )
    told = measured.findings(flow.moved, flow.seconds, cameras)
    return Evidence((flow.lengths,), tuple(tracks), flow=flow, findings=told, claim=claim, own_tracks=True)


def given(tensor: Tensor, clip: Clip, geometry: Geometry) -> Flow:
    """The network's input (1, 2, K, h, w) as displacements in source pixels, each on the frames it is drawn on."""
    moved = tensor[0].permute(1, 2, 3, 0).detach().cpu().numpy().astype(np.float64) * UNIT
    moved[np.abs(moved).max(-1) < STILL] = 0
    moved = (moved / np.array(geometry.scale[::-1])).astype(np.float32)
    lengths = cells.heat(
        "Optical flow",
        np.linalg.norm(moved, axis=-1),
        stride=(1, 1, 1),
        first=(0, 0, 0),
        clip=clip,
        geometry=geometry,
        unit="source px per step",
    )
    places, (high, wide) = middles(lengths), geometry.source
    beyond = ~((places >= 0) & (places < [wide, high])).all(-1)
    moved[:, beyond], lengths.values[:, beyond] = np.nan, np.nan
    fields = np.stack([clip.index[:-1], clip.index[1:] + 1], 1)
    return Flow(replace(lengths, bands=bands(clip.index), fields=fields), moved, np.diff(clip.seconds))


def bands(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """The source frames of each step between sampled frames index (K + 1), int64 (K, 2): from one up to the next, none between a frame and itself.

    The last step that takes any time is drawn on the frame it ends at too, on which nothing else would be.
    """
    found = np.stack([index[:-1], index[1:]], 1)
    lasting = np.flatnonzero(found[:, 1] > found[:, 0])
    found[lasting[-1] if lasting.size else -1, 1] = index[-1] + 1
    return found


def middles(heat: Heat) -> NDArray[np.float64]:
    """The middles of a map's cells in source pixels: (h, w, 2), x and y."""
    x0, y0, x1, y1 = heat.box
    high, wide = heat.values.shape[1:]
    x, y = x0 + (np.arange(wide) + 0.5) * (x1 - x0) / wide, y0 + (np.arange(high) + 0.5) * (y1 - y0) / high
    return np.stack(np.meshgrid(x, y), -1)


def by_camera(lengths: Heat, clip: Clip) -> NDArray[np.float64]:
    """How far every cell would go by the camera's motion alone, (K, h, w, 2) in source pixels; NaN in steps for which it was not found."""
    places, found = middles(lengths), np.full((*lengths.values.shape, 2), np.nan)
    for k in range(len(found)):
        matrix = camera.homography(clip.frames[k], clip.frames[k + 1])
        if matrix is not None:
            found[k] = camera.moved(matrix, places)
    return found


METHODS: tuple[Method, ...] = (
    Method(
        "flow",
        "Optical flow",
        "What the flow stream was given: how far everything moves from each of the model's frames to the next, and the camera's share of it.",
        "This is what the flow stream was given, not what it used of it. Flow is found and not known: on plain surfaces, at borders and in blur it "
        "is a guess.",
        layers,
        explain,
        watch=lambda layer: (),
        by_class=False,
        called=lambda layer: "the network's input",
    ),
)
