"""Optical flow: how far every pixel moves from one frame to the next.

>>> flow = between(frames)  # uint8 (T, H, W, 3) → float32 (T − 1, H, W, 2): x and y in pixels of these frames
>>> flow = kept(frames, "raft-small", progress)  # the same, kept on the disk
"""

from actrec.inputs.flow.backend import Backend, Flow, Frames
from actrec.inputs.flow.backends import BACKENDS, between, named
from actrec.inputs.flow.kept import kept

__all__ = ["BACKENDS", "Backend", "Flow", "Frames", "between", "kept", "named"]
