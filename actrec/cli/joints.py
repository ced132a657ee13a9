"""Joints of the people in a clip: checked, mended, estimated, kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from actrec.cli.options import AsJson, Clip, Joints, app, clear, print_json, progress
from actrec.core import files
from actrec.core.errors import QuestionError

if TYPE_CHECKING:
    from actrec.core.clip import Video
    from actrec.inputs import pose

PICTURES = 6
"""Frames on the picture that shows how the joints lie."""


@app.command()
def joints(
    clip: Clip,
    joints: Joints = None,
    estimate: Annotated[str | None, typer.Option(help="Estimate them from the frames instead: keypointrcnn or mediapipe.")] = None,
    model_file: Annotated[
        Path | None, typer.Option(help="The estimator's model file: MediaPipe's .task, or other weights of Keypoint R-CNN.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write them as an npz: joints, layout, frames.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a PNG of some frames with the skeletons, to check that they fit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what joints there are for a clip and how they fit it; correct, estimate and save them."""
    from actrec import study  # late: torch
    from actrec.inputs import pose  # late: av

    if estimate is not None and joints is not None:
        raise QuestionError(f"--joints {joints} gives joints and --estimate {estimate} estimates others; give only one of the two")
    if estimate is None and model_file is not None:
        raise QuestionError(f"--model-file {model_file} belongs to an estimator; say which with --estimate {' or '.join(pose.ESTIMATORS)}")
    if picture is not None:
        _drawable(picture)
    film = study.open_clip(clip)
    if estimate is not None:
        found, chosen = pose.estimate(film, estimate, progress(), model=model_file), pose.Named("")
        clear()
    else:
        named = pose.source(joints, film)
        if named is None:
            raise QuestionError(f"there are no joints of {clip!r}: give --joints FILE, or --estimate {' or '.join(pose.ESTIMATORS)}")
        found, chosen = pose.opened(named, film), named
    laid = pose.fit(found, film, chosen.offset)
    if out is not None:
        pose.write(out, laid.joints)
    if picture is not None:
        _draw(picture, film, laid.joints)
    files = [str(path) for path in (out, picture) if path is not None]
    what = found.source if estimate is not None else "the sample clip's own, known because the clip was rendered" if joints is None else chosen.title
    lines = [*laid.lines, *chosen.told, *([found.note] if found.note else [])]
    if as_json:
        about: dict[str, Any] = {"doubtful": laid.doubtful, "doubts": laid.doubts, "clip": clip, "source": what}
        about |= {"layout": found.layout.name, "joints": found.layout.joints, "people": found.people}
        about |= {"frames": film.frames, "covered": laid.covered, "offset": laid.offset}
        return print_json(about | {"fit": lines, "files": files})
    print(f"{what}: {found.people} {'person' if found.people == 1 else 'people'}, {found.layout.title}")
    print("\n".join(f"  {line}" for line in lines))
    if laid.doubtful:
        print("  doubtful: look at --picture; --joints FILE#offset=… moves them, #units=… scales them, #sides=swapped exchanges left and right")
    if files:
        print("\n".join(files))


def _drawable(path: Path) -> None:
    """Whether a picture can be written with this ending; asked before any work is done."""
    import cv2

    if not cv2.haveImageWriter(str(path)):
        raise QuestionError(f"{path}: a picture cannot be written with the extension {path.suffix!r}; use .png or .jpg")


def _draw(path: Path, film: Video, joints: pose.Joints) -> None:
    """Frames evenly over the clip, in two rows, with the skeletons on them."""
    import cv2

    from actrec.clips import video  # late: av
    from actrec.draw import marks  # late: av
    from actrec.inputs import pose  # late: av

    index = np.linspace(0, film.frames - 1, PICTURES).round().astype(np.int64)
    skeleton = pose.skeleton(pose.flat_on(joints, index), joints.layout, np.stack([index, index + 1], -1))
    size = (film.height, film.width)
    drawn = [marks.draw(frame, (None, skeleton), int(number), size) for number, frame in zip(index, video.read(film, index), strict=True)]
    sheet = np.concatenate([np.concatenate(drawn[i : i + PICTURES // 2], 1) for i in range(0, PICTURES, PICTURES // 2)])
    shrunk = min(1.0, 1800 / sheet.shape[1])
    small = cv2.resize(sheet, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(path.suffix, small[..., ::-1])
    files.write(path, data.tobytes())
