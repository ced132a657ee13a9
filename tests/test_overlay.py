"""Numbers to pixels: nothing is drawn that is not there, and what is there is drawn in its place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from answers_made import HEIGHT, WIDTH, heat, one_hot
from hypothesis import given, settings
from hypothesis import strategies as st

from actrec.core.errors import QuestionError
from actrec.core.look import Look
from actrec.draw import overlay
from actrec.draw.overlay import DIVERGING, PALETTES

SOURCE = (HEIGHT, WIDTH)
FRAME = np.random.default_rng(1).integers(0, 256, (*SOURCE, 3), np.uint8)
GREY = np.full((*SOURCE, 3), 128, np.uint8)


def light(table: np.ndarray) -> np.ndarray:
    """Relative luminance (sRGB) of a palette's rows."""
    share = table / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("scale", ["clip", "frame"])
def test_zero_heat_leaves_the_frame_unchanged(signed: bool, scale: str) -> None:
    drawn = overlay.draw(FRAME, heat(np.zeros((4, 6, 8)), signed=signed), 0, SOURCE, Look(scale=scale))  # type: ignore[arg-type]
    np.testing.assert_array_equal(drawn, FRAME)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("scale", ["clip", "frame"])
def test_noise_of_a_millionth_draws_nothing_and_says_so(signed: bool, scale: str) -> None:
    noise = heat(np.random.default_rng(0).normal(0, 1e-6, (4, 6, 8)), signed=signed)
    for step in range(4):
        np.testing.assert_array_equal(overlay.draw(FRAME, noise, step, SOURCE, Look(scale=scale)), FRAME)  # type: ignore[arg-type]
    assert overlay.caption(noise).startswith("no evidence (largest magnitude ")
    assert overlay.caption(noise).endswith("e-06 logit per cell)")
    assert overlay.ticks(overlay.largest(noise), signed) == []


def test_noise_draws_nothing_in_one_frame_of_a_strong_clip_scaled_by_frame() -> None:
    values = one_hot(1, 2, 3)
    values[0] = 1e-6
    np.testing.assert_array_equal(overlay.draw(FRAME, heat(values), 0, SOURCE, Look(scale="frame")), FRAME)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 3), (5, 7)])
@pytest.mark.parametrize("size", [(48, 64), (96, 128), (33, 41)])
def test_a_single_cell_lands_on_its_own_pixels(row: int, column: int, size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 128, np.uint8)
    changed = np.abs(overlay.draw(frame, heat(one_hot(1, row, column)), 1, SOURCE).astype(int) - 128).sum(-1)
    y, x = np.indices(size)
    middle = (changed * (y + 0.5)).sum() / changed.sum() / size[0] * 6, (changed * (x + 0.5)).sum() / changed.sum() / size[1] * 8
    assert middle == pytest.approx((row + 0.5, column + 0.5), abs=0.26)
    reach = np.abs((y + 0.5) / size[0] * 6 - row - 0.5) < 1, np.abs((x + 0.5) / size[1] * 8 - column - 0.5) < 1
    assert not changed[~(reach[0] & reach[1])].any()
    np.testing.assert_array_equal(overlay.draw(frame, heat(one_hot(1, row, column)), 0, SOURCE), frame)


def test_where_the_model_did_not_look_the_frame_is_dimmed_and_nothing_else_happens() -> None:
    half = heat(np.zeros((4, 6, 8)), box=(0, 0, 32, HEIGHT))
    drawn = overlay.draw(FRAME, half, 0, SOURCE)
    np.testing.assert_array_equal(drawn[:, :32], FRAME[:, :32])
    np.testing.assert_array_equal(drawn[:, 32:], np.rint(FRAME[:, 32:] * np.float32(overlay.DIM)))
    np.testing.assert_array_equal(overlay.draw(FRAME, half, None, SOURCE), np.rint(FRAME * np.float32(overlay.DIM)))


def test_nan_outside_the_crop_dims_only_and_nan_inside_draws_nothing() -> None:
    values = np.ones((1, 6, 8), np.float32)
    values[:, :, :2] = np.nan
    drawn = overlay.draw(FRAME, heat(values, seen=(0, 0, WIDTH, 24)), 0, SOURCE)
    np.testing.assert_array_equal(drawn[24:], np.rint(FRAME[24:] * np.float32(overlay.DIM)))
    np.testing.assert_array_equal(drawn[:24, :16], FRAME[:24, :16])
    assert (drawn[:24, 16:] != FRAME[:24, 16:]).any(-1).mean() > 0.95


