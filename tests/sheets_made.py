"""What a figure says, read from it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actrec.core.answer import Explanation
from actrec.draw.figures import Sheet
from actrec.measure import agreement

HOSTILE = "<script>alert(1)</script> & $\\frac{1}{"


def texts(sheet: Sheet) -> list[str]:
    """Every text of a sheet's SVG as a reader would see it, after checking that it is well-formed and holds no script."""
    return read(sheet.svg())


def picture(sheet: Sheet) -> NDArray[np.uint8]:
    """A sheet's PNG as a reader would see it (H, W, 3)."""
    return np.asarray(cv2.imdecode(np.frombuffer(sheet.png(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def dots(sheet: Sheet) -> tuple[int, int, int]:
    """The shape that the PNG of a sheet must have."""
    return round(sheet.height * sheet.dpi), round(sheet.width * sheet.dpi), 3


def read(svg: bytes) -> list[str]:
    """Every text of an SVG that was drawn once already."""
    root = ET.fromstring(svg)
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    return ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("}text")]


def compared(*explanations: Explanation) -> dict[tuple[int, int], agreement.Agreement]:
    return {(i, j): agreement.compare(explanations[i], explanations[j]) for i in range(len(explanations)) for j in range(i + 1, len(explanations))}


def shown(part: Any, key: str = "") -> list[str]:
    """Every text of a plotly figure that is put on the page, so not the data that a click gives back."""
    if isinstance(part, dict):
        return [text for name, inner in part.items() for text in shown(inner, name)]
    if isinstance(part, (list, tuple)):
        return [text for inner in part for text in shown(inner, key)]
    return [part] if isinstance(part, str) and key != "customdata" else []
