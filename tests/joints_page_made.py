"""Files of joints for the page to be given, and what the page then says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from actrec.inputs import pose

FRAMES = 24
"""Of the clip that the page shows."""


def joints(frames: int = FRAMES, layout: str = "coco17", people: int = 1, first: int = 0) -> pose.Joints:
    """People who stand beside each other, each joint in a place of its own."""
    names = pose.layout(layout)
    values = np.random.default_rng(1).uniform(4, 30, (people, 1, len(names), 3)).repeat(frames, 1)
    values[..., 0] += 30 * np.arange(people)[:, None, None]
    values[..., 1] += 30
    values[..., 2] = 1
    return pose.Joints(values.astype(np.float32), names, np.arange(first, first + frames))


def npz(found: pose.Joints, tmp_path: Path) -> bytes:
    pose.write(tmp_path / "made.npz", found)
    return (tmp_path / "made.npz").read_bytes()


def bare(found: pose.Joints) -> bytes:
    """MMAction2's kind of file, which does not say its layout: as JSON, COCO results."""
    import json

    rows = [{"image_id": int(t), "keypoints": found.values[0, t].ravel().tolist(), "score": 1.0} for t in range(len(found.frames))]
    return json.dumps(rows).encode()


def address(test: AppTest) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in test.query_params.items()}


def texts(test: AppTest) -> str:
    """What the panel says, without the signs that keep it from being markup."""
    said = "\n".join(e.value for kind in (test.markdown, test.caption, test.error, test.warning, test.text) for e in kind)
    return said.replace("\\", "")


def bring(test: AppTest, name: str, content: bytes) -> AppTest:
    test.file_uploader[0].upload(name, content).run()
    assert not test.exception, test.exception
    return test
