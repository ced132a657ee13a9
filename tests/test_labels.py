"""Names of classes: whoever wrote them, in whatever form and encoding, they come out the same, or are refused in one line."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from actrec.core import labels
from actrec.core.errors import ActrecError
from actrec.core.labels import LabelsError
from actrec.core.outside import TooMuch

Names = Sequence[str]


def shuffled(names: Names) -> list[tuple[int, str]]:
    """Numbers and names in an order that is not the classes'."""
    found = list(enumerate(names))
    random.Random(7).shuffle(found)
    return found


def table(names: Names) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([("id", "name"), *shuffled(names)])
    return out.getvalue()


def numbers_of(names: Names) -> dict[str, int]:
    return {name: number for number, name in shuffled(names)}


VALUES: dict[str, Callable[[Names], object]] = {
    "list": list,
    "index_to_name": lambda names: dict(shuffled(names)),
    "name_to_index": numbers_of,
    "from_one": lambda names: {number + 1: name for number, name in shuffled(names)},
    "pairs": lambda names: [list(pair) for pair in shuffled(names)],
    "pairs_turned": lambda names: [[name, number] for number, name in shuffled(names)],
    "objects": lambda names: [{"id": number, "name": name} for number, name in shuffled(names)],
    "labels": lambda names: {"labels": list(names), "epoch": 3},
    "labels_within": lambda names: {"labels": {str(number): name for number, name in shuffled(names)}},
    "class_to_idx": lambda names: {"class_to_idx": numbers_of(names), "classes": list(names)},
    "id2label": lambda names: {"id2label": dict(shuffled(names)), "label2id": numbers_of(names)},
}
TEXTS: dict[str, Callable[[Names], str]] = {
    "lines": "\n".join,
    "windows_lines": lambda names: "\r\n".join(names) + "\r\n\r\n",
    "number_name": lambda names: "".join(f"{number} {name}\n" for number, name in shuffled(names)),
    "from_one": lambda names: "".join(f"{number + 1} {name}\n" for number, name in shuffled(names)),
    "number_comma_name": lambda names: "".join(f"{number},{name}\n" for number, name in shuffled(names)),
    "name_number": lambda names: "".join(f"{name} {number}\n" for number, name in shuffled(names)),
    "name_tab_number": lambda names: "".join(f"{name}\t{number}\n" for number, name in shuffled(names)),
    "table": table,
    **{name: lambda names, make=make: json.dumps(make(names), ensure_ascii=False, indent=1) for name, make in VALUES.items()},
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "gbk", "shift-jis")

# What no line can say: a name that begins or ends with a number, a quote or a separator, or has line ends in it. In JSON it can.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).map(str.strip).filter(bool)
LETTERS = st.text(st.characters(codec="utf-8", categories=("Lu", "Ll", "Lo")), min_size=1, max_size=8)
PLAIN = st.lists(st.builds(lambda a, b: f"{a} {b}", LETTERS, LETTERS), min_size=2, max_size=20, unique=True)
NAMES = st.lists(WORDS, min_size=2, max_size=20, unique=True)


def write(file: Path, text: str, encoding: str) -> None:
    try:
        file.write_bytes(text.encode(encoding))
    except UnicodeEncodeError:
        assume(False)


@given(PLAIN, st.sampled_from(sorted(TEXTS)), st.sampled_from(ENCODINGS))
@example(["sit_down", "boîte"], "lines", "latin-1")
@example(["sit down", "boîte é"], "name_to_index", "utf-16")
@example(["sit down", "坐下"], "from_one", "gbk")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_form_in_any_encoding_gives_the_same_names_or_is_refused(tmp_path: Path, names: Names, form: str, encoding: str) -> None:
    file = tmp_path / "names.txt"
    text = TEXTS[form](names)
    write(file, text, encoding)
    unmarked = encoding in ("latin-1", "cp1252", "gbk", "shift-jis")
    assume(not (unmarked and readable(file.read_bytes()) and not text.isascii()))  # two encodings, one file: nobody can tell
    found = read(lambda: labels.read(file))
    assert found == tuple(names) or ((encoding in ENCODINGS[3:5] or unmarked) and "save it again as UTF-8" in str(found)), found


def read(how: Callable[[], labels.Names | None]) -> labels.Names | str | None:
    """The names, or the one line that refuses them."""
    try:
        return how()
    except LabelsError as refused:
        return str(refused) if "\n" not in str(refused) else None


