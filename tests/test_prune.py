"""Pruning: the pruned network is the masked one, at 0 % the same one; the threshold is one for all; what must stay stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streams_made
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from actrec import catalogue, cli, study
from actrec.core.card import Card
from actrec.core.errors import QuestionError
from actrec.core.question import Question
from actrec.lab import fuse as fusing
from actrec.lab import prune
from actrec.lab.train import start, steps
from actrec.models import weights

SMALL = {"units": [1, 2, 1, 2], "width": 0.125}


def made(**arguments: Any) -> tuple[Card, nn.Module, dict[str, Tensor]]:
    """A card, its network with scales and shifts of chance, and its numbers."""
    card = replace(catalogue.architectures()["st-rescnn-a"], arguments=SMALL | arguments, labels=("a", "b", "c"))
    torch.manual_seed(0)
    model = catalogue.build(card).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            for tensor in (module.weight, module.bias, module.running_mean):
                assert tensor is not None
                nn.init.normal_(tensor, 0, 0.5)
    return card, model, dict(model.state_dict())


def masked(card: Card, state: dict[str, Tensor], chosen: prune.Plan) -> dict[str, Tensor]:
    """The whole network's numbers with the left-out channels' scales and shifts at 0."""
    new = dict(state)
    for layer in prune.layers(card):
        keep = torch.from_numpy(chosen.kept[layer.norm])
        for name in ("weight", "bias"):
            new[f"{layer.norm}.{name}"] = new[f"{layer.norm}.{name}"] * keep
    return new


def filled(card: Card, arguments: dict[str, Any], state: dict[str, Tensor]) -> nn.Module:
    model = catalogue.build(replace(card, arguments=arguments)).eval()
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("more", [{}, {"cut": True}, {"cut": True, "non_local": 2}, {"inputs": 2}])
@pytest.mark.parametrize("percent", [0.0, 5.0, 40.0, 80.0, 99.9])
def test_the_pruned_network_is_the_masked_one(more: dict[str, Any], percent: float) -> None:
    card, model, state = made(**more)
    chosen = prune.plan(prune.worths(card, state), percent)
    small = filled(card, *prune.pruned(card, state, chosen))
    clip = torch.randn(2, more.get("inputs", 3), 4, 32, 32)
    with torch.no_grad():
        whole, narrow = model(clip), small(clip)
        model.load_state_dict(masked(card, state, chosen))
        torch.testing.assert_close(narrow, model(clip), atol=1e-6, rtol=1e-6)
        assert torch.equal(narrow, whole) == (percent == 0)
    fewer = sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in model.parameters())
    assert fewer == (percent > 0)


@pytest.mark.parametrize("cut", [False, True])
def test_only_first_temporal_convolutions_go_and_the_last_second_one_where_its_shortcut_is_cut(cut: bool) -> None:
    card, _, state = made(cut=cut)
    arguments, new = prune.pruned(card, state, prune.plan(prune.worths(card, state), 60))
    changed = {name for name in state if state[name].shape != new[name].shape}
    temporal = {name for name in changed if name.endswith("0.3.weight")}
    assert temporal <= {f"{layer.made}" for layer in prune.layers(card)}
    assert all(".conv1." in name for name in temporal - {"layer4.1.conv2.0.3.weight"})
    assert ("layer4.1.conv2.0.3.weight" in temporal) == ("fc.weight" in changed) == cut
    spatial = [name for name in state if name.endswith("0.0.weight") and "conv" in name]
    assert all(state[name].shape[0] == new[name].shape[0] for name in spatial), "the number of spatial filters stays"
    assert arguments["kept"][-1] == new["fc.weight"].shape[1]


def test_a_network_with_its_last_shortcut_keeps_the_linear_layer_as_it_is() -> None:
    card, _, _ = made()
    assert all(layer.read != "fc.weight" for layer in prune.layers(card))


def test_a_layer_keeps_one_channel_and_says_so_in_the_share() -> None:
    card, _, state = made(cut=True)
    found = prune.worths(card, state)
    name = next(iter(found))
    low = {**found, name: found[name] * 1e-6}
    chosen = prune.plan(low, 50)
    assert chosen.kept[name].sum() == 1
    assert chosen.kept[name][int(low[name].argmax())]
    assert chosen.share < 0.5 + 1 / 100


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=12), min_size=1, max_size=6), st.floats(0, 99.9))
def test_one_threshold_holds_for_all_and_no_more_go_than_asked(values: list[list[float]], percent: float) -> None:
    found = {f"layer{i}": np.asarray(each, np.float32) for i, each in enumerate(values)}
    chosen = prune.plan(found, percent)
    total = sum(map(len, values))
    assert chosen.share <= percent / 100 + 1e-9
    for name, worth in found.items():
        kept = chosen.kept[name]
        assert kept.any()
        assert (worth[~kept] < chosen.threshold).all()
        assert (worth[kept] >= chosen.threshold).sum() >= kept.sum() - 1
    gone = sum(int((worth < chosen.threshold).sum()) for worth in found.values())
    assert gone <= percent / 100 * total + 1e-9


def test_scales_that_are_all_alike_are_not_pruned_in_silence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "checkpoints"
    state, about = weights.read(streams_made.stream(folder, "rgb"))
    model = catalogue.build(catalogue.card("tiny-rgb"))
    model.load_state_dict({name: torch.ones_like(t) if ".conv1.1.weight" in name else t for name, t in state.items()})
    weights.save(folder / "alike.safetensors", model, about)
    assert cli.main(["prune", "--model", "alike", "--percent", "70", "--out", str(folder / "none.safetensors")]) == 2
    assert "are all as large as the next, 1, or each is the last of its layer; train it with --sparsity" in capsys.readouterr().err
    assert not (folder / "none.safetensors").exists()


@pytest.mark.parametrize("percent", [-1.0, 100.0, float("nan")])
def test_no_other_share_can_be_pruned(percent: float) -> None:
    with pytest.raises(QuestionError, match="cannot be pruned"):
        prune.plan({"a": np.ones(3, np.float32)}, percent)


def test_other_families_cannot_be_pruned() -> None:
    with pytest.raises(QuestionError, match="cannot be pruned: only networks of the family rescnn"):
        prune.layers(catalogue.architectures()["dam-12"])


@pytest.mark.parametrize("model", ["tiny-rgb", "tiny-flow", "two:flow", "tst-rescnn-a:rgb@plain.pth"])
def test_a_pruned_checkpoint_is_a_model_like_any_other(home: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "checkpoints"
    for name in ("rgb", "flow"):
        streams_made.stream(folder, name)
    fusing.fuse("tiny-rgb", "tiny-flow", folder / "two.safetensors")
    torch.save(weights.read(folder / "tiny-rgb.safetensors")[0], folder / "plain.pth")
    assert cli.main(["prune", "--model", model, "--percent", "50", "--out", str(folder / "small.safetensors"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["parameters"][0] < said["parameters"][1]
    assert all(0.4 < each["share"] <= 0.5 for each in said["streams"].values())
    found = study.answer(Question("short", "small", "cam"))
    assert found.claim
    again = weights.read(folder / "small.safetensors")[1]
    assert list(again["pruned"]["percent"].values()) == [50]
    assert cli.main(["prune", "--model", "small", "--percent", "50", "--out", str(tmp_path / "smaller.safetensors"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"][0] < said["parameters"][0]


def test_at_nothing_pruned_the_answer_is_the_same_to_the_bit(home: Path) -> None:
    folder = home / "checkpoints"
    streams_made.stream(folder, "rgb")
    prune.save("tiny-rgb", {"rgb": 0}, folder / "same.safetensors")
    one, other = (study.answer(Question("short", name, "cam")) for name in ("tiny-rgb", "same"))
    np.testing.assert_array_equal(one.predictions.logits, other.predictions.logits)
    np.testing.assert_array_equal(one.heat.values, other.heat.values)


def test_a_run_that_ends_before_it_has_saved_leaves_the_checkpoint_whole(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "checkpoints"
    before = streams_made.stream(folder, "rgb").read_bytes()
    out = folder / "half.safetensors"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        prune.save("tiny-rgb", {"rgb": 40}, out)
    assert (folder / "tiny-rgb.safetensors").read_bytes() == before
    assert not out.exists()
    assert "half" not in catalogue.cards()


def test_sparse_training_is_the_gradient_of_the_penalty() -> None:
    _, model, _ = made(cut=True)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    steps.sparsify(model, 0.25)
    penalty = sum(module.weight.abs().sum() for module in model.modules() if isinstance(module, nn.BatchNorm3d))
    assert isinstance(penalty, torch.Tensor)
    expected = torch.autograd.grad(0.25 * penalty, list(model.parameters()), allow_unused=True)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter) if gradient is None else gradient)


def test_the_flow_network_starts_from_pictures_with_their_channels_averaged() -> None:
    _, _, state = made()
    _, flow, _ = made(inputs=2)
    found = start.fitting(flow, state)
    assert set(found) == set(flow.state_dict())
    mean = state["stem.0.weight"].mean(1)
    assert torch.equal(found["stem.0.weight"], torch.stack([mean, mean], 1))
