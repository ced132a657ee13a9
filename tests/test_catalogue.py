"""The folders are the registry: every card and every method, judged alike."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import demo_made
import pytest
from safetensors.torch import save_file

from actrec import catalogue
from actrec.core import settings
from actrec.core.errors import QuestionError
from actrec.models import weights
from actrec.study import claim


def test_every_citation_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"^@\w+\{(\w+),", (settings.assets() / "papers.bib").read_text(encoding="utf-8"), re.MULTILINE))
    assert {card.paper for card in catalogue.architectures().values()} - {""} <= keys
    text = "\n".join(path.read_text(encoding="utf-8") for path in Path(catalogue.__file__).parents[1].rglob("*.py"))
    assert set(re.findall(r"\b([a-z]{2,}20\d\d[a-z]*)\b", text)) <= keys


def test_every_method_says_what_it_is_and_what_not_to_conclude() -> None:
    for method in catalogue.methods().values():
        assert method.title
        assert method.line.endswith(".")
        assert method.caution.endswith(".")
        assert "\n" not in method.line


@pytest.mark.parametrize("name", ["dam-12", "dam-1", "c2d-r50", "i3d-r50", "i3d-nl-r50", "r3d_18", "mvit_v2_s", "swin3d_t", "s3d"])
def test_every_method_fits_or_says_why_not(name: str) -> None:
    card = catalogue.card(name)
    for method in catalogue.methods().values():
        found = catalogue.layers(card, method)
        if isinstance(found, str):
            assert re.search(r"^(no |there is no |this model |the )|" + re.escape(card.title), found), found
        else:
            assert found
            assert len(set(found)) == len(found)


def test_a_checkpoint_with_a_broken_header_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path))
    good = demo_made.checkpoint(tmp_path, "good")
    state, _ = weights.read(good)
    for number, header in enumerate(('{"architecture": "c2d-r50"}', "[1, 2]", "{", '{"architecture": ["c2d-r50"]}')):
        save_file(state, tmp_path / f"bad{number}.safetensors", {"actrec": header})
    (tmp_path / "text.safetensors").write_text("hello")
    assert "good" in catalogue.cards()
    assert not any(name.startswith(("bad", "text")) for name in catalogue.cards())


def test_arguments_that_build_nothing_are_named() -> None:
    card = catalogue.card("dam-12")
    with pytest.raises(QuestionError, match="breadth"):
        catalogue.build(card, 5, breadth=3)
    with pytest.raises(QuestionError, match="c9d"):
        catalogue.build(card, 5, backbone="c9d")


def test_a_strangers_checkpoint_brings_its_class_count_and_names(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    weights.save(path, catalogue.build(catalogue.card("c2d-r50"), 3, width=0.125), {})
    base = catalogue.card("c2d-r50")
    assert catalogue.with_weights(base, path).labels == ("class 0", "class 1", "class 2")
    path.with_suffix(".txt").write_text("run\nwalk\njump\n")
    assert catalogue.with_weights(base, path).labels == ("run", "walk", "jump")


SHIPPED = sorted((settings.assets() / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_checkpoint_is_small_and_says_what_it_was_trained_on(file: Path) -> None:
    card = catalogue.card(file.stem)
    assert file.stat().st_size <= 8e6
    assert card.trained_on
    assert file.stem.endswith(card.trained_on.split()[0])
    assert file.with_suffix(".md").is_file()
    state, _ = weights.read(file)
    weights.load(catalogue.build(card), state)
    if "pose" in card.inputs:
        assert file.stem.startswith("deform-")
        assert len(card.layout) == card.arguments["layout"]


def test_a_model_that_does_no_better_than_one_answer_says_so() -> None:
    card = catalogue.card("c2d-weizmann")
    assert claim.untaught(card) == []
    guessing = replace(card, labels=("right", "wrong"), results={"accuracy": 0.6, "confusion": [[5, 1], [3, 1]]})
    (line,) = claim.untaught(guessing)
    assert "60 % of its own 10 test clips" in line
    assert "always saying “right” would get 60 %" in line
    assert claim.untaught(replace(guessing, results={"accuracy": 0.7, "confusion": [[5, 1], [2, 2]]})) == []
    assert claim.untaught(replace(guessing, results={})) == []
    assert claim.untaught(catalogue.card("deform-pushups")) != []


def test_a_model_that_is_not_there_gets_a_short_line_with_the_nearest_names() -> None:
    with pytest.raises(QuestionError) as error:
        catalogue.card("tst-manequin")
    assert "there are tst-mannequin" in str(error.value)
    with pytest.raises(QuestionError) as error:
        catalogue.card("@" * 50)
    assert len(str(error.value)) < 400
