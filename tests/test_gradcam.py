"""Grad-CAM and relatives: equal to the grad-cam library where that is right, and right where it is not."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from numpy.typing import NDArray
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from tiny_models import GAP, ConvNet, TokenNet, WindowNet, card_of, noise, settled, traced
from torch import Tensor, nn

from actrec.core.errors import QuestionError
from actrec.core.evidence import Heat
from actrec.core.trace import Tap, taps
from actrec.explain import Ask, Method, cam, gradcam

METHODS = {method.id: method for method in gradcam.METHODS}
LIBRARY = {method.id: method.explain.args[0].formula for method in gradcam.METHODS}  # type: ignore[attr-defined]


def explain(id: str, model: nn.Module, inputs: Tensor, layer: str = "tap", label: int = 1, versus: int | None = None, **knobs: str) -> Heat:
    method = METHODS[id]
    (heat,) = method.explain(traced(model, inputs, layer, grad=method.grad), Ask(label, versus, layer, knobs=knobs))
    return heat


def signed(method: Method) -> dict[str, str]:
    return {"sign": "signed"} if any(knob.name == "sign" for knob in method.knobs) else {}


def loud() -> nn.Module:
    """Gradients far above the library's epsilons, so that its numbers can be compared with."""
    model = settled(ConvNet())
    model.fc.weight *= 1e5
    return model


