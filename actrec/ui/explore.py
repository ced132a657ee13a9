"""The Explore page: one clip, one model, one way of explaining; what was seen, where, when — and what not to conclude from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from actrec import catalogue, study
from actrec.clips import library
from actrec.clips.video import Proxy
from actrec.core.answer import Explanation
from actrec.core.card import Card
from actrec.core.clip import Video
from actrec.core.errors import ActrecError
from actrec.core.evidence import Track
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.explain import Method
from actrec.inputs.sampling import on_screen
from actrec.measure.strongest import amid
from actrec.ui import attention, checks, joints, over_time, parts, save, words
from actrec.ui.choose import clip_select, complete
from actrec.ui.frame import ask, asked, dress, look, noted, plain, shows, trouble, work
from actrec.ui.laid import Laid, plain_skeleton
from actrec.ui.models import model_select
from actrec.ui.own import clip_path, model_name, private_folder, real
from actrec.ui.player import Media, Pane, Pick, player
from actrec.ui.streams import selects
from actrec.ui.ways import ways

BESIDE = ("side by side", "in one picture")


def show() -> None:
    """The whole page below its head."""
    question = complete(asked())
    if question is None:
        return
    noted("address")
    clip, model = st.columns(2)
    with clip:
        clip_select(question)
    with model:
        model_select(question)
    try:
        asked_for, card = real(question), catalogue.card(model_name(question.model))
        film = study.open_clip(str(clip_path(question.clip)))
    except ActrecError as error:
        trouble(error)
        if question.joints is not None:  # an upload that went with its session must not lock the reader out
            st.button("Go on without these joints", on_click=lambda: ask(question.with_(joints=None, hide=())))
        return
    selects(question, card)
    laid = joints.panel(question, asked_for, card, film)
    found = work(f"answer {question}", "Asking the model", lambda progress: study.answer(asked_for, progress))
    left, right = st.columns([3, 2], gap="medium")
    foot, line = st.container(), st.container()
    later: list[Callable[[], bool]] = []
    with right:
        if found is not None:
            parts.doubts(found)
            _predictions(question, found)
            _claim(question, found)
        ways(question, card)
    with left:
        private = private_folder(question.clip)
        copy = work(f"copy {film.sha256}", "Preparing the player", lambda progress: library.browser_copy(film, private, progress))
        if copy is not None:
            _player(question, card, film, copy, found, laid, line)
        if found is not None:
            attention.pictures(found, look(found.usual))
            later += [
                words.show(question, asked_for, found),
                over_time.curve(question, asked_for, card, found),
                *checks.show(question, asked_for, card, found, film),
            ]
            _strip(found)
    if found is not None:
        with foot:
            save.one(question, found, look(found.usual))
    done = [do() for do in later]
    if any(done):
        st.rerun()


# -------------------------------------------------------------------------------------------------------------- player


@st.fragment
def _player(question: Question, card: Card, film: Video, copy: Proxy, found: Explanation | None, laid: Laid | None, line: DeltaGenerator) -> None:
    """The player and its tracks; a picked place or a moved window becomes the next question, another look the page's.

    line: where the command stands. Another moment changes nothing else on the page, and so does not run it again.
    """
    method = catalogue.methods().get(question.method)
    picks = bool(method and found is not None and method.picks(found.provenance["knobs"]))
    media = Media(film.sha256, copy.path, copy.fps, film.frames, film.width, film.height, film.seconds)
    if found is None:
        state = player(key="player", media=media, panes=[Pane("a", "clip")], tracks=[_motion(film, copy)], movable=False, picks=False)
        return
    window, now = (int(found.heat.bands[:, 0].min()), int(found.heat.bands[:, 1].max())), look(found.usual)
    state = player(
        key="player",
        media=media,
        panes=_panes(found, method, laid),
        tracks=[*over_time.known_curve(found), *found.tracks, _motion(film, copy)],
        window=window,
        sampled=found.clip.index,
        movable=card.sampling.kind == "dense" and window[1] - window[0] < film.frames,
        picks=picks,
        marker=_marker(question, found) if picks else None,
        start_frame=_marker(question, found).frame if picks else amid(found.heat),
        look=now,
        wear=partial(dress, usual=found.usual),
    )
    save.said(question, state.look or now, found.usual, line)  # in every run: a fragment may write elsewhere only where it always does
    if state.look is not None and replace(state.look, moment=now.moment) != now:
        st.rerun()
    if state.pick is not None and picks:
        ask(question.with_(at=(round(float(film.seconds[state.pick.frame]), 4), round(state.pick.x, 1), round(state.pick.y, 1))))
        st.rerun()
    if state.window is not None and abs(state.window - question.start) > film.step / 2:
        ask(question.with_(start=round(max(state.window, 0.0), 4)))
        st.rerun()


def _panes(found: Explanation, method: Method | None, laid: Laid | None) -> list[Pane]:
    """One picture with all maps to choose from; for a picked place's relations, one beside the other."""
    about = f"{found.label}" + (f" rather than {found.versus}" if found.versus else "")
    rows = method is not None and method.picks(found.provenance["knobs"]) and found.points is None
    if len(found.heats) > 1 and (rows or (found.evidence.together and _beside())):
        return [Pane(f"pane{i}", heat.title, heat.unit, (heat,)) for i, heat in enumerate(found.heats[:3])]
    skeleton, every = found.skeleton, None
    if laid is not None:
        every = laid.every
        skeleton = skeleton or plain_skeleton(laid, found)
    subtitle = about if method is not None and method.by_class else ""
    return [Pane("pane0", found.heat.title, subtitle, found.heats, found.points, skeleton, every, found.flow)]


