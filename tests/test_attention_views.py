"""The views of the deformable transformer's attentions: hand-set offsets land where they must, and what is shown is what the network used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actrec import catalogue
from actrec.core import trace
from actrec.core.clip import Clip, Geometry, Video
from actrec.core.errors import QuestionError
from actrec.core.evidence import Evidence, Points, Skeleton
from actrec.core.words import percent
from actrec.explain import Ask, Method, _attention, joint_stride, temporal_stride, tokens
from actrec.explain.joint_stride import averaged, windows
from actrec.inputs import pose
from actrec.measure import regions
from actrec.models import deform

FRAMES, SIDE, CELLS, HEADS = 6, 48, 6, 4
SMALL: dict[str, Any] = {"width": 0.125, "heads": HEADS, "kernel": 3, "frames": FRAMES, "size": SIDE, "joint_window": 4, "classes": 5}
COCO = pose.layout("coco17")
CLOSE = {"atol": 1e-6, "rtol": 1e-5}
METHODS: dict[str, Method] = {m.id: m for m in (*tokens.METHODS, *joint_stride.METHODS, *temporal_stride.METHODS)}


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.random.fork_rng():
        yield


def make(**arguments: Any) -> nn.Module:
    """A small model in double precision whose offsets, biases and modal tokens are awake."""
    model = deform.build(**{**SMALL, **arguments}).double().eval().requires_grad_(False)
    for name, values in model.named_parameters():
        if name.endswith("offset.weight"):
            nn.init.normal_(values, 0, 0.5)
        elif name in ("modal", "positions.time", "positions.place") or name.endswith("bias"):
            nn.init.normal_(values, 0, 0.3)
        elif "w_q" in name or "w_k" in name:
            values.mul_(6)  # or else every row would be nearly even
    return model


def moved(model: nn.Module, block: int, offset: tuple[float, float, float]) -> None:
    """Offsets x, y, t in [−1, 1], the same for every token of a block."""
    search = model.get_submodule(f"blocks.{block}.deform.search")
    nn.init.zeros_(search.offset.weight)
    search.offset.bias.copy_(torch.tensor(offset, dtype=torch.float64).atanh())


def people(count: int = 1) -> Tensor:
    """Joints of some people, all seen, walking to the right."""
    places = torch.rand(1, 1, count * len(COCO), 2, dtype=torch.float64) * (SIDE / 2) + 4
    places = places + torch.linspace(0, 12, FRAMES, dtype=torch.float64)[None, :, None, None] * torch.tensor([1.0, 0.0], dtype=torch.float64)
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)


def look(model: nn.Module, method: str, layer: str, joints: Tensor | None, place: tuple[int, float, float] | None = None, **knobs: str) -> Evidence:
    return explained(traced(model, method, layer, joints), method, layer, place, **knobs)


def traced(model: nn.Module, method: str, layer: str, joints: Tensor | None, *more: str) -> trace.Trace:
    """A pass over noise; the source is twice as large as the input, and its frames stand 0.1 s apart."""
    seconds = np.arange(FRAMES) * 0.1
    video = Video(Path("noise.mp4"), "0" * 64, seconds, 2 * SIDE, 2 * SIDE, 0, "none")
    known = None if joints is None else (joints[0] * torch.tensor([2.0, 2.0, 1.0])).float().numpy()
    clip = Clip(
        video, np.zeros((FRAMES, 2 * SIDE, 2 * SIDE, 3), np.uint8), np.arange(FRAMES), seconds, beside={} if known is None else {"pose": known}
    )
    geometry = Geometry((2 * SIDE, 2 * SIDE), (SIDE, SIDE), (SIDE, SIDE), (0, 0))
    frames = torch.randn(1, 3, FRAMES, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = {"rgb": frames, "pose": joints}
    watch = (*METHODS[method].watch(layer), *more)
    return trace.run(model, inputs, clip, geometry, watch=watch)


def explained(seen: trace.Trace, method: str, layer: str, place: tuple[int, float, float] | None = None, **knobs: str) -> Evidence:
    found = METHODS[method].explain(seen, Ask(0, None, layer, place, knobs, layout=COCO.joints))
    assert isinstance(found, Evidence)
    return found


def values_of(seen: trace.Trace, layer: str, head: int) -> tuple[Tensor, Tensor]:
    """Values (batch, M, d) and what the attention made of them (batch, N, d), of one head."""
    return seen.seen[f"{layer}.attend.v"].tensor[:, head], seen.seen[f"{layer}.attend.mixed"].tensor[:, head]


# --- token selection -------------------------------------------------------------------------------------------------------------------------


def test_zero_offsets_show_the_regular_grid_from_the_first_cell_to_the_last() -> None:
    model = make()
    moved(model, 0, (0, 0, 0))
    points = look(model, "tokens", "blocks.0.deform", people()).points
    assert points is not None
    np.testing.assert_array_equal(points.places, points.reference)
    assert len(points.scores) == 4**3
    last = 2 * ((CELLS - 1) * 8 + 0.5)  # source pixels of the last cell's centre
    np.testing.assert_allclose(np.unique(points.places[:, 1]), np.linspace(1, last, 4), atol=1e-4)
    np.testing.assert_allclose(np.unique(points.places[:, 2]), np.linspace(1, last, 4), atol=1e-4)
    np.testing.assert_allclose(np.unique(points.places[:, 0]), np.linspace(0, FRAMES - 1, 4), atol=1e-5)
    assert points.inside.all()
    assert points.reach == (16, 16)


def test_a_known_offset_lands_on_the_known_place_and_moment() -> None:
    model = make()
    moved(model, 0, (2 / (CELLS - 1), -2 / (CELLS - 1), 2 / (FRAMES - 1)))  # one cell right, one up, one frame on
    points = look(model, "tokens", "blocks.0.deform", people()).points
    assert points is not None
    np.testing.assert_allclose(points.places - points.reference, np.tile([1, 16, -16], (len(points.scores), 1)), atol=1e-3)
    late = points.places[:, 0] > FRAMES - 1
    assert late.any()
    assert not points.inside[late].any()
    assert (points.weights(3) == np.clip(1 - np.abs(points.places[:, 0] - 3), 0, 1).astype(np.float32)).all()


def test_a_token_outside_the_clip_puts_nothing_on_the_map() -> None:
    model = make()
    moved(model, 0, (0, 0, 0.999999))  # half the clip later: what began behind the middle has left it
    found = look(model, "tokens", "blocks.0.deform", people(), query="all")
    points = found.points
    assert points is not None
    halves = np.clip(FRAMES - points.places[:, 0], 0, 1)  # behind the last frame a sample fades to nothing within one frame
    assert (halves == 0).any()
    assert float(found.heat.values.sum()) == pytest.approx(float((points.scores * halves).sum()), abs=1e-4)


@pytest.mark.parametrize("head", range(HEADS))
@pytest.mark.parametrize("names", ["cross-modal", "single", "none"])
def test_the_map_of_a_place_times_the_values_of_zs_cells_is_what_the_attention_handed_on(names: str, head: int) -> None:
    """Σ_c map_c · W_v z_c, and the modal tokens' part, is the mixed value of the picked place's own token."""
    model, layer = make(tokens=names), "blocks.1.deform"
    extra = [f"{layer}.attend.{tap}" for tap in ("v", "mixed")]
    seen = traced(model, "tokens", layer, people(), *extra)
    place = (2, 3 * 8 + 0.5, 4 * 8 + 0.5)
    found = explained(seen, "tokens", layer, place, query="place", head=str(head + 1))
    value, mixed = values_of(seen, layer, head)
    z = seen.seen["blocks.1.z"].tensor[0].flatten(1).T  # (cells, D)
    w_v = model.get_submodule(f"{layer}.attend").w_v.weight.chunk(HEADS)[head]
    at = (2 * CELLS + 4) * CELLS + 3
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[0, head] for tap in "qk")
    row = (q[at] @ k.T / math.sqrt(q.shape[-1])).softmax(-1)
    count = found.points.scores.size  # type: ignore[union-attr]
    rebuilt = torch.from_numpy(found.heat.values).double().flatten() @ (z @ w_v.T) + row[count:] @ value[0, count:]
    torch.testing.assert_close(rebuilt, mixed[0, at], atol=1e-5, rtol=1e-4)
    assert np.sort(found.points.scores)[::-1].tolist() == found.points.scores.tolist()  # type: ignore[union-attr]
    np.testing.assert_allclose(np.sort(found.points.scores), np.sort(row[:count].numpy()), atol=1e-7)  # type: ignore[union-attr]


@pytest.mark.parametrize("query", ["cls", "rgb", "all"])
def test_the_tokens_and_the_rest_get_all_of_the_attention_and_heads_average(query: str) -> None:
    model, layer = make(), "blocks.0.deform"
    seen = traced(model, "tokens", layer, people())
    each = [explained(seen, "tokens", layer, query=query, head=str(n + 1)) for n in range(HEADS)]
    mean = explained(seen, "tokens", layer, query=query)
    np.testing.assert_allclose(mean.heat.values, np.mean([e.heat.values for e in each], 0), atol=1e-7)
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor for tap in "qk")
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean(1)[0]
    cells = FRAMES * CELLS**2
    asking = {"rgb": slice(cells, cells + FRAMES), "cls": slice(cells + FRAMES, None), "all": slice(None)}[query]
    wanted = rows[asking].mean(0)
    assert float(wanted.sum()) == pytest.approx(1)
    assert mean.findings[0].value == pytest.approx(float(wanted[: len(mean.points.scores)].sum()), abs=1e-6)  # type: ignore[union-attr]


def test_on_the_regular_grid_the_attention_of_that_other_run_is_shown() -> None:
    model, layer = make(), "blocks.0.deform"
    seen = traced(model, "tokens", layer, people())
    chosen, grid = (explained(seen, "tokens", layer, query="cls", places=which) for which in ("chosen", "regular grid"))
    assert grid.points is not None
    np.testing.assert_array_equal(grid.points.places, grid.points.reference)
    moved(model, 0, (0, 0, 0))
    other = look(model, "tokens", layer, people(), query="cls")
    np.testing.assert_allclose(grid.heat.values, other.heat.values, atol=1e-7)
    assert np.abs(chosen.heat.values - grid.heat.values).max() > 1e-4
    before, after = (row[0].softmax(0)[0] for row in (seen.logits, model(*seen.inputs.values())))
    assert chosen.findings[2].value == pytest.approx(float(after - before), abs=1e-6)
    assert len(chosen.heats) == 2


def test_the_strongest_are_kept_and_the_map_stays_that_of_all() -> None:
    seen = traced(make(), "tokens", "blocks.0.deform", people())
    every, few = (explained(seen, "tokens", "blocks.0.deform", top=top) for top in ("all", "16"))
    assert every.points is not None
    assert few.points is not None
    np.testing.assert_array_equal(few.points.scores, every.points.scores[:16])
    np.testing.assert_array_equal(few.heat.values, every.heat.values)


# --- joint stride ----------------------------------------------------------------------------------------------------------------------------


def test_every_row_of_a_window_sums_to_one_and_the_windows_cover_all_joints() -> None:
    for score in ("cls", "pose", "received"):
        seen = traced(make(), "joint-stride", "blocks.0.joint", people())
        found = windows(seen, Ask(0, None, "blocks.0.joint", None, {"score": score}, layout=COCO.joints))
        np.testing.assert_allclose(found.gets.sum((1, 2)) + found.modal, 1, atol=1e-6)
        assert set(found.index[found.index >= 0].tolist()) == set(range(17))
        assert len(found.index) == 8


@pytest.mark.parametrize("head", range(HEADS))
def test_the_joints_scores_times_their_values_are_what_cls_was_handed(head: int) -> None:
    model, layer = make(), "blocks.1.joint"
    extra = [f"{layer}.attend.{tap}" for tap in ("v", "mixed")]
    joints = people()
    joints[:, 1, 3], joints[:, :, 5] = torch.nan, torch.nan
    seen = traced(model, "joint-stride", layer, joints, *extra)
    found = windows(seen, Ask(0, None, layer, None, {"score": "cls", "head": str(head + 1)}, layout=COCO.joints))
    value, mixed = values_of(seen, layer, head)
    length = found.index.shape[1]
    wide = length + 2
    value, mixed = (x.unflatten(1, (FRAMES, wide)) for x in (value, mixed))
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, head].unflatten(1, (FRAMES, wide)) for tap in "qk")
    mask = seen.seen[f"{layer}.attend.mask"].tensor.unflatten(1, (FRAMES, wide))
    for window in range(len(found.index)):
        logits = q[window, :, -1] @ k[window].flatten(0, 1).T / math.sqrt(q.shape[-1])
        rows = logits.masked_fill(~mask[window].flatten(), -torch.inf).softmax(-1).unflatten(1, (FRAMES, wide)).mean(0)
        others = (rows[:, length:, None] * value[window, :, length:]).sum((0, 1))
        rebuilt = (torch.from_numpy(found.gets[window]).double()[..., None] * value[window, :, :length]).sum((0, 1)) + others
        torch.testing.assert_close(rebuilt, mixed[window, :, -1].mean(0), atol=1e-5, rtol=1e-4)


def test_missing_joints_have_no_score_and_change_no_other() -> None:
    joints = people()
    joints[:, :, 5], joints[:, 2, 7] = torch.nan, torch.nan
    model = make()
    found = look(model, "joint-stride", "blocks.0.joint", joints)
    assert found.skeleton is not None
    assert np.isnan(found.skeleton.scores[:, 5]).all()
    assert np.isnan(found.skeleton.scores).sum() == FRAMES + 1
    assert np.isnan(found.skeleton.scores[2, 7])
    assert "left_shoulder" not in [track.title for track in found.tracks]
    elsewhere = joints.clone()
    elsewhere[:, :, 5] = torch.tensor([999.0, -7.0, 0.1], dtype=torch.float64)  # too uncertain to count
    other = look(model, "joint-stride", "blocks.0.joint", elsewhere)
    assert other.skeleton is not None
    np.testing.assert_array_equal(other.skeleton.scores, found.skeleton.scores)


def test_where_one_window_holds_everything_strided_is_full_attention() -> None:
    """All rows of the one window are those of the attention over all joints, with no window at all."""
    model = make(joint_window=17)
    seen = traced(model, "joint-stride", "blocks.0.joint", people())
    found = windows(seen, Ask(0, None, "blocks.0.joint", None, {"score": "received"}, layout=COCO.joints))
    q, k = (seen.seen[f"blocks.0.joint.attend.{tap}"].tensor for tap in "qk")
    assert q.shape[0] == 1
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean((1, 2)).unflatten(1, (FRAMES, 19))
    np.testing.assert_allclose(averaged(found)[0], rows[0, :, :17].numpy(), atol=1e-6)


def test_a_joint_in_two_windows_gets_the_mean_of_both_and_the_matrix_shows_each() -> None:
    seen = traced(make(), "joint-stride", "blocks.0.joint", people())
    found = explained(seen, "joint-stride", "blocks.0.joint")
    apart = windows(seen, Ask(0, None, "blocks.0.joint", None, {}, layout=COCO.joints))
    matrix = found.matrices[0]
    assert np.isfinite(matrix.values[:, 2]).sum() == 2
    assert np.isfinite(matrix.values[:, 0]).sum() == 1
    assert found.skeleton is not None
    mine = [gets[:, window.tolist().index(2)] for window, gets in zip(apart.index, apart.gets, strict=True) if 2 in window]
    np.testing.assert_allclose(found.skeleton.scores[:, 2], np.mean(mine, 0), atol=1e-7)
    np.testing.assert_allclose(matrix.values[np.isfinite(matrix.values[:, 2]), 2], [m.sum() for m in mine], rtol=1e-5)


def test_a_score_lies_under_its_joints_gaussian_and_the_map_holds_what_the_skeleton_says() -> None:
    joints = people()
    joints[:, :, 1:] = torch.nan
    found = look(make(), "joint-stride", "blocks.0.joint", joints)
    assert found.skeleton is not None
    assert float(found.heat.values.sum()) == pytest.approx(float(np.nansum(found.skeleton.scores)), rel=1e-4)
    for step in range(FRAMES):
        row, column = np.unravel_index(int(found.heat.values[step].argmax()), found.heat.values.shape[1:])
        assert (column, row) == tuple(torch.round((joints[0, step, 0, :2] - 0.5) / 2).int().tolist())


def test_several_people_are_told_apart_by_name_and_limb() -> None:
    found = look(make(), "joint-stride", "blocks.0.joint", people(2))
    assert found.skeleton is not None
    assert found.skeleton.names[0] == "1: nose"
    assert found.skeleton.names[17 + 9] == "2: left_wrist"
    assert found.skeleton.groups[17 + 9] == "2: left arm"
    assert all((a < 17) == (b < 17) for a, b in found.skeleton.bones)
    assert len(found.tracks) == 34


def test_attention_that_follows_speed_is_said_to_and_attention_that_does_not_is_not() -> None:
    joints = people()
    joints[..., :2] += torch.linspace(0, 1, 17, dtype=torch.float64)[:, None] * torch.arange(FRAMES, dtype=torch.float64)[:, None, None]
    seen = traced(make(), "joint-stride", "blocks.0.joint", joints)
    skeleton = explained(seen, "joint-stride", "blocks.0.joint").skeleton
    assert skeleton is not None
    speed = joint_stride.speeds(seen, skeleton)
    told = {}
    for name, scores in (("up", speed), ("down", -speed)):
        made = Skeleton("", "", skeleton.joints, scores, skeleton.names, skeleton.groups, skeleton.bones, skeleton.bands)
        (told[name],) = joint_stride._with_speed(seen, made)
    assert told["up"].value == pytest.approx(1)
    assert "get more attention" in told["up"].sentence
    assert told["down"].value == pytest.approx(-1)
    assert "get less attention" in told["down"].sentence


def test_joint_attention_without_joints_says_what_to_do() -> None:
    model = make()
    with pytest.raises(QuestionError, match="bring a file of joints"):
        look(model, "joint-stride", "blocks.0.joint", None)
    nobody = torch.full((1, FRAMES, 17, 3), torch.nan, dtype=torch.float64)
    with pytest.raises(QuestionError, match="missing or too uncertain"):
        look(model, "joint-stride", "blocks.0.joint", nobody)


# --- temporal stride -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["cls", "rgb", "pose", "all"])
@pytest.mark.parametrize("joints", [True, False])
def test_rows_of_the_frame_matrix_sum_to_one_and_blanks_share_no_window(query: str, joints: bool) -> None:
    given = people() if joints else None
    if given is not None:
        given[:, 1, 3] = torch.nan
    (matrix,) = look(make(), "temporal-stride", "blocks.1.temporal", given, query=query).matrices
    np.testing.assert_allclose(np.nansum(matrix.values, 1), 1, atol=1e-5)
    assert matrix.windows == ((0, 4), (2, 6))
    related = [[any(a <= t < b and a <= s < b for a, b in matrix.windows) for s in range(FRAMES)] for t in range(FRAMES)]
    np.testing.assert_array_equal(np.isfinite(matrix.values), related)
    assert matrix.rows[1] == "0.10 s"


def test_the_claim_is_about_the_frame_that_gets_most_with_all_its_tokens() -> None:
    found = look(make(), "temporal-stride", "blocks.1.temporal", people(), query="cls")
    got = np.nan_to_num(found.matrices[0].values).mean(0)
    assert f"reads most of the frame at {got.argmax() / 10:.2f} s, which gets {percent(got.max(), 0)} of its attention" in found.claim
    assert f"Of the picture itself, which gets {percent(found.findings[0].value, 0)} of it" in found.claim


def test_an_even_spread_over_windows_gives_the_ends_less() -> None:
    """Twelve frames in windows of four every two: the first frame's own row, half of two rows, nothing else."""
    windows = [(first, first + 4) for first in range(0, 9, 2)]
    rows = np.zeros((12, 12))
    for t in range(12):
        mine = [w for w in windows if w[0] <= t < w[1]]
        for first, last in mine:
            rows[t, first:last] += 0.25 / len(mine)
    np.testing.assert_allclose(temporal_stride.even(windows, 12), rows.mean(0))
    assert temporal_stride.even(windows, 12)[0] == pytest.approx(0.75 / 12)
    np.testing.assert_allclose(temporal_stride.even([(0, 6)], 6), 1 / 6)


