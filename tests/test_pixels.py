"""A model's input is torchvision's to the number, and a place goes from the source to the input and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.models.video as tv
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from inputs_made import geometries, quick, table

from actrec.core.clip import Geometry, Preprocess
from actrec.inputs import pixels

PRESETS = [
    tv.R3D_18_Weights.KINETICS400_V1,
    tv.S3D_Weights.KINETICS400_V1,
    tv.MViT_V2_S_Weights.KINETICS400_V1,
    tv.Swin3D_T_Weights.KINETICS400_V1,
]


def as_preprocess(preset) -> Preprocess:
    size = tuple(preset.resize_size)
    return Preprocess(size[0] if len(size) == 1 else size, tuple(preset.crop_size), tuple(preset.mean), tuple(preset.std), antialias=False)


@pytest.mark.parametrize("weights", PRESETS, ids=str)
@pytest.mark.parametrize("size", [(120, 161), (256, 340), (333, 257), (300, 300)])
def test_the_input_is_torchvisions_to_the_number(weights, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, *size, 3), np.uint8)
    preset = weights.transforms()
    theirs = preset(torch.from_numpy(frames).permute(0, 3, 1, 2))[None]
    preprocess = as_preprocess(preset)
    ours = pixels.to_input(frames, preprocess, pixels.geometry(table(5, *size), preprocess))
    assert ours.shape == theirs.shape
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 90), st.integers(20, 90), st.integers(16, 70), st.tuples(st.integers(8, 90), st.integers(8, 90)), st.booleans())
def test_any_size_and_crop_is_rounded_as_torchvision_rounds(height, width, short, crop, both) -> None:
    from torchvision.transforms._presets import VideoClassification

    resize = (short, short + 7) if both else short
    preset = VideoClassification(crop_size=crop, resize_size=resize if both else (resize,))
    frames = np.random.default_rng(height).integers(0, 256, (1, height, width, 3), np.uint8)
    preprocess = Preprocess(resize, crop, tuple(preset.mean), tuple(preset.std), antialias=False)
    ours = pixels.to_input(frames, preprocess, pixels.geometry(table(5, height, width), preprocess))
    torch.testing.assert_close(ours, preset(torch.from_numpy(frames).permute(0, 3, 1, 2))[None], rtol=0, atol=1e-6)


def test_a_batch_is_normalised_as_one_clip_is() -> None:
    """Training and evaluation hand whole batches on, explanations one clip: to the last bit the same numbers."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 40, 50, 3), np.uint8)
    how = Preprocess(32, (24, 28), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    put = pixels.geometry(table(3, 40, 50), how)
    cut = torch.from_numpy(np.stack([pixels.cropped(one, how, put) for one in frames]))
    kept = cut.clone()
    found = pixels.batch_to_input(cut, how)
    assert torch.equal(found, torch.cat([pixels.to_input(one, how, put) for one in frames]))
    assert torch.equal(cut, kept)
    expected = ((cut.double() / 255 - torch.tensor(how.mean)) / torch.tensor(how.std)).permute(0, 4, 1, 2, 3)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-6)


def test_with_antialiasing_every_source_pixel_weighs_in() -> None:
    frames = np.zeros((1, 60, 60, 3), np.uint8)
    frames[0, 29, 29] = 255  # falls between the four pixels that plain bilinear looks at
    source = table(5, 60, 60)
    for antialias in (False, True):
        preprocess = Preprocess(10, (10, 10), (0, 0, 0), (1, 1, 1), antialias)
        assert bool(pixels.to_input(frames, preprocess, pixels.geometry(source, preprocess)).any()) == antialias


def test_frames_of_another_size_are_refused() -> None:
    preprocess = Preprocess(32, (32, 32))
    with pytest.raises(ValueError, match=r"\(2, 10, 12, 3\)"):
        pixels.to_input(np.zeros((2, 10, 12, 3), np.uint8), preprocess, pixels.geometry(table(5), preprocess))


@quick
@given(geometries(), st.floats(-50, 250), st.floats(-50, 250))
def test_source_and_input_places_go_there_and_back(geometry: Geometry, x: float, y: float) -> None:
    assert geometry.to_source(*geometry.to_input(x, y)) == pytest.approx((x, y), abs=1e-9)
    u, v = geometry.to_input(*geometry.box[:2])
    assert (u, v) == pytest.approx((0, 0), abs=1e-9)
    assert geometry.to_input(*geometry.box[2:]) == pytest.approx(geometry.crop[::-1], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(24, 120), st.integers(24, 120), st.integers(40, 120), st.integers(8, 60), st.data())
def test_a_marked_pixel_of_the_input_lies_where_it_was_in_the_source(height, width, short, side, data) -> None:
    preprocess = Preprocess(short, (min(side, short),) * 2, mean=(0, 0, 0), std=(1, 1, 1))
    geometry = pixels.geometry(table(5, height, width), preprocess)
    left, top, right, bottom = geometry.box
    columns, rows = (int(np.ceil(max(left, 0))), int(min(right, width)) - 1), (int(np.ceil(max(top, 0))), int(min(bottom, height)) - 1)
    assume(columns[0] <= columns[1] and rows[0] <= rows[1])  # a tiny crop of a magnified frame holds no whole source pixel
    x, y = data.draw(st.integers(*columns)), data.draw(st.integers(*rows))
    frames = np.zeros((1, height, width, 3), np.uint8)
    frames[0, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = 255  # a spot that survives being made smaller, around the pixel
    image = pixels.to_input(frames, preprocess, geometry)[0, 0, 0].numpy()
    if image.max() == 0:
        return
    v, u = (np.average(np.arange(n) + 0.5, weights=image.sum(axis)) for n, axis in zip(image.shape, (1, 0), strict=True))
    lit = [np.flatnonzero(image.any(axis)) for axis in (1, 0)]
    if any(line[0] == 0 or line[-1] == len_ - 1 for line, len_ in zip(lit, image.shape, strict=True)) or min(x, y, width - 1 - x, height - 1 - y) < 2:
        return  # the spot is cut by an edge, so its middle is not the pixel
    back = geometry.to_source(float(u), float(v))
    sy, sx = geometry.scale
    assert back[0] == pytest.approx(x + 0.5, abs=0.5 + 0.5 / sx)
    assert back[1] == pytest.approx(y + 0.5, abs=0.5 + 0.5 / sy)
