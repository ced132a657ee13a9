"""What attention in windows saves: pairs counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from joints_made import ask_tokens, checkpoint

from actrec.core.errors import QuestionError
from actrec.study.checks import windows_cost

pytestmark = pytest.mark.usefixtures("joints_home")


def test_pairs_are_those_of_the_windows_and_of_everything(home: Path) -> None:
    """17 joints in windows of 4 every 2 over 4 frames, with two modal tokens each; all 4 frames in one window."""
    found = windows_cost.cost(ask_tokens(home))
    joint, temporal = found.rows
    windows = len(range(0, 13, 2)) + 1
    assert (joint.windows, joint.tokens, joint.pairs) == (windows, 4 * (4 + 2), windows * (4 * 6) ** 2)
    assert (joint.full_tokens, joint.full_pairs) == (4 * (17 + 2), (4 * 19) ** 2)
    assert temporal.tokens == temporal.full_tokens
    assert temporal.pairs == temporal.full_pairs
    assert found.full_gflops != found.gflops
    assert found.seconds > 0
    assert f"{joint.pairs + temporal.pairs:,}" in found.verdict


def test_where_the_windows_hold_everything_nothing_is_saved_and_the_answer_is_the_same(home: Path) -> None:
    path = checkpoint(home / "checkpoints", "wide", arguments={**demo_arguments(), "joint_window": 17})
    found = windows_cost.cost(ask_tokens(home, model="wide"))
    assert found.full_probability == found.probability
    assert found.full_gflops == found.gflops
    assert all(row.pairs == row.full_pairs for row in found.rows)
    path.unlink()


def demo_arguments() -> dict[str, object]:
    from joints_made import TINY

    return TINY


def test_a_model_without_windows_has_no_such_cost(home: Path) -> None:
    with pytest.raises(QuestionError, match="no attention in windows"):
        windows_cost.cost(ask_tokens(home, model="tiny", joints=None))