@pytest.mark.parametrize("tokens", deform.TOKENS)
def test_the_views_know_the_architectures_modal_tokens(tokens: str) -> None:
    taps = trace.taps(make(tokens=tokens))
    left_out = {"deform": "pose", "joint": "rgb", "temporal": ""}
    for kind, other in left_out.items():
        assert _attention.modal(_attention.asking(taps, kind)) == tuple(name for name in deform.TOKENS[tokens] if name != other)


def test_where_one_window_holds_all_frames_the_matrix_is_that_of_full_attention() -> None:
    model, layer = make(temporal_window=FRAMES), "blocks.0.temporal"
    seen = traced(model, "temporal-stride", layer, people())
    found = explained(seen, "temporal-stride", layer, query="cls")
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor for tap in "qk")
    rows = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1).mean(1)[0]
    wide = CELLS**2 + 17 + 3
    rows = rows.unflatten(0, (FRAMES, wide))[:, -1].unflatten(1, (FRAMES, wide))  # CLS of every frame
    np.testing.assert_allclose(found.matrices[0].values, rows.sum(2).numpy(), atol=1e-6)
    np.testing.assert_allclose(found.heat.values.reshape(FRAMES, -1), rows.mean(0)[:, : CELLS**2].numpy(), atol=1e-7)


