"""What an attention block adds, by a real rerun without it; and that a row of very many places costs no more memory than the pass itself."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from claims_made import amount, as_percent
from dam_made import SMALL, awake
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import AttentionNet, noise, settled, traced
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actrec.core.evidence import Finding
from actrec.core.trace import Trace
from actrec.explain import Ask, directed
from actrec.models import dam, rescnn

SAID = re.compile(
    r"With this block turned off, the model gives this class (< 0\.1|\d+\.\d) % instead of (< 0\.1|\d+\.\d) %, "
    r"(?:(\d+\.\d) percentage points (more|less)|the same, to a tenth of a percentage point); "
    r"its (logit|lead in logits over the other class) is (−?\d+\.\d{3}) instead of (−?\d+\.\d{3})\."
)
HERE = Path(__file__).parent
NAME = "what the block adds"
UNITS = {"units": [1, 1, 1, 1], "width": 0.125, "classes": 3}


class Off(nn.Module):
    """In the place of a block: nothing is added."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def asked(model: nn.Module, clip: Tensor, layer: str, ask: Ask) -> tuple[Finding, Trace]:
    seen = traced(settled(model), clip, f"{layer}.q", f"{layer}.k")
    return {finding.name: finding for finding in directed.explain(seen, ask).findings}[NAME], seen


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (lambda: rescnn.build(**UNITS, non_local=3), "layer2.attend"),
        (lambda: rescnn.build(**UNITS, non_local=5), "layer4.attend"),
        (lambda: dam.build(modules=[[3, 1, "dp-nl"]], **SMALL), "res3.attend1"),
        (lambda: dam.build(modules=[[2, 1, "da-dp"]], **SMALL), "res2.attend1.space"),
        (lambda: dam.build(dam=1, **SMALL), "res3.attend5"),
        (lambda: dam.build(modules=[[3, 1, "da-nl-2"]], **SMALL), "res3.attend1"),
    ],
)
@pytest.mark.parametrize("versus", [None, 2])
def test_a_block_that_is_off_is_a_network_without_it(model: object, layer: str, versus: int | None) -> None:
    torch.manual_seed(0)
    network: nn.Module = awake(model())  # type: ignore[operator]
    clip = noise(1, 8, 32)
    found, seen = asked(network, clip, layer, Ask(1, versus, layer, (3, 12.0, 20.0)))
    parent, _, name = layer.rpartition(".")
    setattr(network.get_submodule(parent), name, Off())
    with torch.no_grad():
        without = network(clip)
    shares = [float(logits[0].softmax(0)[1]) for logits in (seen.logits, without)]
    assert found.value == pytest.approx(shares[0] - shares[1], abs=1e-6)
    said = SAID.fullmatch(found.sentence)
    assert said is not None
    scores = [float(logits[0, 1] - (0 if versus is None else logits[0, versus])) for logits in (without, seen.logits)]
    assert [amount(text) for text in said.groups()[5:]] == pytest.approx(scores, abs=6e-4)
    assert abs(scores[0] - scores[1]) > 1e-3, "the block was awake, so turning it off was seen"


def test_a_block_that_adds_nothing_changes_nothing_and_one_without_such_a_tap_is_not_judged() -> None:
    found, _ = asked(rescnn.build(**UNITS, non_local=2), noise(1, 8, 32), "layer1.attend", Ask(0, None, "layer1.attend", (0, 1.0, 1.0)))
    assert found.value == 0
    assert ", the same, to a tenth of a percentage point;" in found.sentence
    seen = traced(settled(AttentionNet("softmax")), noise(2), "block.q", "block.k")
    assert [finding.name for finding in directed.explain(seen, Ask(0, None, "block", (5, 6.5, 12.9))).findings] == [
        "distance in space",
        "distance in time",
    ]
    assert not directed.explain(traced(settled(AttentionNet()), noise(2), "block.q", "block.k"), Ask(0, None, "block", (5, 6.5, 12.9))).findings


LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=3, max_size=3)


