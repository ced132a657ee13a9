"""The card in a checkpoint's header, and the folder that it lies in: whatever is there, the other models are listed, and it is said why one is not.

Every file is its own try, nothing is opened that could wait for ever, nothing is built that the file's own tensors do not fit.
"""

from __future__ import annotations

import copy
import json
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import demo_made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from safetensors.numpy import load_file, save_file

from actrec import catalogue, study
from actrec.core import settings as ours
from actrec.core.errors import QuestionError, WeightsError
from actrec.models import weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints with one good model in it."""
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path))
    demo_made.checkpoint(tmp_path, "good")
    return tmp_path


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The header of a good checkpoint."""
    return dict(weights.read(demo_made.checkpoint(tmp_path_factory.mktemp("made"), "good"))[1])


def write(folder: Path, header: object, name: str = "bad", text: str = "") -> None:
    """A checkpoint with the good one's tensors and another header."""
    save_file(load_file(folder / "good.safetensors"), folder / f"{name}.safetensors", {"actrec": text or json.dumps(header)})


def changed(header: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """The header with another value at a place such as sampling.frames."""
    made = copy.deepcopy(header)
    *way, last = place.split(".")
    inner = made
    for name in way:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return made


HOSTILE: list[tuple[str, object]] = [
    *(("sampling.frames", value) for value in (0, -1, 1.5, 10**9, "16", True, None, float("inf"), [8])),
    *(("sampling.span", value) for value in (0, 1.5, 10**9, "64")),
    *(("sampling.rate", value) for value in (0, float("nan"), float("inf"), "15")),
    *(("sampling.kind", value) for value in ("all", 1, None)),
    ("sampling.speed", 1),
    *(("preprocess.resize", value) for value in (0, 1, 10**9, [36], [36, 36, 36], "36", 1.5)),
    *(("preprocess.crop", value) for value in (32, [0, 32], [32], [10**6, 10**6], [64, 64], [32, float("inf")], "32")),
    *(("preprocess.mean", value) for value in (0.5, [0.5, 0.5], [float("nan")] * 3, ["a"] * 3)),
    *(("preprocess.std", value) for value in ([0, 0, 0], [float("inf")] * 3, [-1] * 3)),
    ("preprocess.antialias", "yes"),
    *(("arguments.width", value) for value in (float("inf"), float("nan"), 10**12, "0.125", None)),
    *(("arguments.depth", value) for value in (10**9, 50.5, "50")),
    *(("arguments.modules", value) for value in ([[1, 1]] * 10**4, [[[[[1]]]]], 3, "all", [[10**12, 1]])),
    *(("arguments.backbone", value) for value in (3, ["c2d"], "x" * 10**4)),
    *((f"arguments.{name}", 1) for name in ("classes", "nonsense", "__class__")),
    ("arguments", [1]),
    *(("labels", value) for value in ([], 6, None, "walk", ["walk"], ["a"] * 6, [1, 2], {"walk": 9})),
    *(("layout", value) for value in ("wrist", [1, 2], ["wrist"] * 10**5, 17)),
    *(("people", value) for value in (float("inf"), 0, 1.5, 10**9, "2", None)),
    *(("title", value) for value in (7, ["a"], {"a": 1})),
    *(("trained_on", value) for value in (7, ["a"], "x" * 10**5)),
    *(("results", value) for value in ("good", [1])),
    *(("results.accuracy", value) for value in ("most", 7, float("inf"), [0.9])),
    ("results", {"accuracy": 0.5, "clips": 6, "confusion": [[1] * 6] * 5}),
    ("results", {"accuracy": 0.5, "clips": 6, "confusion": [["1"] * 6] * 6}),
    ("results", {"accuracy_reversed_pairs_merged": 0.5, "accuracy_within_reversed_pairs": {"a / b": "half"}}),
    *(("architecture", value) for value in (7, None, "gpt", ["c2d-r50"], "x" * 10**5)),
]


@pytest.mark.parametrize(("place", "value"), HOSTILE, ids=lambda value: repr(value)[:30] if not isinstance(value, str) else value[:30])
def test_a_value_that_cannot_be_meant_leaves_one_file_out_and_is_named(folder: Path, header: dict[str, Any], place: str, value: object) -> None:
    write(folder, changed(header, place, value))
    assert "good" in catalogue.cards()
    assert "bad" not in catalogue.cards()
    remark = catalogue.remarks()["bad.safetensors"]
    assert remark.startswith("left out: the header of bad.safetensors is not a card: ")
    assert len(remark) < 400
    with pytest.raises(WeightsError, match="left out"):
        catalogue.card("bad")


PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=some.sampled_from(["architecture", "arguments", "sampling", "preprocess", "labels", "title", "results", "layout", "people"]), value=PLAIN)
def test_whatever_stands_in_a_header_the_card_is_whole_or_left_out(folder: Path, header: dict[str, Any], name: str, value: object) -> None:
    write(folder, {**header, name: value})
    cards = catalogue.cards()
    assert "good" in cards
    assert ("bad" in cards) != ("bad.safetensors" in catalogue.remarks())
    if "bad" in cards:
        with suppress(QuestionError):  # one line, where a value fits by itself and not with the others
            catalogue.without_numbers(cards["bad"])