@pytest.mark.parametrize("head", [0, 3])
def test_the_frame_matrix_is_made_of_the_rows_that_mixed_the_values(head: int) -> None:
    """Rows of each window rebuilt from the shown map, window by window, give the values that the attention handed on to CLS."""
    model, layer = make(), "blocks.0.temporal"
    seen = traced(model, "temporal-stride", layer, people(), f"{layer}.attend.v", f"{layer}.attend.mixed")
    value, mixed = values_of(seen, layer, head)
    wide = CELLS**2 + 17 + 3
    q, k = (seen.seen[f"{layer}.attend.{tap}"].tensor[:, head] for tap in "qk")
    rows = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).softmax(-1)
    torch.testing.assert_close(rows @ value, mixed)
    found = explained(seen, "temporal-stride", layer, query="cls", head=str(head + 1))
    index = seen.seen[f"{layer}.frames"].tensor[0]
    matrix, times = np.zeros((FRAMES, FRAMES)), np.bincount(index.flatten().numpy(), minlength=FRAMES)
    for window, inside in enumerate(index.tolist()):
        for place, frame in enumerate(inside):
            matrix[frame, inside] += rows[window, place * wide + wide - 1].unflatten(0, (4, wide)).sum(1).numpy() / times[frame]
    np.testing.assert_allclose(np.nan_to_num(found.matrices[0].values), matrix, atol=1e-6)


