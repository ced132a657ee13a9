"""The attention that the taps of the deformable transformer show is the attention that was used."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from deform_made import CLOSE, all_there, attentions, clip, make, people, rebuilt, tokens_of, written
from torch import Tensor, nn

from actrec import catalogue
from actrec.core.trace import record, taps
from actrec.models import deform
from actrec.models._deform_attend import Note

pytestmark = pytest.mark.usefixtures("one_seed")


def noted(model: nn.Module, video: Tensor, joints: Tensor | None, edits: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
    with torch.no_grad(), record(model, taps(model), edits=edits) as seen:
        logits = model(video, joints)
    return logits, {name: each.tensor for name, each in seen.items()}


def test_rows_sum_to_one_give_nothing_to_missing_joints_and_rebuild_what_was_used() -> None:
    model, video, joints = make(), clip(), people(9)
    joints[:, 2, 3], joints[:, 4, 7, 2] = torch.nan, 0.0
    wanted, seen = noted(model, video, joints)
    assert torch.equal(wanted, model(video, joints))
    edits = {}
    for name, attend in attentions(model).items():
        rows, mixed = rebuilt(attend, name, seen)
        torch.testing.assert_close(rows.sum(-1), torch.ones_like(rows[..., 0]), **CLOSE)
        torch.testing.assert_close(mixed, seen[f"{name}.mixed"], **CLOSE)
        mask = seen.get(f"{name}.mask")
        assert (mask is None) == ("deform" in name)
        if mask is not None:
            assert not mask.all()
            assert (rows.movedim(-1, 1)[~mask] == 0).all()
        edits[f"{name}.mixed"] = lambda _, mixed=mixed: mixed
    assert len(edits) == 6
    torch.testing.assert_close(noted(model, video, joints, edits)[0], wanted, **CLOSE)


def test_a_blocks_output_is_rebuilt_from_what_the_taps_show() -> None:
    """Deformable attention of the first block: sampled tokens, attention and values, written out, give the Z that goes on to the second."""
    model, video = make(joint=False, temporal=False), clip()
    _, seen = noted(model, video, None)
    first, z = model.blocks[0].deform, seen["blocks.0.z"]
    found = F.grid_sample(z, seen["blocks.0.deform.search.points"], align_corners=True).flatten(2).transpose(1, 2)
    modal = [m.T[None] for m in model.modal[[0, 2]]]
    x = torch.cat([z.flatten(2).transpose(1, 2), *modal], 1)
    values = first.attend.w_v(torch.cat([found, *modal], 1)).unflatten(2, (4, -1)).transpose(1, 2)
    rows, _ = rebuilt(first.attend, "blocks.0.deform.attend", seen)
    y = x + first.attend.w_o((rows @ values).transpose(1, 2).flatten(2))
    y = y + first.attend.ffn(first.attend.norm(y))
    cells = z[0, 0].numel()
    torch.testing.assert_close(y[:, :cells].transpose(1, 2).view_as(z), seen["blocks.1.z"], **CLOSE)


def test_a_block_runs_as_the_paper_writes_it() -> None:
    """Eqs. 3–7, A1, the linear layer for M_CLS and A2, written out for windows that hold everything."""
    block = make(joint_window=9, temporal_window=9).blocks[0]
    nn.init.normal_(block.fuse.weight, 0, 0.2)
    z, p = tokens_of(1, 4, 3, 3).movedim(-1, 1), tokens_of(1, 4, 5)
    rgb, own, cls = (tokens_of(1, 4) for _ in range(3))
    Z, P, modal = block(z, p, {"rgb": rgb, "pose": own, "cls": cls}, all_there(1, 5))
    found = block.deform.search(z)[0].flatten(2).transpose(1, 2)
    cells = z.flatten(2).transpose(1, 2)
    attended = written(block.deform.attend, torch.cat([cells, rgb, cls], 1), torch.cat([found, rgb, cls], 1))
    cells, rgb, cls_rgb = attended.split([36, 4, 4], 1)
    x = torch.cat([p.flatten(1, 2), own, cls_rgb], 1)
    p, own, cls_pose = written(block.joint.attend, x, x).split([20, 4, 4], 1)
    cls = block.fuse(torch.cat([cls_rgb, cls_pose], -1))
    x = torch.cat([cells, p, rgb, own, cls], 1)
    cells, p, rgb, own, cls = written(block.temporal.attend, x, x).split([36, 20, 4, 4, 4], 1)
    torch.testing.assert_close(Z, cells.transpose(1, 2).view_as(z), **CLOSE)
    torch.testing.assert_close(P, p.unflatten(1, (4, 5)), **CLOSE)
    torch.testing.assert_close([modal["rgb"], modal["pose"], modal["cls"]], [rgb, own, cls], **CLOSE)


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_the_head_reads_the_modal_tokens_over_time_or_without_them_the_mean_tokens(tokens: str) -> None:
    model, video, joints = make(tokens=tokens), clip(), people()
    joints[:, 2, 3] = torch.nan
    kept: list[Any] = []
    model.blocks[-1].register_forward_hook(lambda _, __, out: kept.append(out))
    logits = model(video, joints)
    z, p, modal = kept[0]
    seen = torch.ones(6, 7, dtype=torch.bool)
    seen[2, 3] = False
    parts = [m[0].mean(0) for m in modal.values()] or [z[0].flatten(1).mean(1), p[0][seen].mean(0)]
    assert list(modal) == list(deform.TOKENS[tokens])
    torch.testing.assert_close(logits[0], model.head.fc(torch.cat(parts)), **CLOSE)


def test_points_put_back_on_the_regular_grid_give_the_answer_of_zero_offsets() -> None:
    model, video, joints = make(), clip(), people()
    _, seen = noted(model, video, joints)
    names = [f"blocks.{i}.deform.search" for i in range(2)]
    back = {f"{name}.points": lambda _, name=name: seen[f"{name}.reference"][None] for name in names}
    edited, _ = noted(model, video, joints, back)
    assert (edited - model(video, joints)).abs().max() > 1e-4
    for name in names:
        offset = model.get_submodule(name).offset
        nn.init.zeros_(offset.weight)
        nn.init.zeros_(offset.bias)
    torch.testing.assert_close(edited, model(video, joints), **CLOSE)


def test_taps_have_stable_names_no_parameters_and_notes_are_not_taken_for_maps() -> None:
    model = make()
    found = taps(model)
    maps = [name for name, tap in found.items() if tap.kind == "features"]
    assert maps == ["stem.tap", "layer1.tap", "layer2.tap", "layer3.tap", "blocks.0.z", "blocks.1.z"]
    assert not any(isinstance(found[name], Note) for name in maps)
    assert not any(key.rpartition(".")[2] in ("tap", "z", "q", "k", "points") for key in model.state_dict())
    notes = {name: tap.layout for name, tap in found.items() if isinstance(tap, Note)}
    assert notes["blocks.1.deform.search.points"] == "b t y x xyt"
    assert notes["blocks.0.joint.attend.q"] == "batch head token d"
    card = catalogue.card("deform-mc3")
    assert isinstance(catalogue.layers(card, catalogue.methods()["directed"]), str)
    assert catalogue.layers(card, catalogue.methods()["gradcam"])[0] == "blocks.1.z"  # the deepest map that the answer depends on
    with record(model, ["joints"]) as seen:
        model(clip(), people())
    with pytest.raises(ValueError, match="grid"):
        seen["joints"].grid()


def test_gradients_of_a_logit_reach_every_map_under_a_tap() -> None:
    model = make().requires_grad_(False)
    names = [name for name, tap in taps(model).items() if tap.kind == "features"]
    with record(model, names, grad=True) as seen:
        logits = model(clip(), people())
    found = torch.autograd.grad(logits[0, 1], [seen[name].tensor for name in names])
    assert all(gradient.abs().sum() > 0 for gradient in found)