def test_infinity_is_no_evidence() -> None:
    np.testing.assert_array_equal(overlay.strength(np.array([[np.inf, -np.inf, 1.0]]), 1.0, False), [[0, 0, 1]])


def test_signed_evidence_is_red_for_and_blue_against() -> None:
    both = one_hot(0, 2, 1, value=1.0) - one_hot(0, 2, 6, value=1.0)
    drawn = overlay.draw(GREY, heat(both, signed=True), 0, SOURCE).astype(int)
    (r, _, b), (r2, _, b2) = drawn[20, 12], drawn[20, 52]
    assert r > b + 60
    assert b2 > r2 + 60
    unsigned = overlay.draw(GREY, heat(both), 0, SOURCE)
    np.testing.assert_array_equal(unsigned[20, 52], GREY[20, 52])


def test_a_signed_map_and_its_negative_differ_only_in_colour() -> None:
    share = np.linspace(-1, 1, 41, dtype=np.float32)[None]
    np.testing.assert_allclose(overlay.paint(share, True, Look()).keep, overlay.paint(-share, True, Look()).keep)


@given(st.lists(st.floats(0, 100, width=32), min_size=2, max_size=12), st.floats(1.0, 1000.0))
@settings(max_examples=60, deadline=None)
def test_a_shared_scale_preserves_order(values: list[float], top: float) -> None:
    share = overlay.strength(np.array([values]), max(top, max(values)), False)[0]
    covered = overlay.cover(share, 0.8)
    order = np.argsort(values, kind="stable")
    assert (np.diff(share[order]) >= 0).all()
    assert (np.diff(covered[order]) >= -1e-7).all()
    assert covered.max() <= np.float32(0.8) + 1e-6


def test_a_shared_scale_gives_equal_values_equal_colours_and_a_scale_of_its_own_does_not() -> None:
    weak, strong = heat(one_hot(0, 2, 3, value=1.0)), heat(one_hot(0, 2, 3, value=4.0) + one_hot(0, 4, 6, value=1.0))
    look = overlay.shared([weak, strong])
    assert look.top == 4.0
    here, there = overlay.draw(GREY, weak, 0, SOURCE, look), overlay.draw(GREY, strong, 0, SOURCE, look)
    np.testing.assert_array_equal(here[20, 28], there[36, 52])
    assert (overlay.draw(GREY, weak, 0, SOURCE)[20, 28] != there[36, 52]).any()


def test_scales_by_frame_and_by_clip_have_the_tops_they_say() -> None:
    values = one_hot(0, 1, 1, value=2.0) + one_hot(2, 1, 1, value=-8.0)
    assert [overlay.top_of(Look(scale="frame"), heat(values), step) for step in range(4)] == [2.0, 0.0, 0.0, 0.0]
    assert [overlay.top_of(Look(scale="frame"), heat(values, signed=True), step) for step in range(4)] == [2.0, 0.0, 8.0, 0.0]
    assert overlay.top_of(Look(), heat(values, signed=True), 0) == 8.0
    assert overlay.top_of(Look(), heat(values), 0) == 2.0


