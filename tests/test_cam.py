"""Exact CAM: its cells add up to the logit, in every layout and precision, and heads that only look alike are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import CLASSES, GAP, ConvNet, TokenNet, WindowNet, card_of, noise, settled, traced
from torch import Tensor, nn

from actrec.core import evidence
from actrec.core.card import Readout
from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.core.trace import Tap, taps
from actrec.explain import Ask, cam


def shares(model: nn.Module, inputs: Tensor, label: int, versus: int | None = None, **knobs: str) -> tuple[Heat, Tensor]:
    seen = traced(model, inputs, "tap")
    (heat,) = cam.explain(seen, Ask(label, versus, "tap", knobs=knobs, readout=GAP))
    return heat, seen.logits[0]


@pytest.mark.parametrize("label", range(CLASSES))
def test_the_cells_mean_and_the_bias_are_the_logit(label: int) -> None:
    model = settled(ConvNet(inplace=True))
    heat, logits = shares(model, noise(), label)
    assert heat.values.shape == (4, 4, 4)
    assert float(heat.values.mean() + model.fc.bias[label]) == pytest.approx(float(logits[label]), abs=1e-4)


def test_the_map_is_signed_and_its_positive_part_is_the_papers_figure() -> None:
    model = settled(ConvNet())
    whole, _ = shares(model, noise(), 1)
    positive, _ = shares(model, noise(), 1, sign="positive")
    assert whole.signed
    assert whole.values.min() < 0 < whole.values.max()
    assert not positive.signed
    assert np.array_equal(positive.values, np.maximum(whole.values, 0))


def test_a_rather_than_b_is_minus_b_rather_than_a_and_adds_up_to_the_difference() -> None:
    model = settled(ConvNet())
    ab, logits = shares(model, noise(), 0, 3)
    ba, _ = shares(model, noise(), 3, 0)
    assert np.array_equal(ab.values, -ba.values)
    bias = float(model.fc.bias[0] - model.fc.bias[3])
    assert float(ab.values.mean()) + bias == pytest.approx(float(logits[0] - logits[3]), abs=1e-4)
    assert "difference" in ab.unit


def test_a_head_without_bias_and_a_head_that_is_a_convolution_are_linear_too() -> None:
    model = settled(ConvNet())
    want, _ = shares(model, noise(), 2)
    model.fc.bias = None
    bare, _ = shares(model, noise(), 2)
    assert np.array_equal(bare.values, want.values)

    class ConvHead(ConvNet):
        def forward(self, x: Tensor) -> Tensor:
            x = self.tap(self.body(self.act(self.early(self.stem(x)))))
            return self.fc(x.mean((2, 3, 4), keepdim=True)).flatten(1)

    other = ConvHead()
    other.fc = nn.Conv3d(6, CLASSES, 1)
    other.fc.weight.data = model.fc.weight[:, :, None, None, None].clone()
    same, _ = shares(settled(other), noise(), 2)
    assert np.array_equal(same.values, want.values)


def test_a_head_that_only_resembles_average_pooling_is_refused() -> None:
    model = settled(WindowNet(channels_last=False))  # it squares before pooling
    with pytest.raises(QuestionError, match="not exact"):
        shares(model, noise(), 0)


def test_numbers_that_are_none_are_refused_and_not_drawn() -> None:
    model = settled(ConvNet())
    model.fc.weight[0, 0] = torch.nan
    with pytest.raises(QuestionError, match="not exact"):
        shares(model, noise(), 0)


def test_a_question_without_the_cards_gap_is_refused_with_a_way_out() -> None:
    seen = traced(settled(ConvNet()), noise(), "tap")
    with pytest.raises(QuestionError, match="use Grad-CAM"):
        cam.explain(seen, Ask(0, None, "tap"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions_give_the_same_map_in_float32(dtype: torch.dtype) -> None:
    want, _ = shares(settled(ConvNet()), noise(), 1)
    got, _ = shares(settled(ConvNet()).to(dtype), noise().to(dtype), 1)
    assert got.values.dtype == np.float32
    assert np.abs(got.values - want.values).max() < 0.05 * want.peak


def test_autocast_does_not_coarsen_the_map() -> None:
    model = settled(ConvNet())
    want, _ = shares(model, noise(), 1)
    with torch.autocast("cpu", torch.bfloat16):
        got, _ = shares(model, noise(), 1)
    assert got.values.dtype == np.float32
    assert np.abs(got.values - want.values).max() < 0.05 * want.peak


def test_a_map_of_a_millionth_stays_a_millionth_and_counts_as_empty() -> None:
    model = settled(ConvNet())
    model.fc.weight *= 1e-6
    heat, _ = shares(model, noise(), 1)
    assert 0 < heat.peak < 1e-5
    assert heat.empty


class Brightness(nn.Module):
    """One channel, the mean over 4 frames × 4 × 4 pixels: the map's peak must be where the light is."""

    def __init__(self) -> None:
        super().__init__()
        self.tap = Tap(stride=(4, 4, 4), first=(1.5, 1.5, 1.5))
        self.fc = nn.Linear(1, 2)
        nn.init.ones_(self.fc.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.tap(nn.functional.avg_pool3d(x.mean(1, keepdim=True), 4)).mean((2, 3, 4)))


@pytest.mark.parametrize(("frame", "y", "x"), [(1, 2, 2), (3, 6, 13), (4, 9, 5), (6, 14, 14)])
def test_with_two_steps_the_peak_falls_into_the_right_band_and_pixel(frame: int, y: int, x: int) -> None:
    inputs = torch.zeros(1, 3, 8, 16, 16)
    inputs[:, :, frame, y, x] = 1.0
    heat, _ = shares(settled(Brightness()), inputs, 0)
    assert heat.bands.tolist() == [[0, 4], [4, 8]]
    step = heat.step_at(frame)
    assert step == frame // 4
    assert heat.values[1 - step].max() <= 0 < heat.values[step].max()
    peak = np.unravel_index(np.nanargmax(evidence.on_source(heat, step, 16, 16)), (16, 16))
    assert abs(peak[0] - y) <= 2
    assert abs(peak[1] - x) <= 2


def test_cam_fits_where_it_is_exact_and_says_why_not_elsewhere() -> None:
    known = taps(ConvNet())
    assert cam.layers(card_of(), known) == ("tap",)
    assert "average pooling" in cam.layers(card_of(None), known)
    assert "class token" in cam.layers(card_of(None), taps(TokenNet()))
    assert "cannot be read" in cam.layers(card_of(Readout("elsewhere", "fc")), known)
