"""From a decoded frame to the RGB pixels that are looked at: standard range, nothing transparent.

HDR becomes standard range as ITU-R BT.2408 lays it out: its reference white (203 cd/m²) is white, what is brighter is cut; BT.2100 says how a signal
becomes light, BT.1886 how light becomes a signal. Transparent places are laid on white, as in a browser.
"""

from __future__ import annotations

import functools
import zlib

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics (AVCOL_TRC_…) of more than standard range."""

WHITE = 203.0
"""BT.2408: cd/m² of what is white in a picture of standard range."""

_MATRICES = (0, 1, 2, 4, 5, 6, 7, 9)
"""Ways of coding colours (AVCOL_SPC_…) that swscale turns into RGB."""

_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""Linear RGB of BT.2020 in that of BT.709 (ITU-R BT.2087)."""

_LUMA = np.array([[0.2627, 0.6780, 0.0593]], np.float32)
"""Luminance of linear RGB of BT.2020."""


def rgb(frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """Pixels (height, width, 3) of a frame, brought to that size if it has another."""
    plain(frame)
    if frame.color_trc in HDR:
        return _standard(
            np.asarray(frame.reformat(width, height, format="rgb48le").to_ndarray(), np.uint16), frame.color_trc, wide=frame.color_primaries == 9
        )
    if not has_alpha(frame):
        return np.asarray(frame.reformat(width, height, format="rgb24").to_ndarray(), np.uint8)
    pixels = frame.reformat(width, height, format="rgba").to_ndarray()
    shown, opaque = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8), pixels[..., 3]
    through = opaque < 255
    part = opaque[through][:, None].astype(np.uint16)
    shown[through] = (shown[through] * part + 255 * (255 - part) + 127) // 255
    return shown


def plain(frame: VideoFrame) -> None:
    """Make a frame claim no colours that swscale refuses (rare ones, and noise in a damaged header): it then reads them as BT.601."""
    if frame.colorspace not in _MATRICES:
        frame.colorspace, frame.color_primaries, frame.color_trc = 2, 2, 2  # unspecified


def has_alpha(frame: VideoFrame) -> bool:
    """Whether the frame's pixels can be transparent."""
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


def transparent(frame: VideoFrame) -> bool:
    """Whether a pixel of the frame is."""
    return has_alpha(frame) and bool((frame.reformat(format="rgba").to_ndarray()[..., 3] < 255).any())


def fingerprint(frame: VideoFrame) -> int:
    """A number that two frames share only if they show the same."""
    plain(frame)
    return zlib.crc32(frame.reformat(format="rgba" if has_alpha(frame) else "rgb24").to_ndarray().tobytes())


def _standard(signal: NDArray[np.uint16], transfer: int, wide: bool) -> NDArray[np.uint8]:
    """HDR pixels (H, W, 3), 16 bits a channel, in standard range. wide: their primaries are BT.2020's."""
    light = _light(transfer)[signal]
    if transfer == 18:  # HLG: light as the camera saw it; a screen of 1000 cd/m² shows it with a gamma of 1.2
        light *= 1000 / WHITE * cv2.pow(cv2.transform(light, _LUMA), 0.2)[..., None]
    if wide:
        light = np.asarray(cv2.transform(light, _TO_709), np.float32)
    return np.asarray(cv2.convertScaleAbs(cv2.pow(np.clip(light, 0, 1), 1 / 2.4), alpha=255), np.uint8)


@functools.cache
def _light(transfer: int) -> NDArray[np.float32]:
    """Linear light of every signal of 16 bits. PQ: on the screen, 1 at white. HLG: at the camera, 1 at the brightest."""
    signal = np.arange(65536) / 65535
    if transfer == 18:
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    else:
        root = signal ** (32 / 2523)
        light = (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305) * 10000 / WHITE
    return light.astype(np.float32)