# --- what is refused -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "knobs", "words"),
    [
        ("tokens", {"query": "pose"}, "rgb, cls"),
        ("tokens", {"head": "9"}, "heads 1 … 4"),
        ("tokens", {"query": "place"}, "click one in a frame"),
        ("joint-stride", {"score": "rgb"}, "pose, cls"),
        ("temporal-stride", {"query": "who"}, "rgb, pose, cls"),
    ],
)
def test_what_an_attention_does_not_have_is_named(method: str, knobs: dict[str, str], words: str) -> None:
    layer = {"tokens": "blocks.0.deform", "joint-stride": "blocks.0.joint", "temporal-stride": "blocks.0.temporal"}[method]
    with pytest.raises(QuestionError, match=words):
        look(make(), method, layer, people(), **knobs)


def test_the_views_fit_where_their_attention_is_and_say_why_not_elsewhere() -> None:
    card = catalogue.card("deform-mc3")
    for method in METHODS.values():
        found = catalogue.layers(card, method)
        assert not isinstance(found, str)
        assert found[0].startswith("blocks.1.")
        assert isinstance(catalogue.layers(catalogue.card("r3d_18"), method), str)
    taps = trace.taps(make(deform=False))
    assert isinstance(METHODS["tokens"].layers(card, taps), str)
    assert not isinstance(METHODS["temporal-stride"].layers(card, taps), str)


