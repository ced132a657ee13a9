"""Behind the player, for models with attention: the tokens in space and time, matrices, and what the numbers say."""

from __future__ import annotations

from typing import Any

import streamlit as st

from actrec.core.answer import Explanation
from actrec.core.clip import Video
from actrec.core.evidence import Matrix, Points
from actrec.core.look import Look
from actrec.ui.frame import ink, plain

BARE: dict[str, Any] = {"displayModeBar": False}


def findings(found: Explanation) -> None:
    """What the numbers say, a sentence each."""
    if found.findings:
        st.markdown("\n".join(f"- {plain(finding.sentence)}" for finding in found.findings))


def pictures(found: Explanation, look: Look) -> None:
    """What does not fit on the player: the tokens as a cloud that turns, and the matrices."""
    if found.points is not None:
        _cloud(found.points, found.clip.video, look)
    for number, matrix in enumerate(found.matrices):
        _matrix(matrix, number, look)


@st.fragment
def _cloud(points: Points, film: Video, look: Look) -> None:
    st.header("The tokens in space and time", anchor=False)
    most, least = st.columns(2)
    count = len(points.scores)
    steps = [n for n in (16, 32, 64, 128, 256, 512) if n < count] + [count]
    shown = most.select_slider("Strongest", steps, value=min(128, steps[-1]) if 128 in steps else steps[-1], key="cloud-most")
    threshold = least.slider("Threshold (share of the largest)", 0.0, 0.95, 0.0, 0.05, key="cloud-threshold")
    from actrec.draw import charts  # late: plotly

    figure = charts.tokens_3d(points, most=int(shown), threshold=threshold, ink=ink(), size=(film.width, film.height), palette=look.palette)
    st.plotly_chart(figure, key="cloud", config=BARE)
    st.caption(
        "Drag to turn it. A dot is a token at p + Δp, a line runs to it from its place p on the regular grid; the time axis runs into the picture. "
        "A time may lie between two frames, because a token is read from both."
    )


def _matrix(matrix: Matrix, number: int, look: Look) -> None:
    st.header(plain(matrix.title), anchor=False)
    from actrec.draw import charts  # late: plotly

    st.plotly_chart(charts.matrix(matrix, ink(), look.palette), key=f"matrix{number}", config=BARE)
    if matrix.line:
        st.caption(plain(matrix.line))
