"""The pages where something goes wrong that nobody expected, and what holds for all that is on them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from app_made import APP, COMPARE, EXPLORE, address, visit

from actrec.core import files
from actrec.core.errors import ClipError
from actrec.ui.frame import code

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device", "/full/one.mp4"), ClipError("a bad clip; choose another")])
@pytest.mark.parametrize("page", ["", EXPLORE, COMPARE])
def test_whatever_fails_where_nobody_expects_it_is_one_line_on_the_page(monkeypatch: pytest.MonkeyPatch, page: str, error: Exception) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("actrec.ui.choose.clip_names", full)
    monkeypatch.setattr("actrec.ui.compare.clip_names", full)
    test = visit(page, clip="short", model="tiny")
    reason = files.reason(error) if isinstance(error, OSError) else str(error)
    assert [e.value.replace("\\", "").lower() for e in test.error] == [f"{reason}.".lower()]


def test_no_room_for_an_upload_is_said_in_its_place_and_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    test = visit(clip="short", model="tiny")
    monkeypatch.setattr("shutil.copyfileobj", full)
    test.file_uploader[0].upload("new.mp4", b"data", "video/mp4").run()
    assert [e.value.split(";")[0] for e in test.error] == ["No space left for the files"]
    assert address(test)["clip"] == "short"


def test_no_widget_hands_on_what_nobody_chose() -> None:
    """What stands in a late run is an old value: only `frame.shows` knows that. A note that is forgotten harms nobody."""
    for path in (APP.parent / "actrec" / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "on_change":
                assert ast.unparse(node.value).startswith(("shows(", "changed", "lambda: note(")), f"{path.name}:{node.lineno}"


def test_a_path_is_shown_letter_for_letter() -> None:
    assert code("/a_b/c.d*e") == "`/a_b/c.d*e`"
    assert code("a`b``c") == "``` a`b``c ```"
    assert code("a\nb") == "`a b`"
    for path in (APP.parent / "actrec" / "ui").rglob("*.py"):
        assert "`{plain(" not in path.read_text(encoding="utf-8"), f"{path.name}: backslashes are shown in code"