@given(LOGITS, LOGITS, st.integers(0, 2), st.booleans(), st.sampled_from([None, None, math.nan, math.inf]))
def test_what_is_said_of_a_block_follows_from_both_answers(
    first: list[float], second: list[float], label: int, against: bool, broken: float | None
) -> None:
    other = (label + 1) % 3 if against else None
    if broken is not None:
        second = [broken, *second[1:]]
    found = directed.added(torch.tensor([first]), torch.tensor([second]), Ask(label, other))
    on, off = (torch.tensor(row).softmax(0)[label].item() for row in (first, second))
    if broken is not None:
        assert math.isnan(found.value)
        assert found.sentence.startswith("What the block adds is not known")
        return
    assert found.value == pytest.approx(on - off, abs=1e-6)
    said = SAID.fullmatch(found.sentence)
    assert said is not None, found.sentence
    without, with_it, apart, way, what, left, score = said.groups()
    assert as_percent(without, off, 1)
    assert as_percent(with_it, on, 1)
    change = round(100 * off, 1) - round(100 * on, 1)
    assert way == (None if abs(change) < 0.05 else "more" if change > 0 else "less")
    assert apart is None or float(apart) == pytest.approx(abs(change), abs=1e-6)
    assert what == ("logit" if other is None else "lead in logits over the other class")
    for text, row in ((left, second), (score, first)):
        assert amount(text) == pytest.approx(row[label] - (row[other] if other is not None else 0), abs=6e-4)


# ------------------------------------------------------------------------------------------------------------- memory


class NoSquare(TorchDispatchMode):
    """Fails where a tensor comes to be that is as large as one number for every two of N places would be."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.most, self.largest = places * places, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self.largest = max(self.largest, each.untyped_storage().nbytes() // max(each.element_size(), 1), each.numel())
                assert self.largest < self.most, f"{func} made {tuple(each.shape)}"
        return made


@pytest.mark.parametrize(
    ("model", "layer", "places"),
    [
        (lambda: rescnn.build(**UNITS, non_local=2), "layer1.attend", 8 * 32 * 32),
        (lambda: dam.build(modules=[[1, 1, "dp-nl"]], **SMALL), "res1.attend1", 2 * 16 * 16),
        (lambda: dam.build(modules=[[1, 1, "da-nl-2"]], **SMALL), "res1.attend1", 2 * 16 * 16),
        (lambda: dam.build(modules=[[1, 1, "da-nl-1"]], **SMALL), "res1.attend1", 2 * 16 * 16),
    ],
)
def test_no_tensor_relates_every_place_to_every_other(model: object, layer: str, places: int) -> None:
    network: nn.Module = settled(awake(model()))  # type: ignore[operator]
    with NoSquare(places) as watch:
        seen = traced(network, torch.randn(1, 3, 8, 64, 64), f"{layer}.q", f"{layer}.k")
        found = directed.explain(seen, Ask(0, None, layer, (3, 50.0, 50.0)))
    assert int(np.prod(seen.seen[f"{layer}.q"].extent)) == places
    assert NAME in {finding.name for finding in found.findings}
    assert 0 < watch.largest < places**2
    with pytest.raises(AssertionError, match="made"), NoSquare(64):
        torch.zeros(64, 3) @ torch.zeros(3, 64)


MEASURED = """
import torch
from actrec.core import trace
from actrec.explain import Ask, directed
from actrec.models import rescnn
from tiny_models import clip_of, noise, settled, traced
torch.set_num_threads(1)
torch.manual_seed(0)
model, clip = settled(rescnn.build(units=[1, 1, 1, 1], width=0.125, classes=3, non_local=2)), noise(0, 16, 112)

def told(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name + ":"))

with torch.no_grad():
    model(clip[:, :, :4, :16, :16])  # what torch loads on its first pass is not the pass's own
open("/proc/self/clear_refs", "w").write("5")  # the most that was ever held is what is held now
before = told("VmRSS")
with torch.no_grad():
    model(clip)
forward = told("VmHWM") - before
seen = traced(model, clip, "layer1.attend.q", "layer1.attend.k")
found = directed.explain(seen, Ask(1, None, "layer1.attend", (8, 30.0, 70.0)))
assert found.heat.values.size == 50176, found.heat.values.shape
assert abs(found.heat.values.sum() - 1) < 1e-3
assert len(found.findings) == 3
print(forward, told("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says of memory")
def test_a_row_of_50176_places_is_explained_within_twice_the_memory_of_the_pass() -> None:
    """N × N numbers would be 10 GB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": f"{HERE.parent}:{HERE}"}
    )
    assert done.returncode == 0, done.stderr
    forward, explained = (int(word) for word in done.stdout.split())
    assert 2e7 < forward < 1e9
    assert explained <= 2 * forward
