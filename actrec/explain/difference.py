"""RGB differences: what the stream of differences was given, in grey levels and signed; beside it the optical flow between the same two frames.

Nothing is worked out from the network here: the numbers are its input. For each of the model's frames it holds a stack of differences of neighbouring
pictures. They add up: all of them make the last picture minus the first, some of them any other minus the first. So the pictures between which flow
is found need not be decoded again. What is shown is the mean over the three colours; t in the units is the number of the model's own frame.

Flow is found between the pictures as the model is given them, without the black around them, by the way that training uses. It is in source pixels,
and what is shorter than the noise of finding it counts as rest, as in the view of the flow stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actrec.core.card import Card
from actrec.core.clip import Clip, Geometry
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Heat
from actrec.explain import Ask, Knob, Method
from actrec.explain._evidence import setting, track
from actrec.inputs import cells, flow, pixels
from actrec.inputs.streams.difference import NAME, STACK, STILL, Difference, neighbours
from actrec.inputs.streams.flow import STILL as REST
from actrec.inputs.streams.flow import USUAL
from actrec.measure import difference as measured
from actrec.measure import strongest

if TYPE_CHECKING:
    from torch import Tensor

    from actrec.core.trace import Tap, Trace

Floats = NDArray[np.float32]

ALL = "all"
WHICH = Knob(
    "differences",
    "Differences",
    (ALL, *map(str, range(1, STACK + 1))),
    "all that lie behind each other, added up; or one of them, between two neighbours",
)
NOTHING = (
    f"This stream had nothing to see: from one frame to the next no colour of any pixel changes by more than {STILL} of 255 grey levels, "
    "which is the noise of compression."
)


def layers(card: Card, taps: Mapping[str, Tap]) -> tuple[str, ...] | str:
    """The input is no layer, and the only one there is to show."""
    return ("input",) if NAME in card.inputs else "this model is given no RGB differences"


def explain(trace: Trace, ask: Ask) -> Evidence:
    """The change of brightness that the network was given, and the length of the optical flow between the same frames.

    Raises:
        QuestionError: a difference that the stack does not have.
    """
    tensor, preprocess, clip = trace.inputs[NAME], ask.preprocess, trace.clip
    assert tensor is not None  # the stream always has something
    assert preprocess is not None
    stream = Difference(preprocess, tensor.shape[1] // 3)
    first, last = pair(ask, stream.stack)
    change, far = maps(trace, stream, given(tensor, stream.unit), first, last)
    tracks = (
        track(change, clip, "mean change of brightness", "grey levels", measured.means(change.values)),
        track(far, clip, "mean length of the flow", "source px", measured.means(far.values)),
    )
    findings = measured.findings(change.values, far.values, STILL, told(first, last))
    said = NOTHING if stream.doubts(tensor) else claim(change, clip)
    return Evidence((change, far), tracks, findings=findings, claim=said, together=True, own_tracks=True)


def maps(trace: Trace, stream: Difference, levels: Floats, first: int, last: int) -> tuple[Heat, Heat]:
    """The change of brightness between two pictures of the stack, and the length of the flow between them. levels: as `given`."""
    clip, geometry = trace.clip, trace.geometry
    frames = pixels.cropped(clip.frames, stream.preprocess, geometry)
    before, after = (np.rint(frames + levels[:end].sum(0)).clip(0, 255).astype(np.uint8) for end in (first, last))
    far = lengths(before, after, geometry)
    change = np.where(np.isnan(far), np.nan, levels[first:last].sum(0).mean(-1)).astype(np.float32)
    read = neighbours(clip.index, stream.stack, clip.video.frames)[:, [first, last]] + np.array([0, 1])
    one, other = (f"frame t+{number}" if number else "frame t" for number in (first, last))
    return (
        _heat(trace, "Change of brightness", change, f"grey levels ({other} − {one})", read, signed=True),
        _heat(trace, "Length of the flow", far, f"source px ({one} to {other})", read, signed=False),
    )


def pair(ask: Ask, stack: int) -> tuple[int, int]:
    """How many frames behind the model's own the two pictures lie that are compared.

    Raises:
        QuestionError: a difference that the stack does not have.
    """
    which = setting(ask, WHICH)
    if which == ALL:
        return 0, stack
    if int(which) > stack:
        raise QuestionError(f"differences={which}: this model is given {stack} for each of its frames; choose all, or a number up to {stack}")
    return int(which) - 1, int(which)


def told(first: int, last: int) -> str:
    """Which pictures are compared, within a sentence."""
    if first:
        return f"from {first} to {last} frames after each of the model’s frames"
    return f"from each of the model’s frames to {last} frame{'s' * (last != 1)} after it"


def given(tensor: Tensor, unit: float) -> Floats:
    """The network's input (1, 3 · stack, T, H, W) in grey levels: (stack, T, H, W, 3)."""
    return np.asarray(tensor[0].detach().cpu().unflatten(0, (-1, 3)).movedim(1, -1).numpy() * np.float32(unit), np.float32)


def lengths(before: NDArray[np.uint8], after: NDArray[np.uint8], geometry: Geometry) -> Floats:
    """How far everything moves between two pictures (T, H, W, 3) each: (T, H, W) in source pixels, NaN beyond the picture."""
    inside = (..., *geometry.filled)
    out = np.full(before.shape[:3], np.nan, np.float32)
    for place, one, other in zip(out, before, after, strict=True):
        moved = flow.kept(np.stack([one, other])[:, *geometry.filled], USUAL)[0]
        moved[np.abs(moved).max(-1) < REST] = 0
        place[inside] = np.linalg.norm(moved / np.array(geometry.scale[::-1]), axis=-1)
    return out


def _heat(trace: Trace, title: str, values: Floats, unit: str, read: NDArray[np.int64], *, signed: bool) -> Heat:
    """A map with a cell for every input pixel, drawn from each of the model's frames on; read: the source frames it is of."""
    clip, geometry = trace.clip, trace.geometry
    made = cells.heat(title, values, stride=(1, 1, 1), first=(0, 0, 0), clip=clip, geometry=geometry, unit=unit, signed=signed)
    return replace(made, fields=read)


def claim(change: Heat, clip: Clip) -> str:
    """Where and when brightness rises most; falls, where it rises nowhere."""
    if change.empty:
        return "Between these frames no pixel becomes brighter or darker."
    if strongest.sign(change) < 0:
        return f"Nothing becomes brighter between these frames. The fall in brightness is strongest {strongest.told(change, clip)}"
    return f"The rise in brightness between these frames is strongest {strongest.told(change, clip)}"


METHODS: tuple[Method, ...] = (
    Method(
        "difference",
        "RGB differences",
        "What the stream of differences was given: how much brighter or darker every pixel becomes, beside the optical flow between the same frames.",
        "This is what the stream of differences was given, not what it used of it. A moving camera changes nearly every pixel, and something of one "
        "colour that moves changes at its edges alone. Flow is found and not known. Behind the end of the video its last frame is held.",
        layers,
        explain,
        knobs=(WHICH,),
        watch=lambda layer: (),
        by_class=False,
        called=lambda layer: "the network's input",
    ),
)
