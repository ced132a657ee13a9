"""Slow work on a page, in a real browser: progress, and the button that stops it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Serve
from pages_made import PATIENCE, rest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SLOW_APP = """
import time, streamlit as st
from actrec.ui import frame
from actrec.core.errors import Progress

STEPS, STEP = 600, 0.05  # half a minute of work in steps: time to press Stop in, which is heard between two steps

def slowly(progress: Progress) -> str:
    st.session_state.begun = st.session_state.get("begun", 0) + 1
    for i in range(STEPS):
        time.sleep(STEP)
        progress(i / STEPS, f"step {i}")
    return "done"

st.text(f"result: {frame.work('slow', 'Counting', slowly)}")
st.text(f"begun: {st.session_state.begun}")
"""


def test_slow_work_shows_progress_and_is_stopped_by_the_reader(page: Page, serve: Serve, tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW_APP, encoding="utf-8")
    page.goto(serve(script))
    page.get_by_role("button", name="Stop").click(timeout=PATIENCE)
    page.get_by_text("result: None").wait_for(timeout=PATIENCE)
    rest(page)  # it would begin again at once
    assert page.get_by_text("begun: 1").count() == 1
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Stop").wait_for(timeout=PATIENCE)
