"""How evidence is drawn, said in a link and on a command line and read back; and what a look's moment keeps in a figure."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import answers_made
import numpy as np
import pytest
import typer
from answers_made import explanation, heat, one_hot
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from actrec.cli import ask, options
from actrec.core.errors import QuestionError
from actrec.core.look import DIVERGING, PALETTES, SCALES, TOGETHER, Look
from actrec.core.question import Question
from actrec.draw import overlay
from actrec.draw.figures import several, strip

SHARES = st.floats(0, 1)
LOOKS = st.builds(
    Look,
    st.sampled_from(PALETTES),
    st.sampled_from(DIVERGING),
    SHARES,
    SHARES,
    st.sampled_from(SCALES),
    moment=st.none() | st.floats(0, 1e6),
)
TOPS = st.none() | st.floats(0, 1e9)
USUAL = st.sampled_from([Look(), TOGETHER])


@given(LOOKS, TOPS, USUAL)
def test_a_link_restores_the_look_and_says_only_what_is_unusual(look: Look, top: float | None, usual: Look) -> None:
    look = replace(look, top=top)
    query = look.to_query(usual)
    assert Look.from_query(query, usual) == look
    assert usual.to_query(usual) == {}
    assert all(name.startswith("look.") for name in query)
    assert len(query) == sum(getattr(look, name) != getattr(usual, name) for name in Look.__dataclass_fields__)


@given(LOOKS)
def test_a_links_look_and_question_do_not_disturb_each_other(look: Look) -> None:
    question = Question("a clip.mp4", "toy", "cam", "lift", start=1.5, knobs=(("layer", "res4"),))
    query = question.to_query() | look.to_query()
    assert (Question.from_query(query), Look.from_query(query)) == (question, look)


@pytest.mark.parametrize(("command", "usual"), [(ask.explain, Look()), (ask.compare, TOGETHER)], ids=["explain", "compare"])
@given(look=LOOKS)
def test_a_command_line_restores_the_look(command: Any, usual: Look, look: Look) -> None:
    read: list[Look] = []
    app, hints, plain = typer.Typer(), get_type_hints(command, include_extras=True), inspect.unwrap(command)
    defaults = dict(zip(reversed(plain.__code__.co_varnames[: plain.__code__.co_argcount]), reversed(plain.__defaults__), strict=False))

    def take(palette: str, diverging: str, opacity: float, threshold: float, scale: str | None, moment: float | None) -> None:
        read.append(Look(palette, diverging, opacity, threshold, scale or usual.scale, moment=moment))  # type: ignore[arg-type]

    names = take.__code__.co_varnames[:6]
    take.__annotations__ |= {name: hints[name] for name in names}
    take.__defaults__ = tuple(defaults[name] for name in names)
    app.command()(take)
    done = CliRunner().invoke(app, look.to_words(usual), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert read == [look]


def test_both_commands_have_the_options_of_a_look() -> None:
    for name in ("Palette", "Diverging", "Opacity", "Threshold", "Scale", "Moment"):
        assert get_args(getattr(options, name))[1].help


@pytest.mark.parametrize("said", ["opacity=much", "palette=jet", "moment=-1", "scale=", "threshold=nan", "threshold=1.01", "top=inf"])
def test_a_link_with_an_impossible_look_is_refused_in_one_line(said: str) -> None:
    name, _, value = said.partition("=")
    with pytest.raises(QuestionError) as caught:
        Look.from_query({f"look.{name}": value})
    assert "\n" not in str(caught.value)


def test_the_names_of_palettes_are_those_of_the_tables() -> None:
    assert tuple(overlay.PALETTES) == PALETTES
    assert tuple(overlay.DIVERGING) == DIVERGING


def test_a_shared_scale_ends_at_the_largest_of_its_unit() -> None:
    first, same, other = (heat(one_hot(0, 1, 1, value=v), unit=unit) for v, unit in ((1.0, "a"), (3.0, "a"), (9.0, "b")))
    settled = overlay.settled(TOGETHER, first, [first, same, other])
    assert overlay.top_of(settled, first) == 3.0
    assert overlay.top_of(TOGETHER, first) == 1.0, "alone it ends at its own"
    assert overlay.settled(Look(), first, [same]) == Look()


@pytest.mark.parametrize("moment", [0.0, 0.7, 1.03, 99.0])
def test_a_figure_that_leaves_frames_out_keeps_the_one_nearest_to_the_moment(moment: float) -> None:
    clip = explanation(index=range(32)).clip
    nearest = int(np.argmin(np.abs(clip.seconds - moment)))
    shown, total = strip.frames_of(clip, 8, Look(moment=moment))
    assert nearest in {frame.place for frame in shown}
    assert (len(shown), total) == (8, 32)
    assert [frame.place for frame in shown] == sorted(frame.place for frame in shown)
    assert strip.frames_of(clip, 8, Look()) == strip.frames_of(clip, 8)


def test_three_moments_hold_the_one_that_was_chosen() -> None:
    answers = [explanation(index=range(32))]
    usual, chosen = (several._middles(answers, 3, look) for look in (Look(), Look(moment=0.04)))
    assert [frame.number for frame in chosen] == [1, *(frame.number for frame in usual[1:])]


def test_a_moment_is_the_nearest_of_some_seconds() -> None:
    seconds = answers_made.film().seconds
    assert Look().frame(seconds) is None
    assert Look(moment=math.pi / 10).frame(seconds) == 8
