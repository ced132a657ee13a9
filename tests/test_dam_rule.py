"""The paper's own count of GFLOPs: the products between places alone, held to every row of tables 3, 4 and 6."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from actrec import catalogue
from actrec.cli import main
from actrec.core.trace import record, taps
from actrec.models import dam
from actrec.models._resnet import UNITS, VideoResNet, standing

GRIDS = {1: (256, (8, 64, 64)), 2: (512, (4, 32, 32)), 3: (1024, (4, 16, 16)), 4: (2048, (4, 8, 8))}
"""Channels and grid of each stage for 32 frames of 256 × 256 pixels (table 2)."""

GFLOPS = {  # dam2024: table 3 (Res3), then table 4; 26.19 without a block. DP-DA in Res3 is lost in our copy.
    (3, "dp-nl"): 26.47, (3, "poly-nl"): 26.20, (3, "da-nl-1"): 27.02, (3, "da-nl-2"): 27.04,
    (1, "da-nl-1"): 237.92, (1, "da-da"): 52.72, (1, "da-poly"): 26.26, (1, "da-dp"): 35.08, (1, "poly-da"): 52.66, (1, "dp-da"): 52.68,
    (2, "da-nl-1"): 32.81, (2, "da-da"): 27.85, (2, "da-poly"): 26.20, (2, "da-dp"): 26.75, (2, "poly-da"): 27.84, (2, "dp-da"): 27.84,
    (3, "da-da"): 26.40, (3, "da-poly"): 26.19, (3, "da-dp"): 26.26, (3, "poly-da"): 26.39,
    (4, "da-nl-1"): 26.29, (4, "da-da"): 26.22, (4, "da-poly"): 26.19, (4, "da-dp"): 26.20, (4, "poly-da"): 26.22, (4, "dp-da"): 26.22,
}  # fmt: skip


@pytest.mark.parametrize(("stage", "block"), GFLOPS)
def test_the_rule_gives_every_row_of_tables_3_and_4(stage: int, block: str) -> None:
    """But for their rounding, and the element-wise products of Poly-NL, twice as many as there are numbers in X."""
    channels, (t, y, x) = GRIDS[stage]
    spare = 0.015 + 0.0005 * GFLOPS[stage, block] + ("poly" in block) * 2 * channels * t * y * x / 1e9
    assert dam.C2D_GFLOPS + dam.products(block, channels, (t, y, x)) == pytest.approx(GFLOPS[stage, block], abs=spare)


def test_dam_12_costs_10_10_of_the_papers_10_17_gflops() -> None:
    card = catalogue.card("dam-12")
    found, paper = catalogue.formula(card), card.paper_figures["gflops"]
    assert found is not None
    assert found - 26.19 == pytest.approx(10.10, abs=0.005)
    assert paper - 26.19 == pytest.approx(10.17, abs=0.005)
    assert catalogue.formula(catalogue.card("dam-1")) == pytest.approx(27.02, abs=0.005)


@pytest.mark.parametrize("name", ["c3d-r50", "i3d-nl-r50", "c2d-r101", "dam-12-c3d", "r3d_18", "deform-mc3"])
def test_where_the_rule_says_nothing_there_is_no_number(name: str) -> None:
    assert catalogue.formula(catalogue.card(name)) is None


@pytest.mark.parametrize("last_stride", [1, 2])
def test_a_module_stands_where_the_rule_says(last_stride: int) -> None:
    """Channels and grid of every place, as a network has them."""
    asked: dict[str, tuple[int, tuple[float, float, float]]] = {}
    clip = torch.empty(1, 3, 16, 64, 96, device="meta")

    def insert(stage: int, unit: int, channels: int, stride: tuple[float, float, float]) -> torch.nn.Module:
        asked[f"res{stage}.attend{unit}"] = channels, stride
        return dam.make_block("dp-nl", channels, stride)

    with torch.device("meta"), torch.no_grad():
        model = VideoResNet("c2d", 50, width=0.25, classes=2, dropout=0.0, last_stride=last_stride, insert=insert).eval()
        with record(model, [name for name in taps(model) if name.endswith(".q")]) as seen:
            model(clip)
    assert len(asked) == sum(UNITS[50]) + 4
    for name, (channels, stride) in asked.items():
        stage, unit = int(name[3]), int(name.partition("attend")[2])
        assert (channels, stride) == standing(stage, unit, 0.25, last_stride)
        assert model.get_submodule(name).embed.conv.in_channels == channels
        assert seen[f"{name}.q"].tensor.shape[2:] == tuple(int(n / s) for n, s in zip((16, 64, 96), stride, strict=True))


def test_the_command_shows_ours_the_papers_and_its_rule(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: catalogue.card(name) for name in ("dam-12", "dam-9", "i3d-r50", "deform-mc3")}
    monkeypatch.setattr(catalogue, "cards", lambda: chosen)
    assert main(["models"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[1:]}
    ours = {name: f"{catalogue.counts(card)[1]:.2f}" for name, card in chosen.items()}
    assert f"{ours['dam-12']} (36.36; 36.29)" in lines["dam-12"]
    assert f"{ours['dam-9']} (–; 36.13)" in lines["dam-9"]
    assert f"{ours['i3d-r50']} (153)" in lines["i3d-r50"]
    assert f"{ours['deform-mc3']}  " in lines["deform-mc3"]
    assert main(["models", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert row["rule_gflops"] == pytest.approx(36.29, abs=0.005)
    assert row["departures"] == list(catalogue.departures("dam", chosen["dam-12"].arguments))
