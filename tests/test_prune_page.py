"""The page Prune: which models it takes, what it says of scales, dragging without the server, pruning for real, before and after."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import demo_made
import pruned_made
import pytest
import streams_made
import torch
from app_made import address as address_of
from app_made import visit
from conftest import ROOT, Serve
from evaluations_made import evaluation
from hypothesis import given
from hypothesis import strategies as st
from pages_made import PATIENCE, open_page, settle

from actrec import catalogue
from actrec.core import files
from actrec.core.question import Question
from actrec.lab import prune
from actrec.ui.prune import words
from actrec.ui.prune.made import Cut, by_class
from actrec.ui.prune.page import can

if TYPE_CHECKING:
    from playwright.sync_api import Page

PRUNE = "pages/4_Prune.py"


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    """The reader's checkpoints: two streams whose last layer takes part, fused (two), each by itself, and one with scales that are all alike."""
    torch.manual_seed(0)
    found = home / "checkpoints"
    pruned_made.both(found, cut=True)
    shutil.copy(found / "tiny-rgb.safetensors", found / "alike.safetensors")
    pruned_made.scaled(found / "alike.safetensors", pruned_made.alike)
    return found


def said(test: Any) -> str:
    """All that a page says in words, without Markdown's backslashes."""
    found = [each.value for kind in ("error", "markdown", "caption", "success", "code") for each in test.get(kind)]
    return re.sub(r"\\(.)", r"\1", "\n".join(found)).replace("\u00a0", " ")


# ------------------------------------------------------------------------------------------------------------- the words


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=60) | st.lists(st.sampled_from([0.0, 1e-4, 0.5, 1.0]), min_size=2, max_size=60))
def test_what_is_said_of_scales_follows_from_them(values: list[float]) -> None:
    told = words.scales(values)
    nothing_goes = all(prune.plan({"a": torch.tensor(values).numpy()}, percent).share == 0 for percent in range(0, 100, 9))
    assert ("nothing can be pruned" in told) == (len(set(values)) == 1)
    assert nothing_goes or len(set(values)) > 1
    if len(set(values)) > 1:
        near = sum(value < 0.01 * max(values) for value in values)
        assert ("mostly channels that the network uses" in told) == (near / len(values) < 0.1)
        assert (near == 0) == told.startswith("None of")


@given(st.lists(st.integers(0, 99), min_size=1, max_size=2), st.booleans(), st.sampled_from(["two", "tst-rescnn-a:rgb@my file.pth", "a/b"]))
def test_what_is_cut_survives_its_link_and_its_file_has_a_plain_name(percents: list[int], fc: bool, model: str) -> None:
    wanted = Cut(model, tuple(percents), fc)
    assert Cut.of(model, {"percents": percents, "fc": fc, "go": True}, len(percents)) == wanted
    assert re.fullmatch(r"[\w-]+\.safetensors", wanted.name)
    query = wanted.to_query()
    assert query.get("fc") == (None if fc else "0")
    assert [int(part) for part in query["percent"].split(",")] in (percents, percents[:1])


@pytest.mark.parametrize("told", [None, 7, {}, {"percents": [1], "fc": 1}, {"percents": [1, 2], "fc": True}, {"percents": [100], "fc": True}])
def test_what_no_slider_tells_is_not_taken(told: object) -> None:
    assert Cut.of("two", told, 1) is None


# ---------------------------------------------------------------------------------------------------------- which models


def test_without_a_model_in_the_link_one_that_can_be_pruned_is_shown(folder: Path) -> None:
    test = visit(PRUNE, clip="short")
    assert not test.error
    assert can(catalogue.card(address_of(test)["model"]))


@pytest.mark.parametrize(
    ("model", "why"),
    [("tiny", "tiny, of no use cannot be pruned: only networks of the family rescnn can"), ("st-rescnn-a", "it has no weights here")],
)
def test_a_model_that_cannot_be_pruned_says_so_and_which_can(folder: Path, model: str, why: str) -> None:
    test = visit(PRUNE, clip="short", model=model)
    assert len(test.error) == 1
    assert why in said(test)
    assert "These can be pruned:" in said(test)