def ordinary(name: str, inputs: Tensor, layer: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The library run as its own examples run it: its map before scaling, and its final map."""
    model = loud().requires_grad_(True)
    raw: list[NDArray[Any]] = []
    with getattr(pytorch_grad_cam, name)(model=model, target_layers=[{"tap": model.body, "early": model.stem}[layer]]) as tool:
        inner = tool.get_cam_image
        tool.get_cam_image = lambda *given: raw.append(inner(*given)) or raw[-1]
        final = tool(inputs, [ClassifierOutputTarget(1)])
    return raw[0][0], final[0]


@pytest.mark.parametrize("layer", ["early", "tap"])
@pytest.mark.parametrize("id", METHODS)
def test_the_map_is_the_librarys_up_to_its_scale(id: str, layer: str) -> None:
    inputs = noise(4)
    raw, final = ordinary(LIBRARY[id], inputs, layer)
    heat = explain(id, loud(), inputs, layer, **signed(METHODS[id]))
    factor = heat.values.size if METHODS[id].explain.args[0].scale == "cells" else 1  # type: ignore[attr-defined]
    ours = heat.values / factor
    if "eigen" in id:  # the sign of a component is arbitrary
        ours = ours * np.sign((ours * raw).sum())
    raw = raw if heat.signed else np.maximum(raw, 0)
    assert np.abs(ours - raw).max() <= 1e-4 * np.abs(raw).max()
    stretched = np.maximum(scale_cam_image(np.maximum(ours, 0)[None], inputs.shape[:1:-1]), 0)
    assert np.abs(scale_cam_image(stretched)[0] - final).max() < 1e-3


@pytest.mark.parametrize("id", ["gradcam", "xgradcam", "hirescam"])
@pytest.mark.parametrize("weights", ["clip", "frame"])
def test_before_an_average_pooling_head_they_are_cam_itself(id: str, weights: str) -> None:
    model = settled(ConvNet(inplace=True))
    (want,) = cam.explain(traced(model, noise(), "tap"), Ask(2, None, "tap", readout=GAP))
    knobs = {"weights": weights} if id != "hirescam" else {}
    got = explain(id, model, noise(), label=2, sign="signed", **knobs)
    assert np.abs(got.values - want.values).max() < 1e-5 * max(want.peak, 1)


def test_one_weight_per_clip_and_one_per_frame_are_two_maps_and_both_are_named() -> None:
    class Ends(nn.Module):
        """Scores the last step minus the first: the mean gradient over the clip is nothing, in each frame it is not."""

        def __init__(self) -> None:
            super().__init__()
            self.tap = Tap(stride=(1, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            x = self.tap(x[:, :1])
            return (x[:, :, -1] - x[:, :, 0]).mean((2, 3)) * torch.ones(1, 2)

    inputs = noise(1, 3, 4)
    clip = explain("gradcam", Ends(), inputs, sign="signed", weights="clip")
    frame = explain("gradcam", Ends(), inputs, sign="signed", weights="frame")
    assert np.all(clip.values == 0)
    assert clip.empty
    sign = np.array([-1, 0, 1])[:, None, None]
    assert np.allclose(frame.values, 3 * sign * inputs[0, 0].numpy(), atol=1e-6)  # 48 cells × gradient 1/16
    assert "clip" in clip.title
    assert "every step" in frame.title


@pytest.mark.parametrize("id", METHODS)
def test_an_inplace_relu_behind_the_layer_changes_nothing(id: str) -> None:
    want = explain(id, settled(ConvNet(inplace=False)), noise(2), "early")
    got = explain(id, settled(ConvNet(inplace=True)), noise(2), "early")
    assert np.array_equal(got.values, want.values)
    assert want.values.max() > 0


@pytest.mark.parametrize("id", METHODS)
def test_a_channels_last_grid_is_read_as_one(id: str) -> None:
    want = explain(id, settled(WindowNet(channels_last=False)), noise(2))
    got = explain(id, settled(WindowNet(channels_last=True)), noise(2))
    assert got.values.shape == (2, 4, 4)
    assert np.abs(got.values - want.values).max() <= 1e-5 * want.peak


def test_tokens_go_back_to_their_cells_and_the_class_token_to_none() -> None:
    model = settled(TokenNet())
    seen = traced(model, noise(2), "taps.0", grad=True)
    heat = METHODS["hirescam"].explain(seen, Ask(1, None, "taps.0"))[0]
    product = seen.seen["taps.0"].tensor * seen.gradient(seen.logits[0, 1], "taps.0")
    want = product[0, 1:].sum(-1).detach().reshape(2, 4, 4) * 32
    assert np.allclose(heat.values, want.numpy(), atol=1e-5)
    assert heat.peak > 1e-3


def test_a_class_token_model_does_not_offer_its_blind_last_layer_first() -> None:
    model = settled(TokenNet())
    assert METHODS["gradcam"].layers(card_of(None), taps(model)) == ("taps.0", "taps.1")
    assert explain("gradcam", model, noise(), "taps.1").empty


def test_hirescam_right_before_a_layer_normalisation_is_empty_and_not_drawn_noise() -> None:
    class Normed(ConvNet):
        """Features that are read through a layer normalisation alone: stretching them changes nothing, so gradient times features is zero."""

        def forward(self, x: Tensor) -> Tensor:
            x = self.tap(self.body(self.act(self.early(self.stem(x)))))
            return self.fc(nn.functional.layer_norm(x.movedim(1, -1), (6,), eps=0.0).mean((1, 2, 3)))

    assert explain("hirescam", settled(Normed()), noise()).empty
    assert not explain("gradcam", settled(Normed()), noise(), sign="signed").empty
    assert "layer normalisation" in METHODS["hirescam"].caution


@pytest.mark.parametrize("id", METHODS)
def test_a_half_precision_model_gives_nearly_the_same_map_in_float32(id: str) -> None:
    want = explain(id, settled(ConvNet()), noise(2), label=2)
    got = explain(id, settled(ConvNet()).bfloat16(), noise(2).bfloat16(), label=2)
    assert got.values.dtype == np.float32
    assert np.abs(got.values - want.values).max() < 0.15 * want.peak
    assert np.corrcoef(got.values.ravel(), want.values.ravel())[0, 1] > 0.98


def test_a_layer_that_is_used_twice_is_named_in_the_error() -> None:
    class Twice(ConvNet):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + super().forward(x)

    with pytest.raises(RuntimeError, match="'tap' was passed twice"):
        explain("gradcam", settled(Twice()), noise())


@pytest.mark.parametrize("id", [id for id, method in METHODS.items() if method.by_class])
def test_a_map_of_a_millionth_stays_a_millionth_and_counts_as_empty(id: str) -> None:
    model = settled(ConvNet())
    model.fc.weight *= 1e-6
    heat = explain(id, model, noise(), **signed(METHODS[id]))
    assert 0 < heat.peak < 1e-5
    assert heat.empty


def test_grad_cam_plus_plus_is_not_decided_by_the_librarys_epsilon() -> None:
    model = settled(ConvNet())
    seen = traced(model, noise(), "tap", grad=True)
    A, g = (x.detach().double() for x in (seen.seen["tap"].tensor, seen.gradient(seen.logits[0, 1], "tap")))
    alpha = torch.where(g != 0, 1 / (2 + A.sum((2, 3, 4), keepdim=True) * g), 0)  # eq. 19, divided by g²
    want = ((g.clamp(min=0) * alpha).sum((2, 3, 4), keepdim=True) * A).sum(1)[0]
    got = explain("gradcam-plusplus", model, noise(), sign="signed")
    assert np.allclose(got.values, want, rtol=1e-3, atol=1e-3 * float(want.abs().max()))


@pytest.mark.parametrize("id", ["gradcam", "hirescam", "xgradcam"])
def test_a_rather_than_b_is_minus_b_rather_than_a_where_the_map_is_linear(id: str) -> None:
    ab = explain(id, settled(ConvNet()), noise(), "early", 0, 3, sign="signed")
    ba = explain(id, settled(ConvNet()), noise(), "early", 3, 0, sign="signed")
    assert np.allclose(ab.values, -ba.values, atol=1e-6 * ab.peak)
    a, b = (explain(id, settled(ConvNet()), noise(), "early", label, sign="signed") for label in (0, 3))
    assert np.allclose(ab.values, a.values - b.values, atol=1e-5 * ab.peak)


def test_maps_without_gradients_do_not_know_the_class() -> None:
    for id in ("eigencam", "fem"):
        assert not METHODS[id].grad
        assert not METHODS[id].by_class
        assert np.array_equal(explain(id, settled(ConvNet()), noise(), label=0).values, explain(id, settled(ConvNet()), noise(), label=3).values)


def test_eigen_cam_of_many_cells_needs_no_cell_by_cell_matrix() -> None:
    parts = torch.rand(1, 3, 8, 100, 100)  # 80 000 cells: their matrix would take 25 GB
    turned = gradcam.first_component(parts, parts.norm(dim=1))
    assert turned.shape == (1, 8, 100, 100)
    assert float((turned * parts.norm(dim=1)).sum()) > 0


def test_every_class_of_the_library_is_offered_or_left_out_for_a_reason() -> None:
    classes = {
        name for name, cls in vars(pytorch_grad_cam).items() if inspect.isclass(cls) and (issubclass(cls, BaseCAM) or name in gradcam.LEFT_OUT)
    }
    assert classes == set(LIBRARY.values()) | set(gradcam.LEFT_OUT)
    assert not {"AblationCAM", "ScoreCAM", "FullGrad"} & set(LIBRARY.values())


def test_an_unknown_setting_is_refused_with_the_legal_ones() -> None:
    with pytest.raises(QuestionError, match="choose clip or frame"):
        explain("gradcam", settled(ConvNet()), noise(), weights="sometimes")


def test_feature_layers_are_offered_deepest_first() -> None:
    assert METHODS["gradcam"].layers(card_of(), taps(ConvNet())) == ("tap", "early")
    assert "no layer" in METHODS["gradcam"].layers(card_of(None), {})
