"""DA-NL-2's A (dam2024, eq. 8): a fixed number, a learnt one, or one for every two places."""

from __future__ import annotations

import numpy as np
import oracle_attend
import pytest
import torch
from dam_made import STRIDE, awake, settled
from test_oracles import numbers
from tiny_models import clip_of
from torch import nn

from actrec.core import trace
from actrec.explain import Ask, directed
from actrec.models import dam
from actrec.models._attend import block

pytestmark = pytest.mark.usefixtures("one_seed")


@pytest.mark.parametrize(("scale", "shape"), [("learnt", []), ("matrix", [12, 12]), (3.5, None)])
def test_each_kind_of_a_is_eq_8(scale: float | str, shape: list[int] | None) -> None:
    module, x = awake(block("da-nl-2", 8, STRIDE, scale=scale, places=12).double()), torch.randn(1, 8, 3, 2, 2, dtype=torch.float64)
    state = numbers(module)
    assert ("scale" in state) == (shape is not None)
    if shape is not None:
        assert list(module.scale.shape) == shape
        assert (module.scale == 10).all()
        nn.init.uniform_(module.scale, -4, 12)
        state = numbers(module)
    wanted = oracle_attend.block("da-nl-2", {"scale": np.array(scale)} | state, x[0].numpy())
    np.testing.assert_allclose(module(x)[0].detach().numpy(), wanted, atol=1e-9, rtol=1e-9)
    module(x).square().sum().backward()
    assert shape is None or bool(module.scale.grad.abs().gt(0).all())


def test_a_matrix_of_one_number_is_that_number() -> None:
    fixed, matrix = (awake(block("da-nl-2", 8, STRIDE, scale=scale, places=12)) for scale in (10.0, "matrix"))
    matrix.load_state_dict(fixed.state_dict() | {"scale": matrix.scale.detach()})
    x = torch.randn(2, 8, 3, 2, 2)
    torch.testing.assert_close(matrix(x), fixed(x))


def test_what_is_too_large_or_of_another_size_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="use at most 1,024 places"):
        dam.build(modules=[[1, 1, "da-nl-2"]], scale="matrix")
    with pytest.raises(ValueError, match="learnt, matrix"):
        dam.build(modules=[[3, 1, "da-nl-2"]], scale="much")
    model = dam.build(modules=[[3, 5, "da-nl-2"]], width=0.125, scale="matrix", matrix_for=[8, 32, 64]).eval()
    assert model.res3.attend5.scale.shape == (8, 8)
    assert model(torch.randn(1, 3, 8, 32, 64)).shape == (1, 400)
    with pytest.raises(ValueError, match="for 8 places, and here are 16"):
        model(torch.randn(1, 3, 8, 64, 64))


def test_a_whole_network_with_a_matrix_at_the_papers_size_can_be_counted() -> None:
    with torch.device("meta"):
        plain, whole = (dam.build(modules=[[3, 5, "da-nl-2"]], scale=scale) for scale in (1.0, "matrix"))
    more = sum(p.numel() for p in whole.parameters()) - sum(p.numel() for p in plain.parameters())
    assert more == (4 * 14 * 14) ** 2


def test_the_row_that_is_shown_is_weighed_by_its_row_of_the_matrix() -> None:
    model = dam.build(modules=[[3, 5, "da-nl-2"]], width=0.125, classes=5, scale="matrix", matrix_for=[16, 64, 64])
    clip, geometry = clip_of(16, 64)
    x = torch.randn(1, 3, 16, 64, 64)
    nn.init.uniform_(model.res3.attend5.scale, -30, 30)
    model = settled(model, x).requires_grad_(False)
    seen = trace.run(model, {"rgb": x}, clip, geometry, watch=("res3.attend5.q", "res3.attend5.k"))
    own = directed.explain(seen, Ask(0, None, "res3.attend5", (9, 40.0, 20.0))).heats[0]  # step 1, row 1, column 2 (strides 8, 16, 16)
    q, k = (torch.nn.functional.normalize(seen.seen[f"res3.attend5.{name}"].tensor, dim=1).flatten(2)[0] for name in "qk")
    wanted = ((q.T @ k) * model.res3.attend5.scale).softmax(-1)[(1 * 4 + 1) * 4 + 2]
    np.testing.assert_allclose(own.values.ravel(), wanted.numpy(), rtol=1e-4, atol=1e-7)
