"""The app without a browser: a page after its run."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parent.parent / "app.py"
EXPLORE, COMPARE = "pages/1_Explore.py", "pages/2_Compare.py"


def visit(page: str = "", **query: str) -> AppTest:
    """A page, Home where none is named, as a link with that query opens it."""
    test = AppTest.from_file(str(APP), default_timeout=300)
    for name, value in query.items():
        test.query_params[name] = value
    test = (test.switch_page(page) if page else test).run()
    assert not test.exception, test.exception
    return test


def address(test: AppTest) -> dict[str, str]:
    """What its address says."""
    return {name: value[0] if isinstance(value, list) else value for name, value in test.query_params.items()}