def _beside() -> bool:
    """Whether the reader wants maps that belong together beside each other, or in one picture, to switch between."""
    return st.segmented_control("Maps", BESIDE, default=BESIDE[0], key="beside", required=True) == BESIDE[0]


def _marker(question: Question, found: Explanation) -> Pick:
    """The picked place; before the first pick, the middle, which the answer is about."""
    if question.at is not None:
        seconds, x, y = question.at
        return Pick(int(on_screen(found.clip.video, seconds)), x, y)
    crop = found.geometry.crop
    return Pick(int(found.clip.index[len(found.clip.index) // 2]), *found.geometry.to_source(crop[1] / 2, crop[0] / 2))


def _motion(film: Video, copy: Proxy) -> Track:
    return Track("motion", "mean grey change", film.seconds, np.arange(film.frames), copy.motion)


# ------------------------------------------------------------------------------------------------------- right column


def _predictions(question: Question, found: Explanation) -> None:
    st.header("What the model says", anchor=False)

    def take(label: str, versus: bool) -> None:
        if versus:
            other = None if label in (found.versus, found.label) else label
            ask(question.with_(label=found.label, versus=other))
        else:
            ask(question.with_(label=label, versus=None if question.versus == label else question.versus))

    parts.bars(parts.class_bars(found), take, key="bars", label="Most probable classes; click to explain, shift-click for rather than")
    st.caption("Click a class to explain it; shift-click a second one for “why this rather than that”.")
    labels = list(found.predictions.labels)
    why, rather = st.columns(2)
    why.selectbox("Explain", labels, key="explain", on_change=shows("explain", found.label, lambda label: take(label, False)))
    rest = [None, *(label for label in labels if label != found.label)]
    rather.selectbox(
        "rather than",
        rest,
        key="rather",
        placeholder="no other class",
        format_func=lambda label: "no other class" if label is None else label,
        on_change=shows("rather", found.versus, lambda versus: ask(question.with_(label=found.label, versus=versus))),
    )


def _claim(question: Question, found: Explanation) -> None:
    with st.container(border=True, key="claim"):
        st.markdown(plain(found.claim))
        attention.findings(found)
        cautions = found.cautions[len(found.doubts) :]
        if (other := found.earlier) is not None:
            take = partial(ask, question.with_(method=other.method, knobs=other.knobs))
            st.button(f"Show {dict(other.knobs)['layer']}, which has a time axis", icon=":material/schedule:", on_click=take)
        st.caption("**What not to conclude**  \n" + "\n".join(f"- {plain(line)}" for line in cautions))


# --------------------------------------------------------------------------------------------------------------- strip


def _strip(found: Explanation) -> None:
    """Exactly the frames the model was given, cut as it was given them."""
    clip, (left, top, right, bottom) = found.clip, found.geometry.box
    st.header(f"The {len(clip.index)} frames the model saw", anchor=False)
    height, width = clip.video.height, clip.video.width
    inside = max(round(top), 0), min(round(bottom), height), max(round(left), 0), min(round(right), width)
    image = _sheet(found, inside)
    times = [f"{s:.2f} s" for s in clip.seconds]
    hints = [f"frame {int(i)} at {s:.3f} s: show it in the player" for i, s in zip(clip.index, clip.seconds, strict=True)]
    aspect = (inside[3] - inside[2]) / (inside[1] - inside[0])

    def seek(number: int) -> None:
        dress(replace(look(found.usual), moment=round(float(clip.seconds[number]), 4)), found.usual)

    parts.strip(image, aspect, times, hints, seek, key="strip", label="The frames the model saw")
    cut = (inside[1] - inside[0], inside[3] - inside[2]) != (height, width)
    st.caption(f"Cut to what the model was given; it reads them at {found.geometry.crop[1]} × {found.geometry.crop[0]} pixels." if cut else "")


_sheets: Kept[bytes] = Kept(24)


def _sheet(found: Explanation, inside: tuple[int, int, int, int]) -> bytes:
    top, bottom, left, right = inside
    identity = (found.provenance["clip_sha256"], found.clip.index.tobytes(), inside)
    return _sheets.get_or(identity, lambda: library.side_by_side(found.clip.frames[:, top:bottom, left:right], 120))
