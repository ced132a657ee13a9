"""Checkpoints with something beside the model, around its names, or in place of its numbers: left out and said, peeled, mended where the file
says how, or refused in one line."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from test_checkpoint import network, same
from torch import Tensor, nn

from actrec.core.errors import WeightsError
from actrec.models import weights
from actrec.models.weights.families import FAMILIES, Family, Renamed, renamed
from actrec.models.weights.fitting import PREFIXES, WRAPPED

State = dict[str, Tensor]


@pytest.fixture
def trained() -> nn.Module:
    torch.manual_seed(1)
    return network()


@given(st.data())
def test_words_of_wrappers_anywhere_in_a_name_are_taken_off(data: st.DataObject) -> None:
    model = network()
    words, front = (st.lists(st.sampled_from(sorted(group)), max_size=3) for group in (WRAPPED, PREFIXES))
    state = {}
    for name, tensor in model.state_dict().items():
        parts = [".".join([*data.draw(words), part]) for part in name.split(".")]
        state[".".join([*data.draw(front), *parts])] = tensor
    fresh = network()
    assert weights.load(fresh, state).complete
    assert same(fresh, model)
    assert weights.plain(state).keys() == model.state_dict().keys()


BESIDE = ["criterion.weight", "loss.weight", "model.loss_fn.pos_weight", "train_acc.tp", "val_accuracy.total", "metrics.f1.tp", "class_loss.weight"]
BESIDE += ["ema.fc.weight", "model_ema.module.fc.weight", "ema_model.stem.0.weight", "module.criterion.weight"]


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_of_a_loss_a_metric_or_an_average_is_left_out_and_said(trained: nn.Module, name: str) -> None:
    fresh = network()
    report = weights.load(fresh, {**{f"model.{n}": t for n, t in trained.state_dict().items()}, name: torch.ones(4)})
    assert report.complete
    assert report.left_out == (name,)
    assert f"1 left out, of a loss, a metric or a moving average: {name}" in str(report)
    assert same(fresh, trained)


@pytest.mark.parametrize("name", ["aux_fc.weight", "fc2.weight", "stem.9.weight", "lossless.weight.", "teacher.fc.weight"])
def test_what_may_be_of_another_model_is_no_less_refused(trained: nn.Module, name: str) -> None:
    with pytest.raises(weights.Misfit, match="1 unexpected"):
        weights.load(network(), {**trained.state_dict(), name.replace("lossless", "gloss"): torch.ones(4)})


def test_a_loss_does_not_stand_in_for_what_is_missing(trained: nn.Module) -> None:
    state = trained.state_dict()
    state["criterion.weight"] = state.pop("fc.weight")
    with pytest.raises(weights.Misfit, match=r"1 missing: fc\.weight; 1 left out"):
        weights.load(network(), state)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_whole_numbers_are_never_taken_for_weights(trained: nn.Module, kind: torch.dtype) -> None:
    fresh, before = network(), network()
    before.load_state_dict(fresh.state_dict())
    state = {**trained.state_dict(), "fc.weight": (trained.fc.weight * 100).to(kind)}
    for strict in (True, False):
        if strict:
            with pytest.raises(weights.Misfit, match=r"1 in whole numbers without their scale: fc\.weight \(.*; save them in float16, or with the"):
                weights.load(fresh, state)
            assert same(fresh, before)
        else:
            weights.load(fresh, state, strict=False)
            assert torch.equal(fresh.fc.weight, before.fc.weight)


SCALED: dict[str, Callable[[Tensor], State]] = {
    "one": lambda q: {"fc.weight": q, "fc.weight_scale": torch.tensor(0.02)},
    "each": lambda q: {"fc.weight": q, "fc.weight_scale": torch.full((4, 1), 0.02)},
    "zero": lambda q: {"fc.weight": q + 3, "fc.weight_scale": torch.full((4,), 0.02), "fc.weight_zero_point": torch.full((4,), 3, dtype=torch.int8)},
    "torch": lambda q: {"fc.weight": torch.quantize_per_tensor(q * 0.02, 0.02, 0, torch.qint8)},
}


@pytest.mark.parametrize("form", SCALED)
def test_quantised_weights_come_as_what_they_stand_for_where_the_file_says_how(tmp_path, trained: nn.Module, form: str) -> None:
    numbers = torch.randint(-60, 60, (4, 5), dtype=torch.int8)
    state = {name: tensor for name, tensor in trained.state_dict().items() if name != "fc.weight"}
    torch.save(state | SCALED[form](numbers), tmp_path / "q.pth")
    fresh = network()
    assert weights.load(fresh, weights.read(tmp_path / "q.pth")[0]).complete
    assert torch.allclose(fresh.fc.weight, numbers * 0.02, atol=1e-6)


def test_scales_of_groups_are_refused_and_a_scale_of_a_model_is_its_own(tmp_path) -> None:
    torch.save({"w": torch.ones(4, 8, dtype=torch.int8), "w_scale": torch.ones(4, 2)}, tmp_path / "q.pth")
    with pytest.raises(WeightsError, match=r"w has scales of the shape \(4, 2\), not one for all or one for each output"):
        weights.read(tmp_path / "q.pth")
    torch.save({"w": torch.full((4, 8), 2.0), "w_scale": torch.ones(4)}, tmp_path / "own.pth")
    assert set(weights.read(tmp_path / "own.pth")[0]) == {"w", "w_scale"}


def test_shapes_without_numbers_are_said_to_be_that(tmp_path, trained: nn.Module) -> None:
    torch.save({name: tensor.to("meta") for name, tensor in trained.state_dict().items()}, tmp_path / "meta.pth")
    with pytest.raises(WeightsError, match=r"^meta\.pth holds shapes without numbers .*meta device\).*; save state_dict\(\) of the loaded model$"):
        weights.read(tmp_path / "meta.pth")


def test_a_name_of_a_hundred_thousand_words_takes_no_time_and_no_page(tmp_path, trained: nn.Module) -> None:
    long = "module." * 100_000
    began = time.process_time()
    assert weights.fit(network(), {long + name: tensor for name, tensor in trained.state_dict().items()}).complete
    report = weights.fit(network(), {long + "other": torch.ones(1), "x" * 100_000: torch.ones(1)})
    assert len(str(report)) < 1000
    save_file({long + "fc.weight": torch.ones(2)}, tmp_path / "long.safetensors")
    torch.save({long + "fc.weight": torch.ones(2)}, tmp_path / "long.pth")
    for name in ("long.safetensors", "long.pth"):
        with pytest.raises(WeightsError, match=f"^{name} has a tensor whose name is 700009 characters long, more than 1000; ") as refused:
            weights.read(tmp_path / name)
        assert len(str(refused.value)) < 200
    assert time.process_time() - began < 5


def rows(*names: str, **shapes: tuple[int, ...]) -> State:
    return {name: torch.empty(shapes.get(name.split(".")[-2], (4, 4)), device="meta") for name in names}


def like(name: str, *shape: int) -> State:
    return {name: torch.empty(shape, device="meta")}


MM = "backbone.layer1.0.conv1.conv.weight"
SAMPLES: dict[str, State] = {
    "TSM (mit-han-lab)": like("module.base_model.conv1.weight", 64, 3, 7, 7) | like("module.base_model.layer1.0.conv1.net.weight", 64, 64, 1, 1),
    "TSM with non-local blocks": rows("module.base_model.layer2.0.block.conv1.net.weight", "module.base_model.layer2.0.nl.theta.weight"),
    "TSM with pooling over time": rows("module.base_model.layer1.0.conv1.net.weight", "module.base_model.layer2.net.0.conv1.net.weight"),
    "TSM with shifted shortcuts": rows("module.base_model.layer1.0.net.conv1.weight", "module.new_fc.weight"),
    "TSM or TSN on stacked optical flow": like("module.base_model.conv1.weight", 64, 10, 7, 7)
    | like("module.base_model.layer1.0.conv1.net.weight", 64, 64, 1, 1),
    "TSM or TSN on RGB differences (mit-han-lab)": like("module.base_model.conv1.weight", 64, 15, 7, 7)
    | like("module.base_model.layer1.0.conv1.net.weight", 64, 64, 1, 1),
    "TSM on MobileNetV2": like("module.base_model.features.3.conv.0.net.weight", 144, 24, 1, 1),
    "TSM on MobileNetV2, online": rows("features.2.conv.0.weight", "features.18.0.weight", "classifier.weight"),
    "TSM (MMAction2)": like("backbone.layer1.0.conv1.conv.net.weight", 64, 64, 1, 1) | like("backbone.conv1.conv.weight", 64, 3, 7, 7),
    "TSN (mit-han-lab)": rows("module.base_model.layer1.0.conv1.weight", "module.new_fc.weight"),
    "I3D ResNet (MMAction2)": like("backbone.conv1.conv.weight", 64, 3, 5, 7, 7) | like(MM, 64, 64, 3, 1, 1),
    "SlowOnly (MMAction2)": like("backbone.conv1.conv.weight", 64, 3, 1, 7, 7) | like(MM, 64, 64, 1, 1, 1),
    "TSN or C2D (MMAction2)": like("backbone.conv1.conv.weight", 64, 3, 7, 7) | like(MM, 64, 64, 1, 1),
    "R(2+1)D-34 (MMAction2)": like("backbone.conv1.conv.conv_s.weight", 83, 3, 1, 7, 7),
    "SlowFast (MMAction2)": rows("backbone.slow_path.conv1.conv.weight", "backbone.fast_path.conv1.conv.weight"),
    "VideoMAE (MMAction2)": rows(
        "backbone.patch_embed.projection.weight", "backbone.blocks.0.attn.q_bias", "backbone.blocks.0.mlp.layers.0.0.weight"
    ),
    "MViTv2 (MMAction2)": rows("backbone.patch_embed.projection.weight", "backbone.blocks.0.attn.rel_pos_t"),
    "X3D (MMAction2)": rows("backbone.conv1_s.conv.weight", "backbone.conv1_t.conv.weight"),
    "TimeSformer (MMAction2)": rows("backbone.transformer_layers.layers.0.attentions.0.attn.in_proj_weight"),
    "TPN (MMAction2)": rows("backbone.layer1.0.conv1.conv.net.weight", "cls_head.new_cls.weight"),
    "SlowFast (PySlowFast)": rows("s1.pathway0_stem.conv.weight", "s1.pathway1_stem.conv.weight", "s2.pathway0_res0.branch2.a.weight"),
    "C2D, I3D or Slow (PySlowFast)": rows("s1.pathway0_stem.conv.weight", "s2.pathway0_res0.branch2.a.weight"),
    "X3D (PySlowFast)": rows("s1.pathway0_stem.conv_xy.weight", "s2.pathway0_res0.branch2.a.weight"),
    "MViT (PySlowFast)": rows("patch_embed.proj.weight", "pos_embed_spatial.x", "blocks.0.attn.qkv.weight", "blocks.0.attn.pool_q.weight"),
    "X3D (pytorchvideo)": rows("blocks.0.conv.conv_t.weight", "blocks.0.conv.conv_xy.weight", "blocks.5.pool.post_conv.weight"),
    "SlowFast (pytorchvideo)": rows("blocks.0.multipathway_blocks.0.conv.weight"),
    "a ResNet of pytorchvideo (Slow, C2D, I3D, CSN or R(2+1)D)": rows("blocks.1.res_blocks.0.branch2.conv_a.weight"),
    "MViT (pytorchvideo)": rows("cls_positional_encoding.cls_token", "patch_embed.patch_model.weight"),
    "VideoMAE (Hugging Face)": rows("videomae.encoder.layer.0.attention.attention.query.weight"),
    "VideoMAE": rows("encoder.blocks.0.attn.qkv.weight", "encoder.blocks.0.attn.q_bias"),
    "TimeSformer (Hugging Face)": rows("timesformer.encoder.layer.0.temporal_dense.weight"),
    "TimeSformer": rows("model.blocks.0.temporal_attn.qkv.weight"),
    "V-JEPA 2, the probe alone": rows("module.pooler.query_tokens"),
    "I3D Inception (piergiaj)": rows("Conv3d_1a_7x7.conv3d.weight", "Mixed_3b.b1a.conv3d.weight"),
    "BN-Inception": rows("conv1_7x7_s2.weight", "inception_3a_1x1.weight"),
    "PWC-Net, which computes optical flow": rows("moduleExtractor.moduleOne.0.weight"),
    "NetVLAD": rows("vlad.conv.weight", "vlad.centroids"),
}


@pytest.mark.parametrize("name", [family.name for family in FAMILIES])
def test_a_checkpoint_of_another_program_is_called_by_its_name(name: str) -> None:
    found = weights.recognise(SAMPLES[name])
    assert found is not None
    assert found.name == name
    with pytest.raises(weights.Misfit) as refused:
        weights.load(network(), SAMPLES[name])
    assert str(refused.value).endswith(f"they are of {found}")
    assert "\n" not in str(refused.value)


READ = [family for family in FAMILIES if family.rules]


@given(
    st.sets(
        st.sampled_from(["fc.weight", "module.fc.weight", "module.new_fc.weight", "model.new_fc.weight", "module.base_model.fc.weight", "new_fc."])
    )
)
def test_no_renamed_tensor_takes_anothers_place(names: set[str]) -> None:
    state = SAMPLES["TSM (mit-han-lab)"] | rows(*sorted(names))
    found = renamed(state)
    assert isinstance(found, Renamed)
    assert {id(tensor) for tensor in found.values()} == {id(tensor) for tensor in state.values()}
    assert all(found[name] is state[name] for name in names & {"fc.weight"})
    assert all(found[ours] is state[theirs] for ours, theirs in found.theirs.items())


@pytest.mark.parametrize("family", READ, ids=[family.name for family in READ])
def test_many_long_names_are_renamed_at_once(family: Family) -> None:
    one = torch.ones(1)
    for part in ("module.", "conv1.", "conv1.conv.", "downsample.", "base_model.", "backbone."):
        state = SAMPLES[family.name] | {f"{part * (length // len(part))}{number}": one for length in (150, 950) for number in range(1000)}
        began = time.process_time()
        assert len(renamed(state)) == len(state)
        assert time.process_time() - began < 2


def test_nothing_of_ours_is_taken_for_another_programs() -> None:
    from actrec import catalogue

    for card in catalogue.architectures().values():
        assert weights.recognise(catalogue.without_numbers(card).state_dict()) is None, card.id
