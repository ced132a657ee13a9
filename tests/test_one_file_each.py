"""The way is open: a stream, a model of two streams, a way of explaining and a check are each added by one file, and work everywhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import clips_made
import numpy as np
import pytest
import torch
from app_made import EXPLORE, visit

import actrec.explain
import actrec.models
from actrec import catalogue, cli, study
from actrec.core.question import Question
from actrec.inputs import streams
from actrec.lab import evaluate, sets, train
from actrec.lab.recipes import RECIPES
from actrec.models import weights
from actrec.study import checks
from actrec.ui import parts

ROOT = Path(__file__).parent.parent

STREAM = """
import torch
from actrec.inputs import pixels
from actrec.inputs.streams import Stream

NAME = "toy"


class Difference(Stream):
    name, title, channels = NAME, "differences", 3

    def batch(self, frames, own):
        x = pixels.batch_to_input(frames, self.preprocess)
        return torch.cat([x[:, :, :1] * 0, x[:, :, 1:] - x[:, :, :-1]], 2)

    def reordered(self, tensor, order, clip, geometry, progress):
        return tensor[:, :, order] * 0


def of(card):
    return Difference(card.preprocess)
"""

MODEL = """
from torch import nn
from actrec.core.card import Card, Readout
from actrec.core.clip import Preprocess, Sampling
from actrec.core.trace import Tap