@given(st.floats(0, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_threshold_leaves_out_what_is_weaker_and_nothing_else(threshold: float, signed: bool) -> None:
    values = np.linspace(-1 if signed else 0, 1, 201)[None]
    share = overlay.strength(values, 1.0, signed, threshold)
    kept = np.abs(values.astype(np.float32)) >= threshold
    np.testing.assert_array_equal(share[~kept], 0)
    np.testing.assert_allclose(share[kept], values[kept], rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from(list(PALETTES)), st.sampled_from(list(DIVERGING)), st.booleans())
@settings(max_examples=40, deadline=None)
def test_pixels_stay_between_the_frame_and_the_colour(seed: int, opacity: float, palette: str, diverging: str, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    frame, share = rng.integers(0, 256, (5, 7, 3), np.uint8), rng.uniform(-1 if signed else 0, 1, (5, 7)).astype(np.float32)
    look = Look(palette, diverging, opacity)
    table = overlay.table(look, signed)[np.rint((share + 1) * 127.5 if signed else share * 255).astype(int)].astype(int)
    drawn = overlay.paint(share, signed, look).over(frame).astype(int)
    assert (drawn >= np.minimum(frame, table) - 1).all()
    assert (drawn <= np.maximum(frame, table) + 1).all()


@pytest.mark.parametrize("name", list(PALETTES))
def test_a_palette_reads_in_grey_print_except_turbo(name: str) -> None:
    table = PALETTES[name]
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    rises = bool((np.diff(light(table)) > -2e-3).all()) and float(light(table)[-1] - light(table)[0]) > 0.5
    assert rises == (name != "turbo")


@pytest.mark.parametrize("name", list(DIVERGING))
def test_a_diverging_palette_is_light_in_the_middle_and_even_on_both_sides(name: str) -> None:
    table = DIVERGING[name]
    brightness = light(table)
    assert table.shape == (256, 3)
    assert 127 <= int(brightness.argmax()) <= 128
    assert (np.diff(brightness[:128]) > -2e-3).all()
    assert (np.diff(brightness[128:]) < 2e-3).all()
    assert abs(brightness[0] - brightness[-1]) < 0.06


@pytest.mark.parametrize("palette", [*DIVERGING])
def test_a_diverging_palettes_sides_stay_apart_without_red_or_green_sight(palette: str) -> None:
    # Viénot, Brettel and Mollon 1999: what is left of linear RGB for a protanope and for a deuteranope.
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    linear = (DIVERGING[palette] / 255.0) ** 2.2
    for sight in (protan, deutan):
        seen = np.clip(linear @ sight.T, 0, 1) ** (1 / 2.2)
        for step in (32, 64, 96, 127):
            assert np.linalg.norm(seen[127 - step] - seen[128 + step]) > 0.2, (palette, step)


def test_the_colour_bar_fades_out_at_zero() -> None:
    assert (overlay.bar(False, Look(), 128)[0] == 128).all()
    signed = overlay.bar(True, Look(), 128)
    assert (np.abs(signed[127:129].astype(int) - 128) <= 2).all()
    assert (overlay.bar(False, Look(threshold=0.5), 128)[:126] == 128).all()


def test_the_colour_bars_numbers_are_true() -> None:
    assert overlay.ticks(3.21987, False) == [(0.0, "0"), (0.5, "1.61"), (1.0, "3.22")]
    assert overlay.ticks(0.5, True) == [(0.0, "−0.5"), (0.5, "0"), (1.0, "0.5")]
    assert overlay.ticks(0.5, True, beyond=True)[0] == (0.0, "≤ −0.5")


def test_captions_say_what_must_be_known() -> None:
    assert overlay.caption(heat(one_hot(1, 2, 3))) == ""
    assert overlay.caption(heat(np.full((4, 6, 8), np.nan))) == "no evidence (the method gives no value here)"
    assert overlay.caption(heat(np.full((1, 6, 8), 3.1e-7))) == "no evidence (largest magnitude 3.1e-07 logit per cell)"
    assert overlay.caption(heat(np.full((4, 6, 8), 2.0))) == "the map is the same at all times, so it does not say when"
    assert overlay.caption(heat(np.ones((1, 6, 8)))) == "one map stands for the whole window, so it does not say when"
    assert overlay.caption(heat(-one_hot(1, 2, 3, value=3.2))) == "no positive evidence (lowest value −3.2 logit per cell)"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"palette": "jet"}, "'jet' is not one of inferno"),
        ({"opacity": 1.5}, "opacity 1.5"),
        ({"threshold": float("nan")}, "threshold nan"),
        ({"scale": "shared", "top": -1.0}, "the top of a shared scale"),
        ({"moment": float("inf")}, "moment inf"),
    ],
)
def test_a_look_that_cannot_be_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        Look(**change)  # type: ignore[arg-type]


def test_the_palettes_come_without_torch_or_a_drawing_library() -> None:
    check = "import sys, actrec.draw.overlay; print([m for m in ('torch', 'matplotlib', 'plotly', 'av', 'streamlit') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
