"""Flow drawn: hues of the named wheel, rest left as it is to the bit, arrows on the frame; and a comparison's command says how flow is found."""

from __future__ import annotations

import answers_made
import flow_made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actrec.core.look import Look
from actrec.core.question import Question
from actrec.draw import flow, marks, numbers, overlay
from actrec.draw.figures import strip
from actrec.ui.save import compare_command

SIZE = (answers_made.HEIGHT, answers_made.WIDTH)


def test_hues_are_those_of_the_named_wheel() -> None:
    assert len({tuple(colour) for colour in flow.DIRECTIONS.tolist()}) == 256, "every direction has its own"
    corners = {(1, 0): (255, 0, 0), (0, 1): (255, 234, 0), (-1, 0): (0, 197, 255), (0, -1): (103, 0, 255)}
    for (x, y), colour in corners.items():
        np.testing.assert_allclose(flow.DIRECTIONS[flow.direction(np.array(x), np.array(y))], colour, atol=6)
    steps = np.abs(np.diff(flow.DIRECTIONS.astype(int), axis=0, append=flow.DIRECTIONS[:1].astype(int))).max(1)
    assert steps.max() <= 64, "and there is no seam"


@given(st.integers(0, 50), st.sampled_from([0.0, 0.3]), st.sampled_from(["clip", "frame"]))
def test_a_frame_is_coloured_where_something_moves_and_left_to_the_bit_elsewhere(seed: int, threshold: float, scale: str) -> None:
    field = flow_made.field(seed=seed, holes=seed % 2 == 0)
    field.moved[:, :, 3:], field.lengths.values[:, :, 3:] = 0, 0  # the right half rests
    look = Look(threshold=threshold, scale=scale)  # type: ignore[arg-type]
    frame = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    drawn = flow.layer(field, 1, SIZE, SIZE, look).over(frame)
    np.testing.assert_array_equal(drawn[:, 33:], frame[:, 33:])
    covers = overlay.layer(field.lengths, 1, SIZE, SIZE, look).keep
    own = flow.layer(field, 1, SIZE, SIZE, look).keep
    assert own.shape == covers.shape
    assert (drawn != frame).any() == bool((own < 1).any())


def test_arrows_are_drawn_on_the_frames_of_their_step_alone() -> None:
    field = flow_made.field()
    answer = answers_made.explanation(field.lengths, flow=field)
    plain = np.full((240, 320, 3), 90, np.uint8)
    for frame, step in ((0, 0), (5, 1), (11, 2), (12, None)):
        changed = (marks.draw(plain, answer, frame, SIZE) != plain).any(-1)
        arrows = np.zeros((0, 2, 2)) if step is None else flow.arrows(field, step, Look())
        assert changed.any() == bool(len(arrows))
        for a, b in 5 * arrows:
            x, y = (a + b) / 2
            if 0 <= x < 319 and 0 <= y < 239:
                assert changed[int(y), int(x)]
    assert not len(flow.arrows(field, 0, Look(threshold=1.0))) > 1, "at the top of the scale only the longest is left"


def test_no_arrow_is_longer_than_its_room_nor_shorter_than_can_be_seen() -> None:
    for seed in range(5):
        field = flow_made.field(seed=seed)
        apart = flow.grid(field.lengths.seen)[1]
        long = np.concatenate([np.linalg.norm(np.diff(flow.arrows(field, k, Look()), axis=1), axis=-1) for k in range(3)])
        assert flow.LEAST * apart <= long.min() + 1e-6
        assert long.max() <= flow.ROOM * apart + 1e-6


def test_the_wheel_fades_to_its_middle_and_has_a_ground() -> None:
    disc = flow.disc(101, Look(opacity=1.0), 205, (255, 255, 255)).astype(int)
    assert (disc[0, 0] == 255).all()
    np.testing.assert_allclose(disc[50, 50], 205, atol=6)
    np.testing.assert_allclose(disc[50, 97], flow.DIRECTIONS[0], atol=12)
    np.testing.assert_allclose(disc[97, 50], flow.DIRECTIONS[64], atol=12)
    np.testing.assert_allclose(flow.disc(101, Look(opacity=1.0, threshold=0.6), 205, (255, 255, 255))[50, 70], 205, atol=1)


def test_figures_and_numbers_hold_flow_only_where_there_is_some() -> None:
    field = flow_made.field()
    answer, other = answers_made.explanation(field.lengths, flow=field), answers_made.explanation()
    assert {"flow_moved", "flow_seconds"} <= set(numbers.arrays(answer))
    assert not [name for name in numbers.arrays(other) if name.startswith("flow")]
    assert strip.flow_notes(other, Look()) == []
    assert f"drawn {flow.factor(field, field.lengths.peak):.3g} times as long" in strip.flow_notes(answer, Look())[0]
    with pytest.raises(ValueError, match="need \\(K, h, w, 2\\)"):
        type(field)(field.lengths, field.moved[:1], field.seconds)


def test_a_comparison_says_how_flow_is_found_where_it_is_the_same_for_all() -> None:
    one = Question("clip", "two:flow", "cam", flow="raft-small")
    assert "--flow raft-small" in compare_command([one, one.with_(method="flow")])
    assert compare_command([one, one.with_(flow=None)]) == ""