# --- on what the tokens lie ------------------------------------------------------------------------------------------------------------------


def spots(*places: tuple[float, float, float]) -> Points:
    at = np.array(places, np.float32)
    bands = np.stack([np.arange(4), np.arange(1, 5)], -1)
    scores = np.linspace(2, 1, len(at)).astype(np.float32)
    return Points("", "attention", at, np.zeros_like(at), scores, bands, np.arange(4) / 10, (0, 0, 32, 32), (8, 8))


def test_shares_on_a_region_follow_the_trilinear_weights_in_time() -> None:
    masks = np.zeros((4, 16, 16), bool)
    masks[1, 4:8, 4:8] = True  # source pixels 8 … 15, at step 1 alone
    region = regions.Region("it", masks, 2, "made")
    points = spots((1, 9, 9), (1.25, 15.9, 8.1), (2, 9, 9), (1, 16.1, 9), (1, -5, 9))
    np.testing.assert_allclose(region.covers(points.places), [1, 0.75, 0, 0, 0], atol=1e-6)
    told = regions.shares(points, region)
    assert told.attention == pytest.approx((2 + 0.75 * 1.75) / points.scores.sum())
    assert told.places == pytest.approx(1.75 / 5)
    assert told.grid == told.attention_on_grid == 0
    assert "35 % of the chosen places" in regions.findings(points, [region])[0].sentence
    assert regions.findings(points, [regions.Region("nothing", np.zeros_like(masks), 2, "made")]) == ()