def test_where_no_model_can_be_pruned_the_page_says_how_to_train_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actrec.ui.prune.page.can", lambda card: False)
    test = visit(PRUNE, clip="short", model="tiny")
    assert "python -m actrec train --model st-rescnn-a" in said(test)


@pytest.mark.parametrize(
    ("asked", "percent", "error"),
    [("70,80", "70,80", ""), ("ucf101", "70,80", ""), ("30", "30", ""), ("1,2,3", "40", "3 percentages"), ("110", "40", "from 0 to below 100")],
)
def test_a_link_says_how_much_goes(folder: Path, asked: str, percent: str, error: str) -> None:
    test = visit(PRUNE, clip="short", model="two", percent=asked, fc="0")
    assert [error in each.value.replace("\\", "") for each in test.error] == ([True] if error else [])
    assert f"--percent {percent} --no-fc" in said(test)
    assert address_of(test)["percent"] == asked


# -------------------------------------------------------------------------------------------------------- before and after


@pytest.mark.parametrize("model", ["two", "two:flow", "tiny-rgb"])
def test_a_pruned_model_is_there_at_once_with_both_answers_and_both_accuracies(
    folder: Path, model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACTREC_RESULTS", str(tmp_path))
    networks = 2 if model == "two" else 1
    wanted, clips = Cut(model, (50,) * networks, True), [("mannequin", f"walk/{900000 + n}", n % 3) for n in range(9)]
    card = catalogue.card(model)
    same = folder.parent / wanted.name
    prune.save(model, dict.fromkeys(prune.networks(card), 50.0), same)
    assert card.weights is not None
    assert card.weights.file is not None
    for name, evaluated, file, right in (("whole", model, card.weights.file, 1.0), ("small", "mine", same, 0.0)):
        sha = files.digest(file)
        evaluation(tmp_path / name, streams_made.LABELS, clips, model=evaluated, right=right, seed=1, set_name="figures", weights_sha256=sha)
    test = visit(PRUNE, clip="short", model=model)
    test.session_state["prune-go"] = test.session_state["prune-begun"] = wanted
    test.run()
    assert not test.exception
    assert not test.error
    assert "it is now among the models on all pages of this session" in said(test)
    link = next(iter(test.session_state["own-models"]))
    assert "Both say" in said(test) or "Before it says" in said(test)
    tables = " ".join(str(cell) for each in test.table for cell in each.value.to_numpy().flat).replace("\\", "").replace("\u00a0", " ")
    assert "100.0 % of 9 clips" in tables
    assert "0.0 % of 9 clips" in tables
    again = test.switch_page("pages/1_Explore.py").run()
    assert link in again.selectbox("model-select").options or card.title in str(again.selectbox("model-select").options)
    again.query_params.clear()
    again.query_params.update({"clip": "short", "model": link, "method": "gradcam"})
    again.run()
    assert not again.error
    assert not again.exception


@pytest.mark.parametrize(("method", "shown"), [("flow", "cam"), ("gradcam", "gradcam"), ("nonsense", "nonsense")])
def test_before_and_after_are_maps_of_a_class(folder: Path, method: str, shown: str) -> None:
    asked = by_class(Question("short", "two:flow", method, knobs=(("layer", "input"),) if method == "flow" else ()))
    assert asked.method == shown, "an unknown way is told of where it is asked"
    assert asked.knobs == ()
    if method == "flow":
        assert catalogue.methods()[asked.method].by_class


def test_a_file_that_cannot_be_written_gets_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    test = visit(PRUNE, clip="short", model="two")
    test.session_state["prune-go"] = test.session_state["prune-begun"] = Cut("two", (50, 50), True)
    monkeypatch.setattr("actrec.models.weights.checkpoint.save_file", full)
    test.run()
    assert ["no space left for /somewhere" in each.value.replace("\\", "").lower() for each in test.error] == [True]
    assert not test.success


@pytest.mark.parametrize(("file", "errors"), [("tiny-rgb", 0), ("gone", 1)])
def test_a_link_may_name_a_checkpoint_of_one_stream(folder: Path, file: str, errors: int) -> None:
    test = visit("pages/1_Explore.py", clip="short", model=f"tst-rescnn-a:rgb@{file}.safetensors", method="cam")
    assert len(test.error) == errors


# ------------------------------------------------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    variables = dict(demo_made.surroundings(tmp_path_factory.mktemp("prune")))
    torch.manual_seed(0)
    pruned_made.both(Path(variables["ACTREC_CHECKPOINTS"]), cut=True)
    return serve(ROOT / "app.py", env=variables)


def counts(page: Page) -> list[str]:
    return page.locator(".prune .count, .prune .figure strong").all_inner_texts()


@pytest.mark.browser
def test_the_slider_is_dragged_without_the_server_and_the_model_pruned_for_real(page: Page, address: str) -> None:
    asked: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: asked.append(frame)))
    open_page(page, address, "/Prune?clip=short&model=two")
    page.locator(".prune").wait_for(timeout=PATIENCE)
    settle(page)
    slider = page.locator(".prune input[type=range]").first
    box, before = slider.bounding_box(), counts(page)
    assert box is not None
    frames, seen = len(asked), [before]
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.5, 0.6, 0.7, 0.8):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_timeout(150)
        seen.append(counts(page))
    assert len(asked) == frames, "a drag tells the server nothing"
    assert len({tuple(each) for each in seen}) == 5
    page.mouse.up()
    page.wait_for_url("**percent=*", timeout=PATIENCE)
    settle(page)
    percent = int(slider.input_value())
    assert f"percent={percent}%2C40" in page.url
    assert counts(page) == seen[-1]
    page.locator(".prune .go").click()
    page.get_by_text("How often it is right").wait_for(timeout=PATIENCE)
    settle(page)
    size = page.locator(".prune .figure").nth(1).get_attribute("title")
    assert size is not None
    with page.expect_download() as download:
        page.locator(".st-key-prune-file button").click()
    assert download.value.path().stat().st_size == int(size.split()[0])
    assert page.get_by_text("Before and after, on this clip").count() == 1
    page.locator('a:has-text("Compare both over the clip")').click()
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    settle(page)
    assert "pruned" in page.locator(".st-key-model-1 input").input_value()


