"""What a network takes otherwise than its paper says is written once, and card, docs and page are made from it."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from app_made import visit

from actrec import catalogue
from actrec.lab import train
from actrec.models import dam
from actrec.models._attend import FIRST_SCALE
from actrec.ui.frame import plain

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_models", ROOT / "docs" / "models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_docs_and_every_shipped_card_are_made_from_the_lists(docs: ModuleType) -> None:
    """`python docs/models.py` writes them again."""
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page()
    files = sorted(docs.CHECKPOINTS.glob("*.safetensors"))
    assert files
    for file in files:
        assert file.with_suffix(".md").read_text(encoding="utf-8") == docs.card(file), file.name


def test_every_family_with_a_paper_has_its_chapter(docs: ModuleType) -> None:
    assert {card.family for card in catalogue.architectures().values()} == set(docs.FAMILIES)


def test_what_a_network_departs_in_follows_its_own_arguments() -> None:
    def told(name: str, **changes: object) -> str:
        card = catalogue.card(name)
        return " ".join(catalogue.departures(card.family, {**card.arguments, **changes}))

    assert "3 DA-Poly in Res1" in told("dam-12")
    assert "Fig. 4" not in told("c2d-r50")
    assert "θ" not in told("c2d-r50")
    assert "√d" not in told("dam-12")
    assert "one learnt number per block" in told("c2d-r50", modules=[[3, 5, "da-nl-2"]])
    assert "the number 4, which is not learnt" in told("c2d-r50", modules=[[3, 5]], block="da-nl-2", scale=4)
    assert "Here a window reads itself" in told("deform-mc3")
    assert "Here a window of joints or frames reads the window one stride further" in told("deform-mc3", windows="cross")
    assert "3 blocks of 2 heads" in told("deform-mc3", blocks=3, heads=2)
    assert "8.4 thousand parameters" in told("st-rescnn-a", non_local=2)
    assert "8.4 thousand parameters" not in told("st-rescnn-a", non_local=2, width=0.25)
    assert "layout" not in told("deform-mc3", layout=13, pose_positions=True).partition("Each of a person’s 13 joints")[0]
    assert not told("r3d_18")


def test_the_numbers_in_the_lists_are_those_of_the_rule() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    whole = catalogue.formula(catalogue.card("dam-12"))
    assert whole is not None
    assert f"cost {whole - dam.C2D_GFLOPS:.2f} of those {36.36 - 26.19:.2f} GFLOPs" in text
    before = [[stage, unit - 1 if stage in (1, 3) else unit, kind] for stage, unit, kind in dam.places(12)]
    other = catalogue.formula(replace(catalogue.card("c2d-r50"), arguments={"modules": before}))
    assert other is not None
    assert f"{other - dam.C2D_GFLOPS:.2f} if one were before the first unit" in text
    assert f"({(4 * 14 * 14) ** 2 / 1e6:.2f} M at 224 × 224 pixels)" in text
    assert f"per block, {FIRST_SCALE:g} at first" in text
    (c2d, gflops), (c3d, _), (i3d, _) = (catalogue.counts(catalogue.card(name)) for name in ("c2d-r50", "c3d-r50", "i3d-r50"))
    assert f"counts {gflops:.1f} GFLOPs" in text
    assert f"adds {(c3d - c2d) / 1e6:.2f} M parameters" in text
    assert f"table 6’s {i3d / 1e6:.1f} M parameters" in text


@pytest.mark.parametrize("file", [*sorted((ROOT / "actrec" / "models").glob("*.py")), ROOT / "README.md"], ids=lambda file: file.name)
def test_nothing_of_it_is_said_twice(file: Path) -> None:
    if file.name != "_departures.py":
        said = re.findall(
            r"(?i)our (?:own )?(?:choice|reading|addition)s?|the paper (?:says|does not|is silent)|paper is silent", file.read_text(encoding="utf-8")
        )
        assert not said, f"{file.name} says {said[0]!r}: that belongs into actrec/models/_departures.py"


def test_a_trained_models_card_ends_with_its_list() -> None:
    metadata = {
        "architecture": "deform-mc3", "family": "deform", "arguments": {"windows": "cross"}, "trained_on": "a set", "clips": {}, "epoch": 1,
        "recipe": {"seed": 0}, "commands": ["a command"], "labels": ["a"], "results": {"accuracy": 0.5, "accuracy_reversed_pairs_merged": 0.5},
    }  # fmt: skip
    text = train.model_card(metadata)
    lines = catalogue.departures("deform", {"windows": "cross"})
    assert text.endswith("## Where it departs from its paper\n\n" + "".join(f"- {line}\n" for line in lines))


def test_the_page_shows_the_list_of_the_chosen_model(home: Path) -> None:
    page = visit(model="dam-12-mannequin")
    shown = [box for box in page.expander if "departs from its paper" in box.label]
    assert [box.label for box in shown] == [f"Where {plain('DAM-12 on C2D · mannequin')} departs from its paper"]
    card = catalogue.card("dam-12-mannequin")
    assert shown[0].markdown[0].value == "\n".join(f"- {line}" for line in catalogue.departures(card.family, card.arguments))
