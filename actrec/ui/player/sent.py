"""Evidence as the browser takes it: plain JSON, arrays in base64 of little-endian numbers, because JSON has neither NaN nor float32.

Everything has an id made of all that is in it, so that the browser keeps what it already has.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actrec.core.evidence import Flow, Heat, Points, Skeleton, Track
from actrec.core.look import Look
from actrec.draw import flow as flows
from actrec.draw import marks
from actrec.draw.marks import colour_of
from actrec.draw.overlay import caption, largest
from actrec.inputs.pose.body import limb


def heat(heat: Heat) -> dict[str, Any]:
    """A map with all that `overlay` says about it: the scale's ends and the caption."""
    return _named(
        {
            "title": heat.title,
            "unit": heat.unit,
            "signed": heat.signed,
            "shape": list(heat.values.shape),
            "values": text(heat.values, "<f4"),
            "tops": text(np.array([largest(heat, k) for k in range(len(heat.values))]), "<f4"),
            "top": largest(heat),
            "empty": heat.empty,
            "box": [float(v) for v in heat.box],
            "seen": [float(v) for v in heat.seen],
            "bands": heat.bands.tolist(),
            "fields": None if heat.fields is None else heat.fields.tolist(),
            "caption": caption(heat),
        }
    )


def track(track: Track, frames: int) -> dict[str, Any]:
    """A curve: points in the order of their frames, those outside the clip left out.

    Raises:
        ValueError: a colour that is not written "#rrggbb".
    """
    if track.colour and not re.fullmatch("#[0-9a-fA-F]{6}", track.colour):
        raise ValueError(f'the colour of {track.title!r} is {track.colour!r}: need "#rrggbb" or ""')
    order = np.argsort(track.frames, kind="stable")
    order = order[(track.frames[order] >= 0) & (track.frames[order] < frames)]
    values = np.where(np.isfinite(track.values), track.values, np.nan)[order]
    sent = {"title": track.title, "unit": track.unit, "group": track.group, "colour": track.colour}
    return _named(sent | {"values": text(values, "<f8"), "frames": text(track.frames[order], "<i4")})


def points(points: Points) -> dict[str, Any]:
    """The places that a network chose."""
    return _named(
        {
            "title": points.title,
            "unit": points.unit,
            "places": text(points.places, "<f4"),
            "reference": text(points.reference, "<f4"),
            "scores": text(points.scores, "<f4"),
            "seconds": text(points.seconds, "<f8"),
            "bands": points.bands.tolist(),
            "seen": [float(v) for v in points.seen],
        }
    )


def skeleton(skeleton: Skeleton, every: NDArray[np.float32] | None, frames: int) -> dict[str, Any]:
    """Joints with their scores, each bone with its limb's colour. every: the joints of every source frame, if they are known.

    Raises:
        ValueError: a bone to a joint that there is not, or `every` does not fit the clip and the joints.
    """
    count = len(skeleton.names)
    lost = next((bone for bone in skeleton.bones if not (len(bone) == 2 and all(0 <= i < count for i in bone))), None)
    if lost is not None:
        raise ValueError(f"the bone {lost} does not join two of {count} joints")
    if every is not None and every.shape != (frames, count, 3):
        raise ValueError(f"joints of shape {every.shape} for {frames} frames and {count} joints of the skeleton: need {(frames, count, 3)}")
    return _named(
        {
            "title": skeleton.title,
            "unit": skeleton.unit,
            "joints": text(skeleton.joints, "<f4"),
            "scores": text(skeleton.scores, "<f4"),
            "every": None if every is None else text(every, "<f4"),
            "names": list(skeleton.names),
            "bones": [[int(a), int(b)] for a, b in skeleton.bones],
            "inks": [colour_of(limb(skeleton.groups[a], skeleton.groups[b])) for a, b in skeleton.bones],
            "bands": skeleton.bands.tolist(),
        }
    )


def flow(flow: Flow) -> dict[str, Any]:
    """Both axes of a flow as maps, and how long each step takes."""
    x, y = (heat(flows.component(flow, axis)) for axis in (0, 1))
    return _named({"unit": flow.lengths.unit, "x": x, "y": y, "seconds": text(flow.seconds, "<f8")})


def arrows() -> dict[str, Any]:
    """How arrows of flow are laid."""
    return {"across": flows.ACROSS, "room": flows.ROOM, "least": flows.LEAST}


def look(look: Look) -> dict[str, Any]:
    """The part of a look that the reader sets in the browser; the moment is the frame to start at."""
    return {name: getattr(look, name) for name in ("palette", "diverging", "opacity", "threshold", "scale")}


def marking() -> dict[str, Any]:
    """How marks are drawn."""
    strengths = {"unsure": marks.UNSURE, "faint": marks.FAINT, "between": marks.BETWEEN, "bone": marks.BONE}
    return strengths | {"most": marks.MOST, "grey": "#{:02x}{:02x}{:02x}".format(*marks.GREY)}


def text(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def _named(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {**sent, "id": hashlib.blake2b(json.dumps(sent, sort_keys=True).encode(), digest_size=12).hexdigest()}
