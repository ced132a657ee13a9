"""A model is the same after every way of explaining as before, also when something fails; and sessions that share one do not mix."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import GAP, AttentionNet, noise, settled, traced
from torch import Tensor, nn

from actrec.core import trace
from actrec.core.evidence import Evidence, Heat
from actrec.explain import Ask, Method, cam, directed, gradcam
from actrec.inputs import cells

pytestmark = pytest.mark.usefixtures("one_thread")  # eight sessions on two cores: let them not fight over a pool of threads each

METHODS = {method.id: method for method in (*cam.METHODS, *gradcam.METHODS, *directed.METHODS)}
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")


class Full(AttentionNet):
    """Batch normalisation, attention, dropout, work in place right behind the tap, and a switch that makes the head fail."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.fail = nn.BatchNorm3d(6), nn.Dropout(0.5), False

    def forward(self, x: Tensor) -> Tensor:
        x = self.tap(self.block(self.norm(self.stem(x))).relu()).relu_()
        if self.fail:
            raise FloatingPointError("the head failed")
        return self.fc(self.drop(x.mean((2, 3, 4))))


def explain(method: Method, model: nn.Module, inputs: Tensor) -> tuple[Heat, ...]:
    layer = "block" if method.picks({}) else "tap"
    watch = method.watch(layer)
    seen = traced(model, inputs, *watch, grad=method.grad)
    found = method.explain(seen, Ask(1, 2, layer, (3, 5.0, 5.0), readout=GAP))
    return found.heats if isinstance(found, Evidence) else found


def condition(model: nn.Module) -> list[Any]:
    """All that a way of explaining could have changed, in a form that compares bit by bit."""
    found: list[Any] = [(name, tensor.numpy().tobytes(), tensor.data_ptr()) for name, tensor in model.state_dict().items()]
    found += [(name, parameter.requires_grad, parameter.grad is None) for name, parameter in model.named_parameters()]
    for name, module in model.named_modules():
        found.append((name, id(module), module.training, sorted(vars(module)), [len(getattr(module, hooks)) for hooks in HOOKS]))
    return [*found, torch.is_grad_enabled(), trace._open.get()]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


def test_after_an_explanation_the_model_is_bit_for_bit_what_it_was(method: Method) -> None:
    model = settled(Full())
    before = condition(model)
    explain(method, model, noise())
    assert condition(model) == before


def test_flags_that_differ_between_layers_stay_as_they_are(method: Method) -> None:
    model = settled(Full())
    model.fc.weight.requires_grad_(True)
    model.tap.train()
    before = condition(model)
    explain(method, model, noise())
    assert condition(model) == before


def crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def in_the_network(model: nn.Module, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(model, "fail", True)


def at_the_gradient(model: nn.Module, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(torch.autograd, "grad", crash)
    patch.setattr(trace.Seen, "grid", crash)  # where the ways without gradients begin


def at_the_end(model: nn.Module, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cells, "heat", crash)


@pytest.mark.parametrize("failure", [in_the_network, at_the_gradient, at_the_end])
def test_after_a_failure_too_and_the_next_answer_is_right(method: Method, failure: Callable[..., None]) -> None:
    model = settled(Full())
    want = explain(method, model, noise())
    before = condition(model)
    with pytest.MonkeyPatch.context() as patch:
        failure(model, patch)
        with pytest.raises((FloatingPointError, KeyboardInterrupt)):
            explain(method, model, noise())
    assert condition(model) == before
    assert same(explain(method, model, noise()), want)


def test_eight_threads_on_one_model_get_their_own_answers(method: Method) -> None:
    model = settled(Full())
    before = condition(model)
    inputs = [noise(seed) for seed in range(8)]
    want = [explain(method, model, clip) for clip in inputs]
    barrier = Barrier(8)

    def session(clip: Tensor) -> tuple[Heat, ...]:
        barrier.wait()
        for _ in range(4):
            found = explain(method, model, clip)
        return found

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(session, inputs))
    assert all(same(a, b) for a, b in zip(got, want, strict=True))
    assert not same(want[0], want[1])
    assert condition(model) == before


def same(got: tuple[Heat, ...], want: tuple[Heat, ...]) -> bool:
    return all(np.allclose(a.values, b.values, atol=1e-6 * max(b.peak, 1e-12), equal_nan=True) for a, b in zip(got, want, strict=True))
