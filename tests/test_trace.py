"""Taps: one pass is watched without a trace of it in the model, in the pass, or in another thread's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import ConvNet, noise, settled, traced
from torch import Tensor, nn

from actrec.core import trace
from actrec.core.trace import Seen, Tap


class Line(nn.Module):
    """y = 3 (2 x)², with a tap where the bracket is closed; what follows works in place. A barrier holds every thread between the two."""

    def __init__(self, barrier: Barrier | None = None, passes: int = 1) -> None:
        super().__init__()
        self.twice, self.tap, self.rest = nn.Linear(1, 1, bias=False), Tap(stride=(1, 1, 1)), nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.twice.weight, 2)
        nn.init.constant_(self.rest.weight, 3)
        self.barrier, self.passes = barrier, passes

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(x)
        for _ in range(self.passes):
            x = self.tap(x)
        if self.barrier:
            self.barrier.wait()
        x = x.mul_(x.detach()) if not x.requires_grad else x * x
        return self.rest(x)


X = torch.tensor([[5.0]])


def test_a_tap_that_nobody_watches_hands_on_the_very_tensor() -> None:
    tap, x = Tap(stride=(1, 1, 1)), noise()
    assert tap(x) is x
    with trace.record(nn.Sequential(Tap(stride=(1, 1, 1))), ["0"]):
        assert tap(x) is x, "a tap of another model"


def test_what_was_seen_is_what_passed_whatever_is_done_to_it_afterwards() -> None:
    model = settled(Line())
    with torch.no_grad(), trace.record(model, ["tap"]) as seen:
        assert model(X).item() == 300
    assert seen["tap"].tensor.item() == 10
    assert (seen["tap"].name, seen["tap"].tap) == ("tap", model.tap)


def test_taps_are_named_by_their_paths_and_have_no_parameters() -> None:
    model = ConvNet()
    assert list(trace.taps(model)) == ["early", "tap"]
    assert not [name for name in model.state_dict() if "tap" in name or "early" in name]


def test_a_name_that_is_no_tap_is_refused_with_those_that_are() -> None:
    for how in ({"watch": ["tap", "gone"]}, {"watch": [], "edits": {"gone": torch.zeros_like}}):
        with pytest.raises(KeyError, match=r"no tap named \['gone'\]; the model has \['early', 'tap'\]"), trace.record(ConvNet(), **how):
            pass


def test_threads_that_share_a_model_see_their_own_tensors() -> None:
    count = 4
    model = settled(Line(Barrier(count, timeout=20)))  # all of them have passed the tap before one goes on

    def see(number: int) -> tuple[float, float]:
        with torch.no_grad(), trace.record(model, ["tap"]) as seen:
            out = model(torch.tensor([[float(number)]]))
        return seen["tap"].tensor.item(), out.item()

    with ThreadPoolExecutor(count) as pool:
        assert list(pool.map(see, range(count))) == [(2 * n, 12 * n * n) for n in range(count)]


def test_a_tap_that_is_passed_twice_is_named_but_only_if_it_is_watched() -> None:
    model = settled(Line(passes=2))
    with trace.record(model, []):
        assert model(X).item() == 300
    with trace.record(model, ["tap"]), pytest.raises(RuntimeError, match=r"tap 'tap' was passed twice in one forward pass"):
        model(X)


def test_an_edit_replaces_what_follows_and_is_what_is_seen() -> None:
    model = settled(Line())
    with torch.no_grad(), trace.record(model, ["tap"], edits={"tap": lambda x: x - 9}) as seen:
        assert model(X).item() == 3
    assert seen["tap"].tensor.item() == 1
    with torch.no_grad():
        assert model(X).item() == 300


def test_gradients_reach_down_to_the_tap_and_no_further() -> None:
    model = settled(Line())
    x = X.clone().requires_grad_()
    with trace.record(model, ["tap"], grad=True) as seen:
        y = model(X)
    assert seen["tap"].tensor.is_leaf
    assert torch.autograd.grad(y, seen["tap"].tensor)[0].item() == 2 * 3 * 10  # d 3 z² / d z at z = 10
    assert x.grad is None
    assert all(parameter.grad is None for parameter in model.parameters())


def test_of_two_watched_taps_the_first_is_the_leaf_and_the_second_hangs_on_it() -> None:
    model = settled(ConvNet())
    passed = traced(model, noise(), "early", "tap", grad=True)
    assert passed.seen["early"].tensor.is_leaf
    assert not passed.seen["tap"].tensor.is_leaf
    score = passed.logits[0, 1]
    cells = passed.seen["tap"].tensor[0, 0].numel()
    by_hand = (model.fc.weight[1] / cells)[None, :, None, None, None].expand_as(passed.seen["tap"].tensor)
    torch.testing.assert_close(passed.gradient(score, "tap"), by_hand)
    assert passed.gradient(score, "early").abs().max() > 0


def test_recorders_lie_within_one_another_and_an_error_closes_them() -> None:
    model = settled(Line())
    with torch.no_grad(), trace.record(model, ["tap"]) as outer:
        with trace.record(model, ["tap"]) as inner:
            model(2 * X)
        model(X)
    assert (inner["tap"].tensor.item(), outer["tap"].tensor.item()) == (20, 10)
    with pytest.raises(ZeroDivisionError), trace.record(model, ["tap"]) as broken:
        raise ZeroDivisionError
    model(X)
    assert broken == {}, "what comes after is not watched"


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_every_layout_of_the_axes_is_seen_as_the_same_grid(b: int, c: int, t: int, h: int, w: int) -> None:
    grid = torch.arange(b * c * t * h * w, dtype=torch.float32).view(b, c, t, h, w)
    last = grid.movedim(1, -1)
    tokens = last.flatten(1, 3)
    laid = {"b c t h w": grid, "b t h w c": last, "b (t h w) c": tokens, "b (1 t h w) c": torch.cat([-torch.ones(b, 1, c), tokens], 1)}
    for axes, tensor in laid.items():
        seen = Seen("x", tensor, Tap(axes, stride=(1, 1, 1)), (t, h, w))  # type: ignore[arg-type]
        assert torch.equal(seen.grid(), grid), axes
        assert torch.equal(seen.grid(2 * tensor), 2 * grid), axes


def test_tokens_without_their_grid_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"tap 'blocks\.1' holds tokens but its model gave no \(t, h, w\) grid"):
        Seen("blocks.1", torch.zeros(1, 4, 2), Tap("b (t h w) c", stride=(1, 1, 1))).grid()


class Pair(nn.Module):
    """A module that hands on tokens and their grid."""

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
        return x + 1, (1, 2, 2)


def test_a_tap_behind_a_module_of_others_changes_no_key_and_no_answer() -> None:
    for module in (nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU())):
        keys, before = list(module.state_dict()), module(torch.ones(1, 2))
        trace.attach(module, Tap(stride=(1, 1, 1)))
        assert list(module.state_dict()) == keys
        with trace.record(module, ["tap"]) as seen:
            after = module(torch.ones(1, 2))
        assert torch.equal(after, before)
        assert torch.equal(seen["tap"].tensor, before)


def test_a_tap_behind_a_module_of_two_results_takes_one_apart_and_leaves_the_other() -> None:
    pair = Pair()
    trace.attach(pair, Tap("b (t h w) c", stride=(1, 1, 1)), lambda output: output)  # type: ignore[arg-type, return-value]
    with trace.record(pair, ["tap"]) as seen:
        tokens, grid = pair(torch.zeros(1, 4, 3))
    assert (tokens.unique().tolist(), grid) == ([1.0], (1, 2, 2))
    assert seen["tap"].grid().shape == (1, 3, 1, 2, 2)


def test_a_pass_is_run_again_with_other_frames_or_with_other_tensors_under_its_taps() -> None:
    model = settled(ConvNet())
    passed = traced(model, noise(), "tap")
    assert torch.equal(passed.rerun(), passed.logits)
    assert torch.equal(passed.rerun({"rgb": noise(1)}), model(noise(1)))
    silent = passed.rerun(edits={"tap": torch.zeros_like})
    assert torch.equal(silent, model.fc.bias[None])
    logits, seen = passed.again({"rgb": noise(1)}, watch=["early"], edits={"tap": torch.zeros_like})
    assert torch.equal(logits, silent)
    assert torch.equal(seen["early"].tensor, model.stem(noise(1)))
    assert not logits.requires_grad
    with pytest.raises(KeyError, match=r"no input named \['flow'\]; the model has rgb"):
        passed.rerun({"flow": noise()})