@pytest.mark.browser
def test_the_keyboard_moves_the_slider_and_the_link_restores_it(page: Page, address: str) -> None:
    open_page(page, address, "/Prune?clip=short&model=two%3Argb&percent=70")
    slider = page.locator(".prune input[type=range]")
    slider.wait_for(timeout=PATIENCE)
    settle(page)
    assert slider.input_value() == "70"
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert (slider.get_attribute("aria-valuetext") or "").startswith("73 %: ")
    page.wait_for_url("**percent=73*", timeout=PATIENCE)
    page.locator(".prune .preset").nth(1).click()
    page.wait_for_url("**percent=40*", timeout=PATIENCE)
    page.locator(".prune .foot input").uncheck()
    page.wait_for_url("**fc=0*", timeout=PATIENCE)
    settle(page)
    told = counts(page)
    page.reload()
    slider.wait_for(timeout=PATIENCE)
    settle(page)
    assert counts(page) == told


@pytest.mark.browser
def test_a_narrow_screen_cuts_nothing_off(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 480, "height": 900})
    open_page(page, address, "/Prune?clip=short&model=two")
    page.locator(".prune").wait_for(timeout=PATIENCE)
    settle(page)
    edges = page.locator(".prune *").evaluate_all("parts => parts.map(part => part.getBoundingClientRect().right)")
    assert edges
    assert max(edges) <= 481
