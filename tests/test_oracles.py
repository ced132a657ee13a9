"""Our networks against the papers' equations in plain loops (`oracle_attend.py`, `oracle_deform.py`), to 1e-9 in double precision."""

from __future__ import annotations

from typing import Any

import dam_made
import deform_made
import numpy as np
import oracle_attend
import oracle_deform
import pytest
import torch
from torch import Tensor, nn

from actrec.models._attend import BLOCKS
from actrec.models.deform import TOKENS

pytestmark = pytest.mark.usefixtures("one_seed")
EXACT = {"atol": 1e-9, "rtol": 1e-9}


def numbers(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("shape", [(3, 2, 3), (1, 2, 2), (4, 1, 1)])
@pytest.mark.parametrize("name", BLOCKS)
def test_an_attention_block_is_its_equations(name: str, shape: tuple[int, int, int]) -> None:
    module, x = dam_made.make(name, 8), torch.randn(2, 8, *shape, dtype=torch.float64)
    with torch.no_grad():
        found = module(x).numpy()
    wanted = np.stack([oracle_attend.block(name, numbers(module), one.numpy()) for one in x])
    assert np.abs(wanted - x.numpy()).max() > 0.01
    np.testing.assert_allclose(found, wanted, **EXACT)


def test_every_block_of_ours_stands_in_the_paper() -> None:
    assert set(BLOCKS) == set(oracle_attend.PARTS)


TINY: dict[str, Any] = {
    "width": 0.125,
    "heads": 4,
    "kernel": 3,
    "frames": 4,
    "size": 16,
    "mlp": 1.0,
    "joint_window": 2,
    "temporal_window": 2,
    "classes": 3,
}


def holed(joints: Tensor) -> Tensor:
    """The second clip lacks a joint altogether and another at some frames; the first has a joint that is too uncertain once."""
    joints[1, :, 2], joints[1, 1:3, 3], joints[0, 0, 1, 2] = torch.nan, torch.nan, 0.1
    return joints


@pytest.mark.parametrize(
    ("arguments", "joints"),
    [
        ({"windows": "cross"}, 5),
        ({"joint_window": 3, "joint_stride": 3, "temporal_window": 3, "temporal_stride": 1, "pose_positions": True, "layout": 2}, 6),
        ({"tokens": "single", "windows": "cross", "sigma": 2.0, "depthwise": True}, 4),
        ({"tokens": "none", "kernel": [1, 3, 2]}, 4),
        ({"tokens": "none", "windows": "cross", "deform": False}, 7),
        ({"joint": False, "temporal": False, "kernel": [5, 2, 4], "frames": 6, "size": 40}, 3),
        ({"temporal": False, "blocks": 1, "heads": 2}, 0),
        ({"windows": "cross", "blocks": 1}, None),
    ],
    ids=str,
)
def test_the_deformable_transformer_is_its_equations(arguments: dict[str, Any], joints: int | None) -> None:
    video = torch.randn(2, 3, 4, 16, 24, dtype=torch.float64)
    given = None if joints is None else deform_made.people(joints, 4, 16, 2)
    given = holed(given) if joints is not None and joints > 3 else given
    model = dam_made.settled(deform_made.make(**{**TINY, **arguments}), video)
    with torch.no_grad():
        found = model(video, given).numpy()
    known = {name: value for name, value in {**TINY, **arguments}.items() if name in oracle_deform.Config.__dataclass_fields__}
    config, state = oracle_deform.Config(**known), numbers(model)
    wanted = [oracle_deform.network(state, config, video[i].numpy(), None if given is None else given[i].numpy()) for i in range(2)]
    assert np.ptp(wanted) > 0.01
    np.testing.assert_allclose(found, wanted, **EXACT)


def test_every_row_of_table_5_is_tried() -> None:
    assert set(oracle_deform.MODAL) == set(TOKENS)
