"""What is true of one file of numbers is not said of another: accuracy, training set and names of classes belong to weights, not to a network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from actrec import catalogue
from actrec.catalogue import models as rooms
from actrec.core import files
from actrec.core.card import Card, Weights
from actrec.study import claim
from actrec.ui import models as page

PUBLISHED = [card for card in catalogue.architectures().values() if card.weights is not None]


def head_only(card: Card, classes: int, path: Path) -> Path:
    """A file with the last layer alone: what a card is made of a file does not need the rest."""
    torch.save({f"{card.head}.weight": torch.zeros(classes, 8), f"{card.head}.bias": torch.zeros(classes)}, path)
    return path


@pytest.mark.parametrize("base", PUBLISHED, ids=lambda card: card.id)
@pytest.mark.parametrize("classes", [400, 7])
def test_a_file_of_the_readers_inherits_nothing_that_the_authors_measured(base: Card, classes: int, tmp_path: Path) -> None:
    card = catalogue.with_weights(base, head_only(base, classes, tmp_path / "own.pth"))
    assert card.weights == Weights(tmp_path / "own.pth")
    assert (card.trained_on, dict(card.results), dict(card.paper_figures)) == ("", {}, {})
    assert not re.search(r"%|authors|Kinetics|own\.pth", page.facts(card))
    said = " ".join(claim.closest(card).split())
    assert "what it was trained on is not known" in said
    assert "own.pth" not in said
    assert "published" not in card.note


def test_names_that_are_only_assumed_are_said_to_be(tmp_path: Path) -> None:
    base = catalogue.card("r3d_18")
    path = head_only(base, 400, tmp_path / "own.pth")
    card = catalogue.with_weights(base, path)
    assert card.labels == base.labels
    assert "does not name its 400 classes" in card.assumed
    assert "assumed to be those of Kinetics-400" in card.assumed
    assert catalogue.with_weights(base, head_only(base, 7, tmp_path / "seven.pth")).assumed == ""
    path.with_suffix(".txt").write_text("\n".join(f"action {i}" for i in range(400)))
    named = catalogue.with_weights(base, path)
    assert (named.assumed, named.labels[7]) == ("", "action 7")


def test_the_authors_own_file_is_known_by_its_checksum_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = catalogue.card("r3d_18")
    path = head_only(base, 400, tmp_path / "renamed.pth")
    assert base.weights is not None
    theirs = replace(base, weights=replace(base.weights, sha256=files.digest(path)[:8]))
    card = catalogue.with_weights(theirs, path)
    assert card.weights == replace(theirs.weights or Weights(), file=path)
    assert (card.trained_on, card.labels, card.assumed) == (base.trained_on, base.labels, "")
    assert page.facts(card).startswith("63 % right by its authors’ test")
    assert page.filmed(card)
    monkeypatch.setattr(rooms.weights, "here", lambda weights: pytest.fail("the file is given"))
    assert catalogue.ready(card) == ""


def test_what_is_to_be_fetched_says_how_much(own_cache: None) -> None:
    card = catalogue.card("mc3_18")
    assert page.facts(card) == "64 % right by its authors’ test; 45 MB to fetch"
    assert "(45 MB)" in catalogue.ready(card)


@pytest.mark.parametrize("name", [c.id for c in catalogue.architectures().values()])
def test_no_card_has_an_accuracy_of_weights_among_the_figures_of_its_paper(name: str) -> None:
    card = catalogue.card(name)
    assert not {"acc@1", "acc@5"} & card.paper_figures.keys()
    assert not card.results, "measured on weights, which an architecture has not"


def test_a_network_that_is_trained_again_says_nothing_of_the_weights_that_it_started_from() -> None:
    """A training run takes its note from the card of the architecture."""
    for card in PUBLISHED:
        assert "published" not in card.note
        assert card.weights is not None
        assert card.weights.note


def test_a_head_that_is_not_there_counts_as_the_cards(tmp_path: Path) -> None:
    base = catalogue.card("r3d_18")
    torch.save(nn.Linear(3, 3).state_dict(), tmp_path / "other.pth")
    assert len(catalogue.with_weights(base, tmp_path / "other.pth").labels) == 400
