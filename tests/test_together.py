"""Maps that belong beside each other: a row each in the figure, a part each of the film, panes or one picture in the player, one scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, explanation, heat, one_hot
from clips_made import clip as make_clip
from grey_made import about, grey
from sheets_made import texts

from actrec.clips import video
from actrec.core.answer import Explanation
from actrec.core.clip import Video
from actrec.core.look import Look
from actrec.draw import overlay_video
from actrec.draw.figures import strip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return video.probe(make_clip(tmp_path_factory.mktemp("clips") / "grey.mp4", 40, size=(64, 48), options={"crf": "8"}, paint=grey))


def beside(**changes: object) -> Explanation:
    """Two maps that belong together, in one unit, the second a tenth of the first."""
    one, other = heat(one_hot(1, 2, 3, value=4.0)), replace(heat(one_hot(0, 1, 1, (2, 6, 8), value=0.4)), title="CAM of the other")
    return explanation(one, replace(other, **changes), together=True)  # type: ignore[arg-type]


def test_maps_that_belong_together_have_a_row_each_under_their_titles_and_one_scale() -> None:
    single, both = strip.strip(explanation(beside().heat)), strip.strip(beside())
    words = texts(both)
    assert {"CAM", "CAM of the other"} <= set(words)
    assert any(text.startswith("CAM, CAM of the other · ") for text in words)
    assert both.height > single.height + 0.5
    assert words.count("4") == 1, "one colour bar, which ends at the largest of both"
    assert "0.4" not in words
    assert "One colour scale for all maps of a unit." in " ".join(words)
    assert words.count("evidence") == 2 * texts(single).count("evidence")
    own = texts(strip.strip(beside(), Look()))
    assert own.count("4") == own.count("0.4") == 1, "each its own"
    assert "Each map has its own colour scale." in " ".join(own)
    apart = texts(strip.strip(beside(unit="another")))
    assert apart.count("4") == apart.count("0.4") == 1, "two units have no scale in common"
    assert texts(strip.strip(beside(), Look(scale="frame"))).count("max") == 1


def test_each_row_shows_its_own_map() -> None:
    grey = np.full((16, HEIGHT, WIDTH, 3), 128, np.uint8)
    empty = replace(heat(np.zeros((4, 6, 8))), title="CAM of the other")
    maps = heat(np.ones((4, 6, 8))), empty
    rows = [strip.strip(explanation(*order, frames=grey, together=True)).pixels().astype(int) for order in (maps, maps[::-1])]
    where = [np.flatnonzero((np.ptp(page[150:, 200:1600], axis=2) > 60).mean(1) > 0.5).mean() for page in rows]
    assert where[1] > where[0] + 100, "the second row is below the first"


def test_maps_that_belong_together_lie_side_by_side_in_the_film(tmp_path: Path, source: Video) -> None:
    one, other = heat(one_hot(1, 2, 3)), heat(one_hot(0, 4, 6, (1, 6, 8)))
    overlay_video.write(about(source, one, other, together=True), tmp_path / "film.mp4")
    high, wide, full = overlay_video.size_of(source.height, source.width, 2)
    written = video.probe(tmp_path / "film.mp4")
    assert (written.width, written.frames) == (2 * full, 27)
    pictures = video.read(written, range(27)).astype(int)[:, :high]
    hot = [np.ptp(half[:, :, (full - wide) // 2 : (full + wide) // 2], axis=3) > 40 for half in (pictures[:, :, :full], pictures[:, :, full:])]
    assert hot[0].any((1, 2)).tolist() == [one.step_at(4 + i) == 1 for i in range(27)]
    assert hot[1].any((1, 2)).all(), "the other map has one step for all frames"
    for part, (row, column) in zip(hot, ((2.5, 3.5), (4.5, 6.5)), strict=True):
        _, y, x = np.nonzero(part)
        assert (y.mean() / high, x.mean() / wide) == pytest.approx((row / 6, column / 8), abs=0.03)
