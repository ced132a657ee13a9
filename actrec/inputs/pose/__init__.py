"""Joints of people: layouts, files, estimators, and how they are laid on a clip.

>>> joints = pose.read(Path("pushup.json"), video)
>>> fitted = pose.fit(joints, video, offset=2)
>>> fitted.joints.convert(pose.layout("penn13")).at(clip.index)  # (people, T, 13, 3)
"""

from actrec.inputs.pose.body import COLOURS, GROUPS
from actrec.inputs.pose.estimator import Estimator
from actrec.inputs.pose.estimators import ESTIMATORS, estimate
from actrec.inputs.pose.files import FORMATS, SUFFIXES, read, write
from actrec.inputs.pose.fitting import Fit, fit
from actrec.inputs.pose.given import NONE, UNREAD, VIDEO_ONLY, Given, flat_on, given, lay, mended, opened, sample, source, stamp, unread
from actrec.inputs.pose.joints import HIDDEN, Joints, JointsError
from actrec.inputs.pose.layouts import LAYOUTS, Layout, LayoutError, layout, named
from actrec.inputs.pose.named import Named
from actrec.inputs.pose.npz import packed
from actrec.inputs.pose.skeleton import skeleton
from actrec.inputs.pose.units import UNITS
from actrec.inputs.pose.units import told as unit_told

__all__ = [
    "COLOURS",
    "ESTIMATORS",
    "FORMATS",
    "GROUPS",
    "HIDDEN",
    "LAYOUTS",
    "NONE",
    "SUFFIXES",
    "UNITS",
    "UNREAD",
    "VIDEO_ONLY",
    "Estimator",
    "Fit",
    "Given",
    "Joints",
    "JointsError",
    "Layout",
    "LayoutError",
    "Named",
    "estimate",
    "fit",
    "flat_on",
    "given",
    "lay",
    "layout",
    "mended",
    "named",
    "opened",
    "packed",
    "read",
    "sample",
    "skeleton",
    "source",
    "stamp",
    "unit_told",
    "unread",
    "write",
]
