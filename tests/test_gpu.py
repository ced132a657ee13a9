"""make gpu: a clear word where there is no GPU; and the program itself, tried on the processor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actrec import catalogue
from actrec.core.evidence import Evidence, Heat, Matrix, Points
from actrec.core.trace import Trace
from actrec.explain import Ask
from actrec.study import Asked
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import maps, page, precision, processes, subjects, times
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.page import Section

CPU = torch.device("cpu")
TITLES = [title for title, _ in command.PARTS]


@pytest.fixture
def own_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page that the command would write, elsewhere."""
    monkeypatch.setattr(command, "PAGE", tmp_path / "gpu.md")
    (tmp_path / "gpu.md").write_text("as it was", encoding="utf-8")
    return tmp_path / "gpu.md"


def test_without_a_gpu_it_says_so_and_leaves_the_page_alone(
    own_page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(page, "driver", lambda: "")
    assert command.main([]) == 0
    assert capsys.readouterr().out.startswith("No GPU here: torch ")
    assert own_page.read_text(encoding="utf-8") == "as it was"


def test_a_card_that_torch_cannot_use_is_a_fault(own_page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(page, "driver", lambda: "525.60")
    assert command.main([]) == 1
    assert "driver 525.60" in capsys.readouterr().out
    assert own_page.read_text(encoding="utf-8") == "as it was"


def test_the_page_in_docs_is_a_runs_or_says_that_there_was_none() -> None:
    text = (Path(__file__).parent.parent / "docs" / "gpu.md").read_text(encoding="utf-8")
    assert text == page.blank(TITLES) or "writes this page. Everything" in text or "writes this page. **" in text


@pytest.mark.slow
def test_a_quick_try_on_the_processor_fills_every_part(tmp_path: Path, own_page: Path) -> None:
    assert command.main(["--device", "cpu", "--quick", "--out", str(tmp_path / "tried.md")]) == 0
    text = (tmp_path / "tried.md").read_text(encoding="utf-8")
    parts = dict(zip(TITLES, text.split("\n## ")[1:], strict=True))
    for title, part in parts.items():
        assert part.startswith(title)
        assert part.count("\n| ") >= 3 or title.startswith("Two processes"), part
    assert "gradcam" in text
    assert "deform-mannequin" in parts[TITLES[0]]
    assert "Left out: all of it (--quick)." in text
    assert text.startswith("# No GPU: the program of `make gpu`, tried on cpu")
    assert own_page.read_text(encoding="utf-8") == "as it was"


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    command.main(["--device", "cpu", "--seconds", "0", "--out", str(tmp_path / "tried.md")])
    text = (tmp_path / "tried.md").read_text(encoding="utf-8")
    for name in (*catalogue.architectures(), *(model for _, model, _ in times.VIEWS), "recipe shift, auto", "training", "evaluation"):
        assert f"{name} (no time left)" in text


def test_every_model_and_way_of_explaining_is_asked() -> None:
    cards = {card.id: card for card in subjects.all_cards()}
    assert set(catalogue.architectures()) < set(cards)
    asked = {method.id for card in cards.values() for method, _ in subjects.ways(card, 0)}
    assert asked == set(catalogue.methods())


def test_a_planted_difference_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(subject: Asked, asked: subjects.Ways, label: int, *_: object) -> subjects.Numbers:
        weight = subject.loaded.model.get_submodule("fc").weight
        weight.mul_(1.01)
        found = subjects.answers(subject, asked, label)[1]
        weight.div_(1.01)
        return found

    monkeypatch.setattr(maps, "_there", spoilt)
    section = Section("Maps")
    maps.compare(catalogue.card("c2d-mannequin"), torch.device("cuda"), 0, section)
    assert any(line.startswith("c2d-mannequin, cam at res4.tap, heats values: 1.0e-02") for line in section.wrong)
    assert any("logits" in line for line in section.wrong)
    assert not any("eigencam" in line for line in section.wrong)  # it knows no class
    assert "- c2d-mannequin, cam at res4.tap" in str(section)
    assert "Beyond" not in str(section.lines)


def test_what_float32_does_not_settle_is_named_but_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "TOLERANCE", 1e-12)
    section = Section("Maps")
    maps.compare(catalogue.card("c2d-mannequin"), CPU, 0, section)
    assert not section.wrong
    assert any("does not settle it" in line and "c2d-mannequin, cam at res4.tap" in line for line in section.lines)


def test_a_way_that_stops_on_the_device_is_named_and_the_others_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalogue.methods()

    def stops(run: Trace, ask: Ask) -> tuple[Heat, ...]:
        if run.logits.dtype == torch.float64:
            raise RuntimeError("two devices")
        return known["cam"].explain(run, ask)  # type: ignore[return-value]

    monkeypatch.setattr(catalogue, "methods", lambda: known | {"cam": replace(known["cam"], explain=stops)})
    section = Section("Maps")
    found, _ = maps.compare(catalogue.card("c2d-mannequin"), CPU, 0, section)
    assert section.wrong == ["c2d-mannequin, cam at res4.tap stopped: RuntimeError: two devices"]
    assert len(found) == 10


def test_a_fault_in_a_part_is_a_finding() -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no kernel\nfor this card")

    section = command._made("Maps", broken, CPU, Budget(1), True)
    assert section.wrong == ["it stopped: RuntimeError: no kernel for this card"]


def _evidence(order: list[int], scores: list[float]) -> Evidence:
    bands, box, places = np.array([[0, 1]]), (0.0, 0.0, 4.0, 4.0), np.array([[0, 1, 1], [0, 3, 1], [0, 1, 3]], np.float32)
    points = Points("", "", places[order] + 0.25, places[order], np.array(scores, np.float32)[order], bands, np.zeros(1), box, (1.0, 1.0))
    heat = Heat("", np.ones((1, 2, 2), np.float32), "", box, box, bands)
    return Evidence((heat, heat), points=points, matrices=(Matrix("", "", np.ones((1, 1), np.float32), ("a",), ("b",)),))


def test_all_numbers_of_an_answer_are_compared_whatever_the_order_of_near_equals() -> None:
    one, two = (dict(subjects.numbers(_evidence(order, [0.5, 0.5, 0.1]))) for order in ([0, 1, 2], [1, 0, 2]))
    assert {"heats 1 values", "heats 2 values", "points places", "points scores", "matrices values"} <= set(one)
    for name in one:
        assert subjects.difference(one[name], two[name], 1e-5)[0] == 0


def test_a_difference_is_a_share_of_the_peak_and_a_gap_is_infinite() -> None:
    one = np.array([1.0, -4.0, np.nan])
    assert subjects.difference(one, np.array([1.0, -3.0, np.nan]), 1e-5) == (0.25, 1)
    assert subjects.difference(one, np.array([5.0, -4.0, np.nan]), 1e-5) == (1.0, 2)
    assert subjects.difference(one, np.array([1.0, -4.0, 0.0]), 1e-5)[0] == np.inf
    assert subjects.difference(np.zeros(2), np.full(2, 1e-7), 1e-5)[0] == pytest.approx(0.01)  # nothing, on either side


def test_half_precision_that_moves_a_logit_too_far_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(precision.TOLERANCE, "bf16", 1e-6)
    section = Section("Half precision")
    precision._forward(catalogue.card("c2d-mannequin"), CPU, "bf16", section)
    assert section.wrong[0].startswith("c2d-mannequin in bf16: a logit moves by ")


def test_a_step_that_does_not_fit_is_tried_with_half_the_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def step(subject: object, recipe: object, device: object, batch: int, rounds: int) -> tuple[times.Cost, list[float], float]:
        tried.append(batch)
        if batch > 4:
            raise torch.OutOfMemoryError
        return times.Cost(1.0, None), [], 1.0

    monkeypatch.setattr(times, "step", step)
    assert times._fitting(None, None, torch.device("cuda"))[0] == 4
    assert tried == [16, 8, 4]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the processor's memory is told on Linux alone")
def test_a_cost_counts_what_was_needed_at_the_most_though_it_is_given_back() -> None:
    found = times.cost(lambda: torch.ones(32 * 2**20).sum(), CPU, 2)
    assert found.seconds > 0
    assert found.memory is not None
    assert 100 * 2**20 < found.memory < 200 * 2**20
    assert str(times.Cost(0.25, 2**20)) == "250 ms, 1 MiB"
    assert str(times.Cost(2.5, None)) == "2.5 s, —"


@pytest.mark.slow
def test_two_processes_are_held_against_one() -> None:
    section = Section("Two processes")
    processes.check(CPU, Budget(600), section, False)
    assert not section.wrong, section.wrong
    assert [row[0] for row in section.rows] == ["losses of two epochs", f"evaluation of {processes.MODEL}"]
    assert section.rows[1][3] == "0.0e+00"