def readable(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(NAMES, st.sampled_from(sorted(VALUES)))
@example(["1", "0"], "name_to_index")
@example(["1", "2", "0"], "index_to_name")
@example(["labels", "classes"], "name_to_index")
def test_any_names_in_any_value_come_out_the_same_or_are_refused(names: Names, form: str) -> None:
    as_json = json.dumps(VALUES[form](names))
    for value in (VALUES[form](names), json.loads(as_json), as_json, {"labels": as_json}):
        found = read(lambda value=value: labels.meant(value, "model.pth"))
        odd = any(name.isdecimal() or not name.isprintable() or name in labels.KEYS for name in names)
        assert found == tuple(names) or (odd and isinstance(found, str)), found


@given(st.lists(st.integers(0, 9), min_size=2, max_size=9))
def test_numbers_that_do_not_count_every_class_once_are_refused(numbers: list[int]) -> None:
    run = sorted(numbers) in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))
    pairs = [[number, f"name {chr(97 + i)}"] for i, number in enumerate(numbers)]
    lines = "\n".join(f"{number} {name}" for number, name in pairs)
    for value in (pairs, lines):
        if run:
            assert labels.meant(value, "a") == tuple(name for _, name in sorted(pairs))
        else:
            with pytest.raises(LabelsError, match=r"its numbers run from|two classes have the number"):
                labels.meant(value, "a")


REFUSED = {
    "names twice": (["walk", "run", "walk"], "two classes are called 'walk'"),
    "an empty name": (["walk", ""], "class 1 has the name ''"),
    "an invisible name": (["walk", "\u200b"], "which nobody can see"),
    "a long name": (["walk", "x" * 501], "a name of 501 characters"),
    "numbers": ([3, 1, 2], "begins with 3"),
    "settings": ({"lr": 0.1}, "'lr': 0.1 is not a pair"),
    "both ways": ({"0": "2", "1": "0", "2": "1"}, "names and numbers cannot be told apart"),
    "two orders": ({"labels": ["a", "b"], "class_to_idx": {"a": 1, "b": 0}}, "labels and class_to_idx name different classes"),
    "a key twice": ('{"0": "a", "1": "b", "1": "c"}', "'1' stands in it twice"),
    "cut JSON": ('["walk", "ru', "begins like JSON and is not JSON"),
    "counts": ("walk 104\nrun 98", "numbers run from 98 to 104 without 0"),
    "numbers around": ("0 take 1\n1 take 2", "every line begins and ends with a number"),
    "a short row": ("id,name\n0,walk\n1", "not every line has 2 columns"),
    "a set": ({"walk", "run"}, "set is not a list of names"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_be_read_in_two_ways_or_none_is_refused_with_a_way_out(kind: str) -> None:
    value, reason = REFUSED[kind]
    with pytest.raises(LabelsError, match=reason) as refused:
        labels.meant(value, "model.pth")
    assert str(refused.value).startswith("model.pth: ")
    assert "; " in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("value", [None, 16, 16.0, "16", "", [], {}, {"labels": 16}, {"labels": None}])
def test_a_number_or_nothing_names_no_classes(value: object) -> None:
    assert labels.meant(value, "model.pth") is None


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"labels":' * 5_000, b"[" + b'"a",' * 4_000_000 + b'"b"]'])
def test_names_that_would_fill_the_memory_are_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "names.json").write_bytes(raw)
    with pytest.raises(TooMuch, match=r"^names\.json"):
        labels.read(tmp_path / "names.json")


def test_names_within_each_other_through_references_are_refused() -> None:
    laughs: list[object] = ["ha"]
    for _ in range(40):
        laughs = [laughs, laughs]
    with pytest.raises(ActrecError):
        labels.meant({"labels": laughs}, "model.pth")


def test_the_file_beside_goes_before_the_checkpoint_and_the_count_must_meet_the_head(tmp_path: Path) -> None:
    file, about = tmp_path / "net.pth", {"hyper_parameters": {"class_to_idx": {"run": 1, "walk": 0}}}
    assert labels.of_checkpoint(file, about, 2) == (("walk", "run"), "")
    assert labels.of_checkpoint(file, {"labels": 3}, 3) == (None, "")
    file.with_suffix(".txt").write_text("1 sit\n2 stand\n3 lie")
    assert labels.of_checkpoint(file, about, 3) == (("sit", "stand", "lie"), "")
    names, said = labels.of_checkpoint(file, about, 2)
    assert names == ("class 0", "class 1")
    assert said.startswith("net.txt names 3 classes and this model has 2: its classes are numbered instead.")
    assert labels.of_checkpoint(tmp_path / "other.pth", about, 3)[1].startswith("other.pth names 2 classes and this model has 3")


CASES = Path(__file__).parents[2] / "shared" / "cases" / "labels"


@pytest.mark.parametrize("file", sorted(CASES.glob("*")), ids=lambda file: file.name)
def test_the_files_of_the_world_outside(file: Path) -> None:
    if file.stem.endswith(("broken", "latin1")):
        with pytest.raises(LabelsError):
            labels.read(file)
        return
    found = labels.read(file)
    assert found is None if file.stem.endswith("number") else found and found[1:] == tuple(f"mine_{n:02}" for n in range(1, len(found)))
