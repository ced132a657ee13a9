"""The page Evaluate: true numbers, a cell and the clips behind it, the ways on to Explore and Compare, links."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import clips_made
import demo_made
import numpy as np
import pytest
from conftest import ROOT, Serve
from evaluations_made import evaluation
from pages_made import PATIENCE, open_page, settle

from actrec.measure import chance
from actrec.ui.evaluate import matrix

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

LABELS = demo_made.LABELS
MANY = tuple(f"class_{i}" for i in range(70))
WALK = LABELS.index("walk")


# ------------------------------------------------------------------------------------------------------------- matrix


def test_a_cell_of_the_difference_is_good_where_the_second_does_better() -> None:
    first, second = np.array([[3, 1], [2, 2]]), np.array([[4, 0], [3, 1]])
    found = {(c.row, c.column): (c.text, c.tone) for c in matrix.cells_of_two(("a", "b"), first, second)}
    assert found == {(0, 0): ("+1", "good"), (0, 1): ("−1", "good"), (1, 0): ("+1", "bad"), (1, 1): ("−1", "bad")}


def test_of_many_classes_those_with_the_most_mistakes_are_shown_and_the_chosen_ones() -> None:
    mistakes = np.zeros((70, 70), np.int64)
    mistakes[7, 50] = 9
    shown = matrix.chosen_classes(mistakes, False, (66,))
    assert len(shown) == matrix.FEW
    assert {7, 50, 66} <= set(shown)
    assert matrix.chosen_classes(mistakes, True) == list(range(70))


# --------------------------------------------------------------------------------------------------------------- page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two evaluations of 48 films, one of another set of that size, two of generated figures, one of a multi-label set, two of 70 classes."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "set").mkdir()
    clips_made.clip(folder / "film.mp4", 24)
    for number in range(48):
        shutil.copy(folder / "film.mp4", folder / "set" / f"film {number}.mp4")
    clips = [("video", str(folder / "set" / f"film {n}.mp4"), n % 6) for n in range(48)]
    root = folder / "results"
    evaluation(root / "first", LABELS, clips, model="tiny", right=0.5, seed=1)
    evaluation(root / "second", LABELS, clips, model="tinydam", right=0.8, seed=2)
    figures = [("mannequin", f"walk/{900000 + n}", WALK) for n in range(3)]
    evaluation(root / "figures", LABELS, figures, model="tiny", right=1, seed=1, set_name="figures")
    evaluation(root / "figures2", LABELS, figures, model="tinydam", right=0, seed=1, set_name="figures")
    evaluation(root / "elsewhere", LABELS, clips, model="tiny", right=0.5, seed=1, set_name="other <b>set</b>")
    evaluation(root / "several", LABELS, clips, model="gone", right=0.5, seed=1, set_name="several", multilabel=True)
    wide = [("video", str(folder / "set" / "gone.mp4"), n % 70) for n in range(700)]
    evaluation(root / "wide", MANY, wide, model="gone", right=0.6, seed=4, set_name="wide")
    evaluation(root / "wide2", MANY, wide, model="gone@x.safetensors", right=0.7, seed=5, set_name="wide")
    return folder


@pytest.fixture(scope="module")
def address(home: Path, serve: Serve) -> str:
    variables = dict(demo_made.surroundings(home))
    return serve(ROOT / "app.py", env=variables | {"ACTREC_RESULTS": str(home / "results")})


Scores = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def scores(home: Path) -> Callable[[str], Scores]:
    def read(name: str) -> Scores:
        with np.load(home / "results" / name / "result.npz") as kept:
            return dict(kept)

    return read


def cell(page: Page, true: int, said: int) -> Locator:
    return page.locator(f'.st-key-matrix button[data-id="{true},{said}"]')


def clip_texts(page: Page) -> list[str]:
    return [box.inner_text() for box in page.locator('[class*="st-key-clip-"]').all()]


@pytest.mark.browser
def test_two_runs_are_chosen_and_the_table_says_their_true_numbers(page: Page, address: str, scores: Callable[[str], Scores]) -> None:
    open_page(page, address, "/Evaluate?a=first")
    assert page.locator(".st-key-measures tbody tr").count() == 1
    page.locator(".st-key-run-b input").click()
    page.get_by_role("option", name="tinydam").click()
    page.wait_for_url("**b=second**", timeout=PATIENCE)
    settle(page)
    rows = [row.all_inner_texts() for row in [r.locator("td, th") for r in page.locator(".st-key-measures tbody tr").all()]]
    for row, name in zip(rows, ("first", "second"), strict=True):
        kept = scores(name)
        right = kept["scores"].argmax(1) == kept["truth"]
        text = " ".join(row).replace("\u00a0", " ")
        low, high = chance.wilson(int(right.sum()), 48)
        assert f"{100 * right.mean():.1f} % ({100 * low:.1f}–{100 * high:.1f})" in text
        recalls = [right[kept["truth"] == k].mean() for k in range(6)]
        assert f"{100 * np.mean(recalls):.1f} %" in text
    a, b = (s["scores"].argmax(1) == s["truth"] for s in (scores("first"), scores("second")))
    said = page.locator(".st-key-verdict").inner_text()
    assert f"B gets {(b & ~a).sum()} clips right that A gets wrong, and {(a & ~b).sum()} wrong that A gets right" in said
    p = chance.mcnemar(int((b & ~a).sum()), int((a & ~b).sum()))
    assert ("within chance" in said) == (p >= 0.05)
    assert "What not to conclude" in said


@pytest.mark.browser
def test_a_cell_shows_its_clips_and_the_link_restores_them(page: Page, address: str, browser: Browser, scores: Callable[[str], Scores]) -> None:
    kept = scores("first")
    said = kept["scores"].argmax(1)
    wrong = [(int(t), int(s)) for t, s in zip(kept["truth"], said, strict=True) if t != s]
    true, answer = max(wrong, key=wrong.count)
    open_page(page, address, "/Evaluate?a=first")
    cell(page, true, answer).click()
    page.wait_for_url("**said=**", timeout=PATIENCE)
    settle(page)
    clips = np.flatnonzero((kept["truth"] == true) & (said == answer))
    texts = clip_texts(page)
    assert len(texts) == min(len(clips), 4)
    shown = kept["scores"][clips, answer].max()
    assert f"{LABELS[answer]} {100 * shown:.1f}\u00a0%" in texts[0]  # the surest mistake first
    assert cell(page, true, answer).get_attribute("aria-pressed") == "true"
    other = browser.new_page()
    open_page(other, address, page.url.removeprefix(address))
    assert clip_texts(other) == texts
    other.close()


@pytest.mark.browser
def test_the_matrix_can_be_used_by_keyboard(page: Page, address: str) -> None:
    open_page(page, address, "/Evaluate?a=first&true=bend+down&said=bend+down")
    cell(page, 0, 0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settle(page)
    assert "said=bend+down" not in page.url
    assert page.locator('.st-key-matrix button[aria-pressed="true"]').count() == 1


def changed_clip(scores: Callable[[str], Scores]) -> tuple[int, str]:
    """A film that the first run gets wrong and the second right: its class and what the first says."""
    a, b = scores("first"), scores("second")
    said, then = a["scores"].argmax(1), b["scores"].argmax(1)
    films = np.flatnonzero((said != a["truth"]) & (then == a["truth"]))
    return int(a["truth"][films[0]]), LABELS[said[films[0]]]


@pytest.mark.browser
def test_a_clip_opens_in_explore_about_what_was_said_rather_than_the_truth(
    page: Page, address: str, home: Path, scores: Callable[[str], Scores]
) -> None:
    true, said = changed_clip(scores)
    before = sorted((home / "set").iterdir())
    open_page(page, address, f"/Evaluate?a=first&b=second&{urlencode({'true': LABELS[true], 'said': said})}")
    page.get_by_role("button", name="Explore A").first.click()
    page.wait_for_url("**/Explore?**", timeout=PATIENCE)
    settle(page)
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator('[data-testid="stAlert"]').count() == 0
    assert f"“{said}” rather than “{LABELS[true]}”" in page.locator(".st-key-claim").inner_text()
    assert "model=tiny" in page.url
    assert str(home) not in page.url
    assert sorted((home / "set").iterdir()) == before


@pytest.mark.browser
def test_a_generated_clip_opens_in_compare_with_both_models(page: Page, address: str, scores: Callable[[str], Scores]) -> None:
    answers = [LABELS[scores(name)["scores"][1].argmax()] for name in ("figures", "figures2")]
    assert answers[0] == "walk" != answers[1]
    open_page(page, address, "/Evaluate?a=figures&b=figures2&true=walk&said=walk")
    row = page.locator('[class*="st-key-clip-"]', has_text="900001")
    assert row.locator("img").count() == 1
    row.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/Compare?**", timeout=PATIENCE)
    settle(page)
    page.locator('.actrec[data-ready="true"]').wait_for(timeout=PATIENCE)
    assert page.locator(".actrec .picture").count() == 2
    assert "1.model=tiny" in page.url
    assert "2.model=tinydam" in page.url
    assert "clip=walk_900001.mp4" in page.url
    assert page.locator('[data-testid="stAlert"]').count() == 0


@pytest.mark.browser
def test_what_cannot_be_compared_is_named_with_the_reason_as_text(page: Page, address: str) -> None:
    open_page(page, address, "/Evaluate?a=first&b=second")
    page.get_by_text(re.compile(r"\d+ that cannot be compared with A")).click()
    line = page.get_by_text("another set: other <b>set</b> instead of made")
    line.wait_for(timeout=PATIENCE)
    open_page(page, address, "/Evaluate?a=first&b=elsewhere")
    alert = page.locator('[data-testid="stAlert"]')
    assert "same set" in alert.inner_text()
    assert page.locator(".st-key-measures tbody tr").count() == 1


@pytest.mark.browser
@pytest.mark.parametrize("bad", ["a=nobody", "a=../../etc", "a=first&true=fly&said=walk", "a=first&b=nobody", "a=first&true=walk&said=run&page=-3"])
def test_a_bad_link_gets_at_most_one_sentence_and_the_page_stands(page: Page, address: str, bad: str) -> None:
    open_page(page, address, f"/Evaluate?{bad}")
    assert page.locator('[data-testid="stAlert"]').count() == (0 if "page=" in bad else 1)
    assert page.locator(".st-key-matrix button").count() > 6


@pytest.mark.browser
def test_many_classes_stay_usable_and_a_model_that_is_not_here_has_no_button(page: Page, address: str) -> None:
    open_page(page, address, "/Evaluate?a=wide&b=wide2")
    few = page.locator(".st-key-matrix .rows-names span").count()
    assert few == matrix.FEW
    page.locator(".st-key-all-classes label").click()
    page.wait_for_url("**all=1**", timeout=PATIENCE)
    settle(page)
    assert page.locator(".st-key-matrix .rows-names span").count() == 70
    page.locator('.st-key-matrix button[data-id="3,3"]').click()
    page.wait_for_url("**true=class_3&**", timeout=PATIENCE)
    settle(page)
    assert len(clip_texts(page)) == 4
    assert "No picture" in clip_texts(page)[0]
    assert page.get_by_role("button", name="Explore").count() == 0
    text = page.locator('[data-testid="stMain"]').inner_text()
    assert "is not here" in text


@pytest.mark.browser
def test_a_row_of_the_class_table_shows_the_clips_of_its_class_and_the_report_can_be_downloaded(page: Page, address: str, tmp_path: Path) -> None:
    open_page(page, address, "/Evaluate?a=first&b=second")
    page.locator(".st-key-classes .dvn-scroller").click(position={"x": 15, "y": 35 + 35 * 4 + 15})
    page.wait_for_url("**true=walk**", timeout=PATIENCE)
    settle(page)
    assert "“walk” recognised" in page.locator('[data-testid="stMain"]').inner_text()
    page.get_by_text("Files, and how these numbers were made").click()
    settle(page)
    with page.expect_download(timeout=PATIENCE) as download:  # the report is made when it is asked for
        page.get_by_role("button", name="B against A: report").click()
    download.value.save_as(tmp_path / "report.html")
    assert "second against first" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.browser
def test_a_set_with_several_labels_a_clip_has_average_precisions(page: Page, address: str) -> None:
    open_page(page, address, "/Evaluate?a=several")
    head = page.locator(".st-key-measures thead").inner_text()
    assert "mAP" in head
    assert "Pairs" not in head


@pytest.mark.browser
def test_the_page_of_evaluations_on_a_narrow_screen_does_not_scroll_sideways(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    open_page(page, address, "/Evaluate?a=first&b=second&true=walk&said=walk")
    wide = page.evaluate("(() => { const main = document.querySelector('[data-testid=stMain]'); return main.scrollWidth > main.clientWidth + 1; })()")
    assert not wide


@pytest.mark.browser
def test_without_evaluations_the_page_says_the_command_that_makes_one(page: Page, serve: Serve, tmp_path: Path) -> None:
    script = tmp_path / "none.py"
    script.write_text(
        "from actrec.lab import results\nfrom actrec.ui.evaluate import page\nresults.found = dict\npage.show()\n",
        encoding="utf-8",
    )
    page.goto(serve(script))
    page.get_by_text("python -m actrec evaluate --model").first.wait_for(timeout=PATIENCE)
    assert page.locator('[data-testid="stException"]').count() == 0


# ------------------------------------------------------------------------------------------------------------ opening


# ------------------------------------------------------------------------------------------------------------ shipped
