"""The clips behind a cell: what each shows and what each evaluation says, and the way to look at one in Explore or Compare.

A clip that is opened becomes one of this session's uploads: copied, or written anew where it is a part of a film, a folder of pictures or a generated
figure. Nothing is written beside the reader's own files, and no link can name a path.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from actrec import catalogue, study
from actrec.clips import library, video
from actrec.core import files, settings
from actrec.core.clip import Sampling, Video
from actrec.core.errors import ActrecError, ClipError, Progress
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.core.words import percent
from actrec.inputs.sampling import span
from actrec.lab.sets import Media
from actrec.ui import own
from actrec.ui.compare import to_query
from actrec.ui.evaluate.matrix import spaced
from actrec.ui.evaluate.shown import Shown, View, ask
from actrec.ui.frame import PAGES, plain, shows, work
from actrec.ui.models import fitting

PAGE_OF_CLIPS = 4
STILLS, STILL_HEIGHT = 4, 90
"""A preview is this many frames of a clip side by side, so high in pixels."""


@dataclass(frozen=True)
class Group:
    """Clips that belong together: what they have in common, and their numbers in the evaluation."""

    title: str
    numbers: tuple[int, ...]


def groups(shown: Sequence[Shown], true: int, said: int) -> list[Group]:
    """The clips of a cell, the most certain answers first; of two evaluations, those that changed first."""
    answers = [one.answers(true) for one in shown]

    def group(title: str, wanted: Callable[[Sequence[int]], bool], by: int) -> Group:
        numbers = [clip for clip in answers[0] if wanted([told.get(clip, -1) for told in answers])]
        return Group(title, tuple(sorted(numbers, key=lambda clip: (-shown[by].found.scores[clip, said], clip))))

    if len(shown) == 1:
        found = [group("", lambda told: told[0] == said, 0)]
    elif true == said:
        found = [
            group("put right by B", lambda told: told[0] != said and told[1] == said, 1),
            group("lost by B", lambda told: told[0] == said and told[1] != said, 0),
            group("right in both", lambda told: told[0] == told[1] == said, 1),
        ]
    else:
        found = [
            group("put right by B", lambda told: told[0] == said and told[1] == true, 0),
            group("also wrong in B, in another way", lambda told: told[0] == said and told[1] not in (said, true), 0),
            group("lost by B", lambda told: told[0] == true and told[1] == said, 1),
            group("also wrong in A, in another way", lambda told: told[0] not in (said, true) and told[1] == said, 1),
            group("the same mistake in both", lambda told: told[0] == told[1] == said, 1),
        ]
    return [g for g in found if g.numbers]


def behind(shown: Sequence[Shown], view: View, true: int, said: int) -> Callable[[], None]:
    """The clips of a cell, a few at a time, each with what was said of it and the ways on; comes back with what makes the pictures, last."""
    labels = shown[0].found.labels
    what = "recognised" if true == said else f"taken for “{spaced(labels[said])}”"
    st.header(plain(f"“{spaced(labels[true])}” {what}"), anchor=False)
    found = groups(shown, true, said)
    total = sum(len(g.numbers) for g in found)
    clips = f"{total} {'clip' if total == 1 else 'clips'}"
    told = clips + (": " + ", ".join(f"{len(g.numbers)} {g.title}" for g in found) if len(shown) > 1 else "")
    head, close = st.columns([4, 1], vertical_alignment="center")
    head.caption(plain(told if total else "No clip of these evaluations is here."))
    close.button("Close", icon=":material/close:", type="tertiary", key="cell-close", on_click=lambda: ask(view.with_(true="", said="")))
    rows = [(g.title, n) for g in found for n in g.numbers]
    pages = max(-(-total // PAGE_OF_CLIPS), 1)
    at = min(view.page, pages)
    models = [_link_name(one) for one in shown]
    later = []
    for place, (title, number) in enumerate(rows[(at - 1) * PAGE_OF_CLIPS : at * PAGE_OF_CLIPS]):
        with st.container(border=True, key=f"clip-{place}"):
            slot = st.empty()
            _lines(shown, number, title, true)
            _ways_on(shown, models, number, true)
        later.append((slot, number))
    if pages > 1:
        key = f"behind-{view.first}-{view.second}-{view.true}-{view.said}"
        st.pagination(pages, key=key, on_change=shows(key, at, lambda page: ask(view.with_(page=int(page)))))
    for one, (_, line) in zip(shown, models, strict=True):
        if line:
            st.caption(plain(f"{one.letter}: {line}" if len(shown) > 1 else line))

    if rows and any(name for name, _ in models):
        _differs(shown, [n for _, n in rows])

    def pictures() -> None:
        for slot, number in later:
            _still(slot, shown[0].found.media[number], spaced(shown[0].found.names[number]))

    return pictures


def _lines(shown: Sequence[Shown], number: int, title: str, true: int) -> None:
    """Which clip, and what each model said with which probability."""
    lines = [f"**{plain(spaced(shown[0].found.names[number]))}**" + (f" · {plain(title)}" if title else "")]
    for one in shown:
        scores, said = one.found.scores[number], one.answers(true).get(number, true)
        line = f"{spaced(one.found.labels[said])} {percent(float(scores[said]))}"
        if said != true:
            line += f" ({spaced(one.found.labels[true])} {percent(float(scores[true]))})"
        mark = ":material/check:" if said == true else ":material/close:"
        lines.append(f"{one.letter + ' ' if len(shown) > 1 else ''}{mark} {plain(line)}")
    st.markdown("  \n".join(lines))


# --------------------------------------------------------------------------------------------------------------- pictures

_stills: Kept[bytes] = Kept(400)


def _still(slot: st.delta_generator.DeltaGenerator, media: Media, name: str) -> None:
    """A few frames of the clip; where it is gone, a sentence."""
    try:
        data = _stills.get_or((media.kind, media.path, media.start, media.end), lambda: _frames(media))
    except (ActrecError, OSError, ValueError) as error:
        slot.caption(plain(f"No picture: {error}"))
        return
    slot.image(data, width="stretch", alt=f"Four moments of {name}")


def _frames(media: Media) -> bytes:
    table = media.table()
    if media.kind == "mannequin":  # painted as small as it is shown
        table = Video(table.path, table.sha256, table.seconds, STILL_HEIGHT * 4 // 3, STILL_HEIGHT, 0, "")
    first, last = media.span(table)
    frames = media.read(table, np.linspace(first, last - 1, STILLS + 2)[1:-1].round().astype(int))
    return library.side_by_side(frames, round(STILL_HEIGHT * frames.shape[2] / frames.shape[1]))


# ----------------------------------------------------------------------------------------------------------------- the way on


def _link_name(one: Shown) -> tuple[str, str]:
    """The evaluated model as links name it, "" where it is not here; and what the reader should know about that."""
    name = str(one.about.get("model", ""))
    base, at, file = name.partition("@")
    then = str(one.about.get("weights_sha256") or "")
    link = f"{base}@{_named(Path(file).name, then)}" if at else name
    try:
        card = catalogue.card(own.model_name(link))
    except ActrecError:
        if at:
            return "", f"the checkpoint {Path(file).name} is not here; put it into {settings.checkpoints()} to open clips with this model"
        return "", f"the model {name!r} is not here; its clips cannot be opened with it"
    if card.weights is None:
        return "", f"the model {link!r} cannot answer here: {catalogue.ready(card)}"
    now = _digest(card.weights.file)
    changed = bool(now and then) and not now.startswith(then) and not then.startswith(now)
    return link, f"the weights of {link!r} have changed since the evaluation: the model may answer differently now" if changed else ""


def _named(name: str, sha256: str) -> str:
    """The name of the file in the checkpoints folder that holds these very weights: training always gives it the same name, here it may have any."""
    own = (f for f in files.inside(settings.checkpoints()) if f.suffix in catalogue.SUFFIXES)
    return next((f.name for f in own if sha256 and _digest(f) == sha256), name)


def _digest(file: Path | None) -> str:
    return _sha256(file, file.stat().st_mtime_ns) if file is not None and not files.odd(file) else ""


@st.cache_data(show_spinner=False, max_entries=64)
def _sha256(file: Path, _stamp: int) -> str:
    return files.digest(file)


def _differs(shown: Sequence[Shown], numbers: Sequence[int]) -> None:
    """Say why an opened clip may get other probabilities than it got here."""
    why = ["the clip is first written as a video file"] if any(not _whole(shown[0].found.media[n]) for n in numbers) else []
    why += ["the model sees only its middle window, not all views"] if any(one.found.views != (1, 1) for one in shown) else []
    if why:
        st.caption(f"An opened clip can get slightly different probabilities from those here: {' and '.join(why)}.")


def _ways_on(shown: Sequence[Shown], models: Sequence[tuple[str, str]], number: int, true: int) -> None:
    """Buttons that open the clip: in Explore with an evaluated model, about what it said rather than the truth; in Compare with both."""
    with st.container(horizontal=True, gap="small"):
        for one, (model, _) in zip(shown, models, strict=True):
            if not model:
                continue
            title = f"Explore {one.letter}" if len(shown) > 1 else "Explore"
            if st.button(title, key=f"explore-{one.letter}-{number}", icon=":material/search:"):
                _open("Explore", [(one, model)], number, true)
        both = [(one, model) for one, (model, _) in zip(shown, models, strict=True) if model]
        if len(both) == 2 and st.button("Compare", key=f"compare-{number}", icon=":material/compare:"):
            _open("Compare", both, number, true)


def _open(page: str, models: Sequence[tuple[Shown, str]], number: int, true: int) -> None:
    """Bring the clip into the session and go to a page with it."""
    media = models[0][0].found.media[number]
    clip = work(f"bring {media.path} {media.start}", "Opening the clip", lambda progress: _bring(media, progress))
    if clip is None:
        return
    questions = [
        _question(model, clip, one.found.labels, true, one.answers(true).get(number, true) if page == "Explore" else true) for one, model in models
    ]
    query = questions[0].to_query() if page == "Explore" else to_query(questions)
    st.switch_page(PAGES[page], query_params=query)


def _question(model: str, clip: str, labels: Sequence[str], true: int, said: int) -> Question:
    """What to ask about a clip: why it said what it said, rather than the truth where that is something else."""
    card, film = catalogue.card(own.model_name(model)), study.open_clip(str(own.clip_path(clip)))
    versus = labels[true] if said != true else None
    return Question(clip, model, fitting(model, "") or study.default_method(card), labels[said], versus, _middle(card.sampling, film))


def _middle(sampling: Sampling, film: Video) -> float:
    """Seconds where the evaluation's middle window begins (as `sets.Windows` takes it)."""
    return round(float(film.seconds[max(film.frames - span(film, sampling), 0) // 2]), 4)


def _bring(media: Media, progress: Progress) -> str:
    """The clip as an upload of this session; returns its name. Brought once.

    Raises:
        ActrecError: a clip that is gone or cannot be read, or one larger than an upload may be.
    """
    brought: dict[str, str] = st.session_state.setdefault("brought", {})
    kept = own.belongings()
    identity = f"{media.kind} {media.path} {media.start} {media.end}"
    if kept.clips.get(brought.get(identity, ""), Path()).is_file():
        return brought[identity]
    name = _file_name(media)
    if name in kept.clips:  # another clip of the same name
        name = f"{hashlib.sha256(identity.encode()).hexdigest()[:4]} {name}"
    room = kept.room()
    try:
        file = media.path if _whole(media) else _written(media, room / "clip.mp4", progress)
        with file.open("rb") as opened:
            brought[identity] = own.receive_clip(opened, name, file.stat().st_size)
    except OSError as error:
        raise ClipError(f"{media.path.name} cannot be opened: {error.strerror or error}") from None
    except ValueError:
        raise ClipError(f"{media.path} names no clip; run the evaluation again") from None
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return brought[identity]


def _whole(media: Media) -> bool:
    return media.kind == "video" and media.start <= 0 and not np.isfinite(media.end)


def _file_name(media: Media) -> str:
    if media.kind == "video":
        return media.path.name if _whole(media) else f"{media.path.stem} {media.start:.1f}-{media.end:.1f}s.mp4"
    return f"{'_'.join(media.path.parts) if media.kind == 'mannequin' else media.path.name}.mp4"


def _written(media: Media, path: Path, progress: Progress) -> Path:
    """The clip's frames as a film of its own, nearly without loss."""
    progress(0.1, "reading its frames")
    table = media.table()
    first, last = media.span(table)
    if last - first > settings.limits().max_frames:
        raise ClipError(f"{media.path.name} has {last - first} frames, more than {settings.limits().max_frames}; raise ACTREC_MAX_FRAMES")
    if media.kind == "video":
        video.write(path, (frame for _, frame in video.stream(table, range(first, last))), table.fps, crf=10)
    elif media.kind == "mannequin":
        video.write(path, media.read(table, range(first, last)), table.fps, crf=10)
    else:
        video.write(path, (media.read(table, [i])[0] for i in range(first, last)), media.fps, crf=10)
    return path