@pytest.mark.parametrize("text", ["{", "[1]", "null", "7", '"text"', "[" * 10**5, '{"a":' * 10**5, '{"people": Infinity', "\x00"])
def test_a_header_that_is_no_card_at_all_is_left_out(folder: Path, text: str) -> None:
    write(folder, None, text=text)
    assert "good" in catalogue.cards()
    assert "bad.safetensors" in catalogue.remarks()


def test_a_good_card_keeps_what_it_says(folder: Path, header: dict[str, Any]) -> None:
    results = {"accuracy": 0.5, "clips": 36, "confusion": [[1] * 6] * 6, "mean_average_precision": float("nan"), "other": "thing"}
    write(folder, {**header, "title": "A\x1b[31m " + "long " * 10**4, "results": results, "people": 2}, "kept")
    card = catalogue.cards()["kept"]
    assert len(card.title) <= 120
    assert card.title.isprintable()
    assert card.results == {"accuracy": 0.5, "clips": 36, "confusion": [[1] * 6] * 6}
    assert (card.people, card.labels, card.sampling.frames) == (2, demo_made.LABELS, 8)
    assert not catalogue.remarks()


def test_pipes_links_to_nothing_and_folders_are_passed_over_without_being_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "gone.safetensors").symlink_to(folder / "pruned")
    (folder / "self.safetensors").symlink_to("self.safetensors")
    (folder / "folder.safetensors").mkdir()
    (folder / "text.safetensors").write_text("hello")
    (folder / "new\nline.safetensors").write_bytes((folder / "good.safetensors").read_bytes())
    os.mkfifo(folder / "pipe.pth")
    started = time.monotonic()
    assert "good" in catalogue.cards()
    assert time.monotonic() - started < 5
    told = {name.partition(".")[0]: line for name, line in catalogue.remarks().items()}
    assert set(told) == {"pipe", "gone", "self", "folder", "text", "new\nline"}
    for name, words in (("pipe", "is a pipe"), ("gone", "not there"), ("self", "back to itself"), ("folder", "is a folder"), ("text", "damaged")):
        assert words in told[name]


def test_a_folder_that_cannot_be_read_or_is_none_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "nowhere", tmp_path / "file" / "below"):
        monkeypatch.setenv("ACTREC_CHECKPOINTS", str(place))
        monkeypatch.setenv("ACTREC_RESULTS", str(place))
        assert "c2d-mannequin" in catalogue.cards()


@pytest.mark.parametrize("name", ["c2d-mannequin", "c2d-r50", "r3d_18"])
def test_a_file_called_like_another_model_takes_no_name_and_is_said(folder: Path, name: str) -> None:
    before = catalogue.card(name)
    (folder / "good.safetensors").rename(folder / f"{name}.safetensors")
    assert catalogue.card(name) == before
    theirs = catalogue.card(f"c2d-r50@{name}.safetensors")
    assert theirs.weights is not None
    assert theirs.weights.file == folder / f"{name}.safetensors"
    assert theirs.id in catalogue.cards()
    assert catalogue.remarks() == {f"{name}.safetensors": f"listed as {theirs.id}: another model is called {name}"}
    assert study.load(theirs.id).card == theirs


# ------------------------------------------------------------------------------------------------------ what may be built


@pytest.mark.parametrize("arguments", [{"width": 2.0**19}, {"blocks": 10**6}, {"size": 2**20}, {"heads": 0}, {"blocks": -1}, {"kernel": 2**20}])
def test_no_card_builds_a_network_without_end(arguments: dict[str, Any]) -> None:
    started = time.monotonic()
    card = replace(catalogue.card("deform-mc3"), arguments=arguments)
    with suppress(QuestionError):
        assert all(p.is_meta for p in catalogue.without_numbers(card).parameters())
    assert time.monotonic() - started < 20


def test_what_does_not_fit_the_file_takes_no_memory(folder: Path, header: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that asks for a thousand times the width is told so before its network has numbers."""
    write(folder, changed(header, "arguments.width", 100.0))
    monkeypatch.setattr(catalogue, "build", lambda card: pytest.fail("built"))
    with pytest.raises(WeightsError, match="of the wrong shape"):
        study.load("bad")


def test_every_demo_model_is_listed_without_a_remark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path))
    shipped = {file.stem for file in (ours.assets() / "checkpoints").glob("*.safetensors")}
    assert shipped <= catalogue.cards().keys()
    assert catalogue.remarks() == {}