class Two(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.still, self.moving = nn.Conv3d(3, width, 3, 2, 1), nn.Conv3d(3, width, 3, 2, 1)
        self.tap = Tap(stride=(2, 2, 2))
        self.fc = nn.Linear(width, classes)

    def forward(self, frames, toy):
        return self.fc(self.tap((self.still(frames) + self.moving(toy)).relu()).mean((2, 3, 4)))


def build(width=4, classes=2):
    return Two(width, classes)


CARDS = (
    Card("toy-two", "A toy of two streams", "toy_model", {"width": 4}, Sampling("dense", 8, 8), Preprocess(36, (32, 32)), (),
         inputs=("rgb", "toy"), readout=Readout("tap", "fc")),
)
"""

METHOD = """
from actrec.explain import Method
from actrec.explain._evidence import feature_layers, heat


def explain(trace, ask):
    return (heat(trace, ask.layer, "Norm", trace.seen[ask.layer].grid()[0].norm(dim=0), "feature units", signed=False),)


METHODS = (Method("toy-norm", "Norm of features", "How long the features are.", "", feature_layers, explain, by_class=False),)
"""

CHECK = """
from dataclasses import asdict, dataclass
import torch
from actrec.study import asking
from actrec.study.checks import Check


@dataclass(frozen=True)
class Black:
    before: float
    after: float

    @property
    def verdict(self):
        return f"On black frames the probability goes from {self.before:.3f} to {self.after:.3f}."

    def to_json(self):
        return asdict(self) | {"verdict": self.verdict}


def run(question, progress):
    asked = asking.asked(question, progress)
    seen = asked.run()
    target = asked.target(seen.logits)
    black = {name: torch.zeros_like(x) for name, x in asked.inputs.items()}
    return Black(target.score(seen.logits)[0], target.score(seen.rerun(black))[0])


CHECK = Check("toy-black", "What does it say of nothing?", "The score of black frames.", "Run", lambda card, taps, clip: "", run, unasked=True)
"""

FILES: dict[str, tuple[object, str]] = {
    "toy_stream": (streams, STREAM),
    "toy_model": (actrec.models, MODEL),
    "toy_method": (actrec.explain, METHOD),
    "toy_check": (checks, CHECK),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A set of clips, and the four files, each put beside the others of its room."""
    folder = tmp_path_factory.mktemp("open")
    for name in ("clips", "checkpoints", "cache"):
        (folder / name).mkdir()
    clips_made.clip(folder / "clips" / "short.mp4", 24)
    caches = (streams._files, catalogue.architectures, catalogue.methods, checks.every)
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in (("ACTREC_CLIPS", "clips"), ("ACTREC_CHECKPOINTS", "checkpoints"), ("ACTREC_CACHE", "cache")):
            patch.setenv(variable, str(folder / name))
        for name, (package, text) in FILES.items():
            room = folder / name
            room.mkdir()
            (room / f"{name}.py").write_text(text, encoding="utf-8")
            patch.setattr(package, "__path__", [*package.__path__, str(room)])  # type: ignore[attr-defined]
        for cached in caches:
            cached.cache_clear()
        yield folder
    for cached in caches:
        cached.cache_clear()
    for name, (package, _) in FILES.items():
        sys.modules.pop(f"{package.__name__}.{name}", None)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def trained(home: Path) -> train.Run:
    """The toy model after an epoch on mannequins, in the checkpoints folder."""
    clips = sets.mannequin_set(1, 1)
    clips = replace(clips, items=tuple(item for item in clips.items if item.label in ("walk", "wave")), labels=("walk", "wave"), pairs=())
    recipe = replace(RECIPES["dam"], epochs=1, batch=2, workers=0, precision="fp32", lr=0.01)
    run = train.Run(catalogue.card("toy-two"), clips, recipe, home / "run", {"width": 4})
    before = [p.detach().clone() for p in run.model.parameters()]
    run.fit()
    run.ship()
    assert not any(torch.equal(a, b) for a, b in zip(before, run.model.parameters(), strict=True)), "both streams are trained"
    (home / "checkpoints" / "toy.safetensors").write_bytes((home / "run" / "model.safetensors").read_bytes())
    return run


def test_the_catalogue_counts_and_explains_the_toy_model(home: Path) -> None:
    card = catalogue.card("toy-two")
    parameters, gflops = catalogue.counts(card)
    assert parameters == 2 * (3 * 27 * 4 + 4) + 4 * 400 + 400
    assert gflops == pytest.approx((2 * 4 * 16 * 16 * 4 * 81 + 1600) / 1e9)
    assert catalogue.layers(card, catalogue.methods()["toy-norm"]) == ("tap",)


def test_the_command_line_explains_checks_and_evaluates(home: Path, trained: train.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "short", "--model", "toy", "--method", "toy-norm", "--out", str(home / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["files"]["video"]).is_file()
    assert cli.main(["check", "short", "--model", "toy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["checks"]) == {"order", "toy-black"}
    assert set(found["not"]) == {"hidden", "windows-cost", "shift", "reach"}
    result = home / "evaluated"
    item = evaluate.Trial("toy", study.load("toy").card, "0" * 64, trained.clips, "test")
    merged = evaluate.run(item, study.load("toy").model, result)
    assert merged is not None
    assert merged.scores.shape == (2, 2)


def test_both_inputs_reach_the_network_the_same_in_training_and_in_an_answer(home: Path, trained: train.Run) -> None:
    asked = study.asked(Question("short", "toy", "cam"))
    assert list(asked.inputs) == ["rgb", "toy"]
    frames, toy = (asked.inputs[name] for name in ("rgb", "toy"))
    assert frames is not None
    assert toy is not None
    np.testing.assert_allclose(toy[:, :, 1:], frames[:, :, 1:] - frames[:, :, :-1], atol=1e-5)
    state, _ = weights.read(home / "checkpoints" / "toy.safetensors")
    assert set(state) == set(asked.loaded.model.state_dict())
    seen = asked.run()
    assert not torch.equal(seen.rerun({"toy": torch.zeros_like(toy)}), seen.logits)
    order = study.time_order(asked.question)
    assert order.logits[1] == pytest.approx(float(seen.rerun({"rgb": frames.flip(2), "toy": toy * 0})[0, asked.target(seen.logits).label]))


def test_the_page_offers_the_toy_model_its_way_of_explaining_and_its_check(home: Path, trained: train.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: dict[str, list[str]] = {}
    shown: Callable[..., None] = parts.choices

    def noting(items: list[parts.Choice], *rest: object, **how: str) -> None:
        offered[how["key"]] = [item.id for item in items if not item.reason]
        shown(items, *rest, **how)

    monkeypatch.setattr(parts, "choices", noting)
    test = visit(EXPLORE, clip="short", model="toy", method="toy-norm")
    assert "toy-norm" in offered["ways"]
    assert test.selectbox("model-select").value == "toy"
    assert any(heading.value == "What does it say of nothing?" for heading in test.header)
    assert any(text.value.startswith("On black frames the probability goes from") for text in test.markdown)
