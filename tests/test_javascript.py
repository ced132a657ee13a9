"""The JavaScript's pure parts, run by Deno and held against Python where both know the answer; and the laws of its files.

The tests themselves are JavaScript: tests/js/*.test.js. What Python finds is worked out here and handed to them (tests/js/python.js).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import answers_made
import flow_made
import numpy as np
import pruned_made
import pytest
from numpy.typing import NDArray

from actrec.core.evidence import Heat, Points, Skeleton, Track, on_source, step_at
from actrec.core.look import Look
from actrec.draw import flow as flows
from actrec.draw import marks, overlay
from actrec.draw.overlay import DIVERGING, PALETTES
from actrec.inputs.sampling import EARLY, on_screen
from actrec.ui import player
from actrec.ui.player import sent

ROOT = Path(__file__).parent.parent
TESTS = sorted((ROOT / "tests" / "js").glob("*.test.js"))
HOUSES = [ROOT / "actrec" / "ui" / "player", ROOT / "actrec" / "ui" / "parts"]
FILES = sorted(path for folder in (*HOUSES, ROOT / "tests" / "js") for path in folder.glob("*.*s") if path.suffix in (".js", ".css"))
SIZE = (48, 64)  # of the frames of every map here: height, width
LEVELS = 2048  # of the lookup table, as in palettes.js


def plain(values: NDArray[Any]) -> Any:
    """Nested lists with "NaN" for NaN, which JSON does not have."""
    return [plain(v) for v in values] if values.ndim else "NaN" if np.isnan(values) else float(values)


def numbers() -> list[list[object]]:
    """Numbers of every size and sign, and those at which the writing changes, as `overlay` writes them."""
    edges = [0.0, 1.0, 9.995, 9.994999, 99.95, 999.4, 999.5, 999.6, 1000.0, 123456.0, 1e-4, 9.995e-5, 9.994e-5, 1e-5, 0.5, 1 / 3, 1e21, 1e-300]
    rng = np.random.default_rng(4)
    spread = (10 ** rng.uniform(-9, 9, 300)) * rng.choice([-1, 1], 300)
    return [[value, overlay.number(value)] for value in [*edges, *(-v for v in edges if v), *spread.tolist()]]


def lookups() -> list[dict[str, object]]:
    """For every palette and some thresholds, the colour and the covering of each level of the scale."""
    found = []
    for (signed, names), threshold in product(((False, PALETTES), (True, DIVERGING)), (0.0, 0.25, 0.6)):
        level = np.linspace(-1 if signed else 0, 1, LEVELS + 1)
        share = overlay.strength(level, 1.0, signed, threshold)[None]
        for name in names:
            look = Look(opacity=1.0, **{"diverging" if signed else "palette": name})
            layer = overlay.paint(share, signed, look)
            covered = 1 - layer.keep[0]
            colour = np.rint(np.divide(layer.ink[0], covered, out=np.zeros((LEVELS + 1, 3), np.float32), where=covered > 0))
            found.append({"palette": name, "signed": signed, "threshold": threshold, "alpha": plain(255 * covered[:, 0]), "colour": plain(colour)})
    return found


def coloured() -> list[dict[str, object]]:
    """Values on the levels of a scale, beyond both of its ends, and missing, as the share that `overlay` takes them for."""
    found = []
    for signed, threshold, top in product((False, True), (0.0, 0.5), (4.0, 0.125)):
        values = np.append(np.linspace(-1.5, 1.5, 3 * 512 + 1) * top, np.nan).astype(np.float32)
        share = overlay.strength(values, top, signed, threshold)
        found.append({"signed": signed, "threshold": threshold, "top": top, "values": sent.text(values, "<f4"), "share": plain(share)})
    return found


def bar_ticks() -> list[dict[str, object]]:
    tops = [0.0, 1e-6, 0.99e-5, 1e-5, 0.125, 0.5, 3.21987, 1234.5, float("nan")]
    return [
        {"top": plain(np.array(top)), "signed": signed, "ticks": [] if np.isnan(top) else overlay.ticks(top, signed)}
        for top in tops
        for signed in (False, True)
    ]


def heat(holes: bool, seed: int, **changes: Any) -> Heat:
    values = np.random.default_rng(seed).normal(size=(3, 5, 7)).astype(np.float32)
    if holes:
        values[np.random.default_rng(seed + 1).random(values.shape) < 0.2] = np.nan
    return answers_made.heat(values, bands=[(0, 4), (6, 7), (7, 12)], **changes)


def maps() -> list[dict[str, object]]:
    """Maps as they are sent, and what `on_source` draws of them: over the frame, pixel by pixel and at another size."""
    boxes = [(0, 0, 64, 48), (-5.5, 3.25, 70.0, 40.5), (8, 8, 40, 40)]
    found = []
    for seed, (holes, box) in enumerate(product((False, True), boxes)):
        whole = heat(holes, seed, box=box, seen=(0, 0, SIZE[1], SIZE[0]))
        cropped = heat(holes, seed, box=box, seen=(8.5, 4.0, 56.0, 47.0), signed=True)
        found.append(
            {
                "whole": sent.heat(whole),
                "cropped": sent.heat(cropped),
                "steps": plain(np.array([-1 if (k := whole.step_at(frame)) is None else k for frame in range(-1, 14)])),
                "values": plain(whole.values),
                "pixels": [plain(on_source(cropped, k, *SIZE)) for k in range(3)],
                "fine": [plain(on_source(whole, k, 33, 41, source=SIZE)) for k in range(3)],
                "tops": [overlay.largest(cropped, k) for k in range(3)],
                "top": overlay.largest(cropped),
            }
        )
    return found


def drawn() -> list[dict[str, object]]:
    """Pictures of plain grey as the saved video draws evidence on them, in the usual look and in others; and one that the model did not look at."""
    found, ground = [], np.full((*SIZE, 3), 128, np.uint8)
    for look, (signed, holes) in product((Look(), Look("viridis", "purple-green", 0.5, 0.25), Look(scale="frame")), product((False, True), repeat=2)):
        one = heat(holes, 3, signed=signed)
        pictures = [plain(overlay.draw(ground, one, step, SIZE, look)) for step in range(3)]
        unseen = float(overlay.draw(ground, one, None, SIZE, look)[0, 0, 0])
        found.append({"look": sent.look(look), "sent": sent.heat(one), "pictures": pictures, "unseen": unseen})
    return found


def points() -> dict[str, object]:
    """Chosen places: which are drawn at which limit and threshold, how strongly on which frame, and when they are."""
    rng = np.random.default_rng(5)
    places = np.stack([rng.uniform(0, 3, 40), rng.uniform(0, 64, 40), rng.uniform(0, 48, 40)], 1).astype(np.float32)
    scores = rng.permutation(np.append(np.linspace(0, 1, 38), [np.nan, 0.5])).astype(np.float32)
    seconds, bands = np.array([0.0, 0.2, 0.25, 0.7]), np.array([[0, 5], [5, 6], [8, 10], [10, 12]])
    made = Points("chosen", "attention", places, places[::-1].copy(), scores, bands, seconds, (0.0, 0.0, 64.0, 48.0), (4.0, 4.0))
    limits = [(most, threshold) for most in (16, 32, 64) for threshold in (0.0, 0.3, 0.75)]
    return {
        "sent": sent.points(made),
        "chosen": [{"most": most, "threshold": t, "numbers": marks.chosen(made, most, t).tolist()} for most, t in limits],
        "weights": [plain(made.weights(step)) for step in range(4)],
        "steps": [-1 if (step := step_at(bands, frame)) is None else step for frame in range(14)],
        "seconds": plain(marks.seconds_at(made, places[:, 0])),
        "top": marks.largest(scores),
    }


def skeleton() -> dict[str, object]:
    joints = np.random.default_rng(6).normal(size=(2, 3, 3)).astype(np.float32)
    joints[1, 2] = np.nan
    scores = np.array([[0.1, np.nan, 0.3], [np.nan] * 3], np.float32)
    every = np.random.default_rng(7).normal(size=(8, 3, 3)).astype(np.float32)
    made = Skeleton(
        "joints", "logit", joints, scores, ("nose", "neck", "hip"), ("head", "torso", "torso"), ((0, 1), (1, 2)), np.array([[0, 3], [3, 6]])
    )
    return {
        "sent": sent.skeleton(made, None, 8),
        "tracked": sent.skeleton(made, every, 8),
        "joints": plain(joints),
        "every": plain(every),
        "scores": plain(scores),
    }


def flow() -> dict[str, object]:
    """Directions, the covering and colour of displacements, and the arrows of fields in boxes that fit and do not."""
    turns = np.linspace(-np.pi, np.pi, 721)
    x, y = np.float32(np.cos(turns)), np.float32(np.sin(turns))
    moved = np.append(np.random.default_rng(10).normal(0, 3, (200, 2)), [[np.nan, 1], [0, 0], [1e-9, 0], [0, -40]], 0).astype(np.float32)
    shown = {}
    for threshold in (0.0, 0.4):
        covered = 255 * overlay.cover(overlay.strength(np.hypot(*moved.T), 8.0, False, threshold), 1.0)
        shown[str(threshold)] = plain(covered)
    boxes: list[tuple[Any, Any]] = [((0, 0, 64, 48), (0, 0, 64, 48)), ((-9.5, 3, 70, 40.5), (0, 3, 64, 40.5)), ((20, 0, 30, 48), (20, 0, 30, 48))]
    fields = [flow_made.field(box=box, seen=seen, holes=holes, seed=i) for i, ((box, seen), holes) in enumerate(product(boxes, (False, True)))]
    return {
        "angles": {"x": plain(x), "y": plain(y), "entries": flows.direction(x, y).tolist()},
        "moved": {"x": sent.text(moved[:, 0], "<f4"), "y": sent.text(moved[:, 1], "<f4"), "top": 8.0, "alpha": shown},
        "colours": flows.DIRECTIONS[flows.direction(*moved.T)].tolist(),
        "fields": [
            {
                "sent": sent.flow(field),
                "top": overlay.largest(field.lengths),
                "factor": flows.factor(field, overlay.largest(field.lengths)),
                "arrows": {str(t): [plain(flows.arrows(field, k, Look(threshold=t)).reshape(-1, 4)) for k in range(3)] for t in (0.0, 0.5)},
            }
            for field in fields
        ],
    }


def tracks() -> list[dict[str, object]]:
    """Curves as they are sent, from points out of order, missing, or outside the clip, and which they are."""
    values, frames = np.array([3.0, np.nan, -1.0, 2.0, 9.0]), np.array([8, 2, 0, 4, 40])
    made = [Track(f"curve {i}", "logit", frames / 25, frames, values + i, group="arm" if i % 2 else "") for i in range(3)]
    return [{"sent": sent.track(track, 20), "frames": [0, 2, 4, 8], "values": plain(track.values[[2, 1, 3, 0]])} for track in made]


def times() -> dict[str, object]:
    """A clip of uneven frame times, and the frame that `on_screen` finds on screen at many moments."""
    seconds = np.cumsum(np.random.default_rng(8).choice([0.02, 0.04, 0.05, 0.3], 60))
    video = answers_made.film(frames=60)
    object.__setattr__(video, "seconds", seconds)
    moments = np.concatenate([seconds, np.random.default_rng(9).uniform(-0.5, seconds[-1] + 0.5, 300)])
    ahead = seconds - moments[:, None]
    moments = moments[~((ahead > 0) & (ahead <= EARLY)).any(1)]  # there Python takes the next frame, for times that were rounded down
    return {"seconds": sent.text(seconds, "<f8"), "moments": plain(moments), "frames": on_screen(video, moments).tolist()}


@pytest.fixture(scope="module")
def python_facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with all that Python knows, and the joined player beside it."""
    folder = tmp_path_factory.mktemp("javascript")
    first = player.script().partition("\n")[0]
    facts = {
        "overlay": json.loads(first.removeprefix("const OVERLAY = ").removesuffix(";")),
        "numbers": numbers(),
        "lookups": lookups(),
        "coloured": coloured(),
        "barTicks": bar_ticks(),
        "maps": maps(),
        "drawn": drawn(),
        "points": points(),
        "skeleton": skeleton(),
        "flow": flow(),
        "tracks": tracks(),
        "times": times(),
        "pruned": pruned_made.made(folder),
    }
    (folder / "player.js").write_text(player.script(), encoding="utf-8")
    (folder / "facts.json").write_text(json.dumps(facts, allow_nan=False), encoding="utf-8")
    return folder / "facts.json"


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.name)
def test_the_javascript(path: Path, python_facts: Path) -> None:
    deno = shutil.which("deno", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    assert deno, "Deno comes with requirements-dev.txt"
    command = [deno, "test", "--no-check", "--no-remote", "--allow-read", "--allow-env=ACTREC_FACTS", str(path)]
    surroundings = os.environ | {"ACTREC_FACTS": str(python_facts), "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=surroundings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[1-9]\d* passed", done.stdout), f"no test ran:\n{done.stdout}{done.stderr}"


def test_there_are_tests_in_javascript() -> None:
    assert TESTS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300, f"{path} has {lines} lines: is there a second idea in it?"


def test_a_file_of_the_player_comes_behind_those_it_imports_from() -> None:
    assert set(player.SCRIPTS) == {path.name for path in player.HERE.glob("*.js")}
    assert set(player.STYLES) == {path.name for path in player.HERE.glob("*.css")}
    for i, name in enumerate(player.SCRIPTS):
        found = re.findall(r"^import [^;]*? from '\./([^']+)';$", (player.HERE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(found) <= set(player.SCRIPTS[:i]), f"{name} imports from {found}; SCRIPTS names them too late"


def test_nothing_is_imported_into_the_joined_script() -> None:
    assert not re.search(r"^\s*import\b|\bimport\(", player.script(), flags=re.MULTILINE)
