"""The laws of the house: who may import whom, and how large a room may grow."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "actrec").rglob("*.py"), ROOT / "app.py", *(ROOT / "pages").glob("*.py")])

FLOORS = [
    {"evidence"},
    {"types"},
    {"trace", "settings", "devices"},
    {"_demux", "download"},
    {"video", "weights", "score", "claim", "chance"},
    {"prepare", "mannequin", "library", "pose"},
    {"overlay", "agreement", "where", "marks"},
    {"models", "explain", "figures", "plates", "attention_plates", "side_by_side", "player"},
    {"film", "catalogue", "data", "recipes"},
    {"export", "doctor", "results", "measures", "evaluate", "train", "study", "hiding", "cost"},
    {"cli", "ui"},
    {"__main__", "app", "pages"},
]
"""A room may import from its own floor and from those above it in this list, never from those below."""

ALONE = {
    "av": {"video", "_demux"},
    "streamlit": {"ui", "app", "pages", "player"},
    "plotly": {"figures"},
    "matplotlib": {"figures"},
    "pytorch_grad_cam": {"explain"},
}
"""Libraries that only these rooms may import."""

NO_TORCH = {
    "evidence",
    "types",
    "settings",
    "video",
    "library",
    "overlay",
    "figures",
    "plates",
    "attention_plates",
    "marks",
    "side_by_side",
    "film",
    "agreement",
    "export",
    "claim",
    "chance",
    "mannequin",
    "player",
}


def room(path: Path) -> str:
    """The room a file belongs to: actrec/models/dam.py → models, pages/1_Explore.py → pages, actrec/ui_explore.py → ui."""
    parts = path.relative_to(ROOT).parts
    name = parts[0] if parts[0] != "actrec" else parts[1]
    name = name.removesuffix(".py")
    return re.sub(r"^(ui|mannequin)_.*", r"\1", name)


def imports(path: Path) -> set[str]:
    """Every dotted name a file imports, wherever in the file it does; what only the type checker sees does not count."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    left_out = {id(node) for branch in for_types for node in ast.walk(branch)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_rooms(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(path) if name.startswith("actrec.")}
    return {re.sub(r"^(ui|mannequin)_.*", r"\1", name) for name in names} & set().union(*FLOORS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down_only(path: Path) -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    if path.name == "__init__.py" and path.parent.name == "actrec":
        return
    assert room(path) in floor, f"{path} is in no floor of the house: give it one in FLOORS"
    above = {name for name in own_rooms(path) if floor[name] > floor[room(path)]}
    assert not above, f"{room(path)} imports from {above}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    for library, rooms in ALONE.items():
        assert library not in roots or room(path) in rooms, f"{path} imports {library}; only {rooms} may"
    if room(path) in NO_TORCH:
        assert "torch" not in roots, f"{path} imports torch"


def test_models_and_explanations_do_not_know_each_other() -> None:
    for path in FILES:
        if room(path) == "models":
            assert "explain" not in own_rooms(path)
        if room(path) == "explain":
            assert "models" not in own_rooms(path)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 450, f"{path} has {lines} lines: is there a second idea in it?"


def test_no_untrusted_html_and_no_pickles() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for word in ("unsafe_allow_html", "weights_only=False", "pickle.load", "allow_pickle=True"):
            assert word not in text, f"{path} uses {word}"


def test_the_repository_speaks_of_the_product_alone() -> None:
    words = re.compile(r"/work/|helper[- ]session|shared/(tools|design|facts|survey)", re.IGNORECASE)
    for path in [*FILES, *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        assert not words.search(path.read_text(encoding="utf-8")), f"{path} speaks of a machine"
