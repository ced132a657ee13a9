"""The cross-modal deformable transformer: every switch builds, runs and trains; its backbone and its card."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from deform_made import CLOSE, DIM, SMALL, clip, make, people
from torch import nn

from actrec import catalogue
from actrec.core.trace import record, taps
from actrec.lab.train.start import adapt
from actrec.models import deform, weights
from actrec.models._deform_pose import none

pytestmark = pytest.mark.usefixtures("one_seed")


# --- the network -----------------------------------------------------------------------------------------------------------------------------

TABLE_4 = [{"deform": False}, {"joint": False, "temporal": False}, {"temporal": False}, {"joint": False}, {"deform": False, "joint": False}, {}]
TABLE_5 = [{"tokens": tokens} for tokens in deform.TOKENS]


@pytest.mark.parametrize("switches", [{**a, **b} for a, b in itertools.product(TABLE_4, TABLE_5)], ids=str)
def test_every_switch_of_tables_4_and_5_builds_and_runs_with_pose_and_without(switches: dict[str, Any]) -> None:
    model, video = deform.build(**SMALL, **switches).eval(), clip(4, 32).float()
    assert model.head.fc.in_features == DIM * {"cross-modal": 3, "single": 1, "none": 2}[switches["tokens"]]
    with torch.no_grad():
        assert model(video).shape == model(video, people(5, 4, 32).float()).shape == (1, 5)
    off = [name for name in ("deform", "joint", "temporal") if not switches.get(name, True)]
    assert not any(f"blocks.0.{name}." in key for key in model.state_dict() for name in off)
    assert any(".fuse." in key for key in model.state_dict()) == (switches.get("joint", True) and switches["tokens"] != "none")


def test_the_smallest_clip_runs() -> None:
    assert make(kernel=7)(clip(1, 8), people(2, 1, 8)).isfinite().all()


@pytest.mark.parametrize("frames", [1, 4, 7, 12])
def test_any_number_of_frames_runs_with_the_same_weights(frames: int) -> None:
    model = make(frames=12, kernel=7)
    with torch.no_grad(), record(model, taps(model)) as seen:
        assert model(clip(frames, 33), people(5, frames, 33)).shape == (1, 5)
    assert seen["blocks.0.z"].tensor.shape == (1, DIM, frames, 5, 5)
    assert seen["blocks.0.deform.search.points"].tensor.shape[1:4] == (max(frames - 6, 1), 1, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"tokens": "two"}, "there are cross-modal, single, none"),
        ({"deform": False, "joint": False, "temporal": False}, "give a block and an attention"),
        ({"blocks": 0}, "give a block"),
        ({"kernel": [3, 3]}, "one length or three"),
        ({"heads": 5}, "5 heads do not divide 32"),
        ({"joint_stride": 9}, "leave places out"),
        ({"temporal_window": 0}, "leave places out"),
        ({"sigma": 0.0}, "sigma is 0.0"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        deform.build(**{**SMALL, **arguments})
    assert "\n" not in str(caught.value)


def test_arguments_survive_json_and_rebuild_the_same_keys() -> None:
    arguments = {**SMALL, "kernel": [1, 3, 3], "depthwise": True, "tokens": "single", "pose_positions": True, "layout": 13, "dropout": 0.5}
    first, again = deform.build(**arguments), deform.build(**json.loads(json.dumps(arguments)))
    assert [(k, v.shape) for k, v in first.state_dict().items()] == [(k, v.shape) for k, v in again.state_dict().items()]


def test_the_cls_token_begins_as_the_mean_of_both_attentions_and_is_learnt() -> None:
    fuse = deform.build(**SMALL).blocks[0].fuse
    a, b = torch.randn(2, 3, DIM)
    torch.testing.assert_close(fuse(torch.cat([a, b], -1)), (a + b) / 2)
    assert fuse.weight.requires_grad


def test_joints_of_one_kind_share_a_vector_over_all_people() -> None:
    """With `layout`, exchanging two joints of a person changes the answer even where all is one window; without, it does not."""
    video, joints = clip(), people(10)
    swapped = joints[:, :, [1, 0, *range(2, 10)]]
    people_swapped = joints[:, :, [*range(5, 10), *range(5)]]
    plain, named = make(joint_window=10), make(joint_window=10, layout=5)
    torch.testing.assert_close(plain(video, swapped), plain(video, joints), **CLOSE)
    assert (named(video, swapped) - named(video, joints)).abs().max() > 1e-5
    torch.testing.assert_close(named(video, people_swapped), named(video, joints), **CLOSE)


def test_gradients_reach_every_parameter_and_the_loss_falls() -> None:
    """A toy: the class is the half of the picture in which the joints are, and nothing in the picture tells it but a bright spot there."""
    model = deform.build(**{**SMALL, "classes": 2, "pose_positions": True, "layout": 2, "frames": 4, "size": 32}).train()
    label = torch.arange(4) % 2
    video, joints = torch.randn(4, 3, 4, 32, 32) * 0.1, torch.full((4, 4, 6, 3), 16.0)
    joints[..., 0], joints[..., 2] = (label * 16.0 + 8)[:, None, None], 1.0
    for each, half in zip(video, label.tolist(), strict=True):
        each[:, :, 12:20, half * 16 + 4 : half * 16 + 12] += 1
    optimizer, losses = torch.optim.AdamW(model.parameters(), 1e-3), []
    for step in range(10):
        loss = F.cross_entropy(model(video, joints), label)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            untouched = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
            assert untouched == []
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_without_pose_gradients_reach_all_but_the_joints_own_layer(tokens: str) -> None:
    model = deform.build(**SMALL, tokens=tokens).train()
    model(clip(clips=2).float()).square().sum().backward()
    untouched = {name for name, p in model.named_parameters() if p.grad is None}
    joint = {name for name, _ in model.named_parameters() if ".joint." in name} if tokens == "none" else set()
    assert untouched == {"pose.linear.weight", "pose.linear.bias"} | joint


def test_channels_last_gives_the_same_answer_and_trains() -> None:
    model, video, joints = make().float(), clip(clips=2).float(), people(6, clips=2).float()
    joints[0, :, 2], joints[1, 2, 3] = torch.nan, torch.nan
    wanted = model(video, joints)
    model = model.to(memory_format=torch.channels_last_3d)
    found = model(video.to(memory_format=torch.channels_last_3d), joints)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    found.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_bfloat16_autocast_trains_and_stays_near_float32() -> None:
    model, video, joints = deform.build(**SMALL).eval(), clip(clips=2).float(), people(6, clips=2).float()
    wanted = model(video, joints)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(video, joints)
    logits.float().logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert (logits - wanted).abs().max() < 0.1 * wanted.std()


# --- the backbone and the card ---------------------------------------------------------------------------------------------------------------


def test_torchvisions_mc3_18_loads_into_the_backbone_number_for_number() -> None:
    from torchvision.models.video import mc3_18

    theirs = mc3_18(weights=None).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.1)
    ours = deform.build(depthwise=True, blocks=1, classes=3).eval()
    state = theirs.state_dict()
    weights.load(ours, adapt(ours, state))
    taken = {name for name in ours.state_dict() if name.split(".")[0] in ("stem", "layer1", "layer2", "layer3")}
    assert taken == {name for name in state if not name.startswith(("layer4", "fc"))}
    assert all(torch.equal(ours.state_dict()[name], state[name]) for name in taken)
    x = y = torch.randn(1, 3, 4, 24, 40)
    with torch.no_grad():
        for name in ("stem", "layer1", "layer2", "layer3"):
            x, y = getattr(theirs, name)(x), getattr(ours, name)(y)
            assert torch.equal(x, y)
    assert y.shape == (1, 256, 4, 3, 5)


def test_a_cell_is_centred_where_its_tap_says() -> None:
    """With kernels that pass on their centre alone, what reaches a cell of a map lies evenly around first + k · stride."""
    model = deform.build(**SMALL).eval()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv3d) and "search" not in name:
            nn.init.zeros_(module.weight)
            module.weight.data[(..., *(n // 2 for n in module.kernel_size))] = 1 / module.in_channels
    video = torch.ones(1, 3, 5, 48, 48, requires_grad=True)
    names = ["stem.tap", "layer1.tap", "layer2.tap", "layer3.tap", "blocks.0.z"]
    with record(model, names) as seen:
        model(video)
    for name in names:
        each = seen[name]
        cell = [n // 2 for n in each.tensor.shape[2:]]
        (reach,) = torch.autograd.grad(each.tensor[0, 0, cell[0], cell[1], cell[2]], video, retain_graph=True)
        reached = reach[0].sum(0).nonzero()
        middle = (reached.amin(0) + reached.amax(0)) / 2
        assert middle.tolist() == [k * s for k, s in zip(cell, each.tap.stride, strict=True)], name


def test_the_card_is_counted_without_joints_and_says_what_then_happens() -> None:
    card = catalogue.card("deform-mc3")
    assert card.inputs == ("rgb", "pose")
    assert (card.sampling.frames, card.preprocess.crop) == (12, (224, 224))
    parameters, gflops = catalogue.counts(card)
    assert parameters / 1e6 == pytest.approx(53.59, abs=0.005)
    assert gflops == pytest.approx(357.9, abs=0.05)
    assert "Without joints" in card.note
    assert isinstance(catalogue.without_numbers(card).get_submodule(card.head), nn.Linear)


def test_joints_can_be_counted_on_tensors_without_numbers() -> None:
    with torch.device("meta"):
        model = deform.build(**SMALL).eval()
        assert model(torch.empty(1, 3, 6, 48, 48), torch.empty(1, 6, 17, 3)).shape == (1, 5)
    assert none(2, torch.device("cpu")).counts == (0, 0)