def test_without_masks_a_person_is_what_lies_near_the_bones_and_the_fastest_limb_moves() -> None:
    joints = np.full((4, 17, 3), np.nan, np.float32)
    for t in range(4):
        for name, x, y in (
            ("nose", 50, 10),
            ("left_shoulder", 40, 30),
            ("left_elbow", 30 - 5 * t, 40),
            ("left_wrist", 20 - 10 * t, 50),
            ("left_hip", 42, 60),
        ):
            joints[t, COCO.index(name)] = (x, y, 1)
        for name, y in (("left_knee", 80), ("left_ankle", 98)):
            joints[t, COCO.index(name)] = (42, y, 1)
    skeleton = pose_skeleton(joints)
    assert regions.moving_groups(skeleton) == {"left arm"}
    person, limbs = regions.outlined(skeleton, (100, 100))
    assert person.at(0, np.array([42.0, 90.0]), np.array([70.0, 90.0])).tolist() == [True, False]
    assert limbs.at(0, np.array([35.0, 42.0]), np.array([35.0, 70.0])).tolist() == [True, False]
    assert limbs.name == "the moving limbs (left arm)"


def pose_skeleton(joints: np.ndarray) -> Skeleton:
    return pose.skeleton(joints, COCO, np.stack([np.arange(len(joints)), np.arange(1, len(joints) + 1)], -1))


def test_sampling_is_linear_as_the_map_takes_it() -> None:
    """The adjoint of grid_sample is taken by autograd: held against weights written out by hand."""
    grid = torch.zeros(1, 1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    point = torch.tensor([0.5, -0.5, 0.0], dtype=torch.float64).view(1, 1, 1, 1, 3)  # x ¾, y ¼, t ½ of the way
    (found,) = torch.autograd.grad(F.grid_sample(grid, point, mode="bilinear", padding_mode="zeros", align_corners=True).sum(), grid)
    wanted = [[[t * y * x for x in (0.25, 0.75)] for y in (0.75, 0.25)] for t in (0.5, 0.5)]
    torch.testing.assert_close(found[0, 0], torch.tensor(wanted, dtype=torch.float64))
