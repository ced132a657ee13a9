"""The first thing that the Tab key reaches on a page with a player: the way past all that stands before it."""

from __future__ import annotations

import streamlit as st

_SKIP = st.components.v2.component(
    "actrec_skip",
    html='<button type="button">Go to the player</button>',
    css="""button {
      position: absolute; z-index: 9; padding: 0.4rem 0.8rem; font: inherit; border-radius: 6px; white-space: nowrap;
      color: var(--st-text-color); background: var(--st-background-color); border: 2px solid var(--st-primary-color);
    }
    button:not(:focus) { clip-path: circle(0); pointer-events: none; }""",
    js="""export default ({ parentElement }) => {
      parentElement.querySelector('button').onclick = () => document.dispatchEvent(new Event('actrec-player'));
    };""",
)


def skip() -> None:
    """Offer the way to the player to whoever uses the keyboard."""
    _SKIP(key="skip")
