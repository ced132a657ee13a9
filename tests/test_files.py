"""Files are there whole or not at all; nobody in the house has a way of its own to write one."""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from test_house import FILES, ROOT, named, tree

from actrec.core import files
from actrec.core.errors import Cancelled

FAILURES = [ValueError("no frames"), OSError(28, "No space left on device"), Cancelled(), KeyboardInterrupt(), SystemExit(1)]


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_the_block_wrote_takes_the_name_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "a new folder" / "one.npz"
    with files.whole(path) as part:
        part.write_bytes(b"first")
        assert not path.exists()
        assert part.parent == path.parent  # of one disk: else the last step would not be one
        assert part.match(files.LEFTOVERS)
        assert not part.match("*.npz")
    assert path.read_bytes() == b"first"
    files.write(path, "second, „é“\r\n")
    assert path.read_bytes() == "second, „é“\r\n".encode()
    assert left(tmp_path) == ["a new folder", "a new folder/one.npz"]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(failure: BaseException, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")

    def write(name: str) -> None:
        with files.whole(tmp_path / name) as part, part.open("wb") as file:
            file.write(b"half a fi")
            raise failure

    for name in ("old.txt", "new.txt"):
        with pytest.raises(type(failure)):
            write(name)
    assert left(tmp_path) == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def test_a_place_that_cannot_be_taken_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        files.write(tmp_path / "taken", "text")
    with pytest.raises(OSError, match="taken"), files.together(tmp_path) as work:
        (work / "taken").write_text("text")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        files.write(tmp_path / "file" / "below", "text")
    assert left(tmp_path) == ["file", "taken"]


def test_the_content_is_on_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, fsync, replace = [], os.fsync, os.replace

    def settle(number: int) -> None:
        about = os.fstat(number)
        done.append("names" if stat.S_ISDIR(about.st_mode) else f"settled {about.st_size}")
        fsync(number)

    def rename(a: Path, b: Path) -> None:
        done.append(b.name)
        replace(a, b)

    monkeypatch.setattr(os, "fsync", settle)
    monkeypatch.setattr(os, "replace", rename)
    files.write(tmp_path / "one", "abc")
    with files.together(tmp_path) as work:
        (work / "two").write_text("ab")
        (work / "three").write_text("abcd")
    assert done == ["settled 3", "one", "names", "settled 4", "settled 2", "three", "two", "names"]


def test_two_who_write_at_once_both_end_whole(tmp_path: Path) -> None:
    path, both = tmp_path / "one.bin", Barrier(2)
    contents = [bytes([number]) * (300_000 + number) for number in (1, 2)]

    def write(content: bytes) -> None:
        for _ in range(20):
            both.wait(10)
            with files.whole(path) as part, part.open("wb") as file:
                for start in range(0, len(content), 50_000):
                    file.write(content[start : start + 50_000])
                both.wait(10)  # neither is done when the other begins
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents
    assert left(tmp_path) == ["one.bin"]


def test_one_who_fails_does_not_disturb_the_other(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    with files.whole(path) as good:
        good.write_text("good")
        with pytest.raises(Cancelled), files.whole(path):
            raise Cancelled
    assert path.read_text() == "good"
    assert left(tmp_path) == ["one.txt"]


def test_files_that_belong_together_move_when_all_are_whole(tmp_path: Path) -> None:
    home = tmp_path / "run"
    with files.together(home) as work:
        (work / "b.txt").write_text("b")
        (work / "a.txt").write_text("a")
        assert work.match(files.LEFTOVERS)
        assert left(home) == [work.name, f"{work.name}/a.txt", f"{work.name}/b.txt"]
    assert left(home) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_of_files_that_belong_together_none_moves_if_one_fails(failure: BaseException, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def write() -> None:
        with files.together(tmp_path) as work:
            (work / "a.txt").write_text("new")
            (work / "b.txt").write_text("new")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert left(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_long_name_is_no_hindrance_and_the_file_may_be_read_by_those_who_may_read_others(tmp_path: Path) -> None:
    for name in ("x" * 255, "é" * 127, "usual"):
        files.write(tmp_path / name, "text")
    (tmp_path / "plain").write_text("text")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
    assert len(left(tmp_path)) == 4


def test_the_digest_is_that_of_the_bytes_and_a_folders_that_of_names_and_bytes(tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "b").write_bytes(data)
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "c").mkdir()
    assert files.digest(tmp_path / "b") == hashlib.sha256(data).hexdigest()
    assert files.digest(tmp_path / "a") == hashlib.sha256(b"").hexdigest()
    assert files.digest(tmp_path) == hashlib.sha256(b"a" + b"b" + data).hexdigest()
    with pytest.raises(FileNotFoundError):
        files.digest(tmp_path / "none")


def test_what_killed_processes_left_is_swept_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    old = time.time() - files.LEFT_AFTER - 60
    (tmp_path / ".files.0123.part" / "in").mkdir(parents=True)
    for name in (".old.mp4.0123.part", ".young.mp4.0123.part", ".hidden", "whole.part"):
        (tmp_path / name).write_text("")
    for path in tmp_path.iterdir():
        if "young" not in path.name:
            os.utime(path, (old, old))
    files.write(tmp_path / "one", "text")
    assert left(tmp_path) == [".hidden", ".young.mp4.0123.part", "one", "whole.part"]


def test_the_files_used_longest_ago_are_those_beyond_the_bounds_and_the_last_one_never_is(tmp_path: Path) -> None:
    made = [tmp_path / f"{age}" for age in range(5)]
    for age, path in enumerate(made):
        path.write_bytes(b"x" * 10)
        os.utime(path, (1e9 - age, 1e9 - age))
    for bounds, first in (({}, 5), ({"most": 3}, 3), ({"most_bytes": 25}, 2), ({"most_bytes": 1}, 1)):
        assert files.oldest([*reversed(made), tmp_path / "gone"], **bounds) == made[first:]


def test_a_name_that_is_no_text_is_written_out(tmp_path: Path) -> None:
    name = os.fsdecode(b"x\xff.mp4")
    files.write(tmp_path / "names.json", json.dumps([name, "é"], ensure_ascii=False))
    assert json.loads((tmp_path / "names.json").read_text(encoding="utf-8")) == [name, "é"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, r"no space left for /x/y; free some.*ACTREC_CACHE"), (errno.EACCES, "no permission for /x/y.*ACTREC_CACHE"), (errno.EIO, "/x/y")],
)
def test_what_the_system_refused_is_one_line_with_the_way_out(number: int, words: str) -> None:
    assert re.search(words, files.reason(OSError(number, os.strerror(number), "/x/y")))
    assert "None" not in files.reason(OSError(number, os.strerror(number)))
    assert files.reason(OSError("cut off")).startswith("cut off;")


HERE = "actrec/core/files.py"

WAYS_OF_THEIR_OWN = {
    "actrec/ui/own.py": {
        "tempfile": "the folder of a session's own files, which lives as long as the session and is no partial file",
        "write": "an upload goes into a room of its own, which is removed whole if anything fails",
    },
    "actrec/models/weights/download.py": {
        "sha256": "the digest of a stream, taken on its way from the network to the disk, with a count of the bytes"
    },
    "actrec/draw/export.py": {"write": "its helpers write into the folder that `files.together` gave"},
    "actrec/clips/mannequin/__init__.py": {"write": "makes the shipped clips anew, by hand, in a working tree"},
}
"""Who may do by hand what core/files.py does, and why."""


def by_hand(module: ast.Module) -> Iterator[tuple[str, int]]:
    """What a file does itself instead of leaving it to core/files.py, and in which line."""
    covered: set[ast.AST] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.With) and any(ast.unparse(item.context_expr).startswith(("files.whole(", "files.together(")) for item in node.items):
            covered |= set(ast.walk(node))
    for node in ast.walk(module):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        yield from ((name, node.lineno) for name in names if name in ("tempfile", "uuid", "secrets"))
        if isinstance(node, ast.Call):
            what = of_a_call(ast.unparse(node.func), node)
            if what and (what != "write" or node not in covered):
                yield what, node.lineno


def of_a_call(whole: str, call: ast.Call) -> str:
    """What a call does by hand: whole is the name it is called by, with all its dots."""
    name, first = whole.rsplit(".", 1)[-1], call.args[0] if call.args else None
    if whole in ("os.replace", "os.rename", "os.renames", "shutil.move"):
        return "move"
    if "." in whole and name in ("replace", "rename") and len(call.args) == 1 and not call.keywords:  # a path's; a text's takes two
        return "move"
    if name == "file_digest" or (whole in ("hashlib.sha256", "hashlib.new") and not call.args):
        return "sha256"
    if whole in ("np.save", "np.savez", "np.savez_compressed", "torch.save", "save_file"):
        return "" if first is not None and ast.unparse(first) == "stream" else "write"  # a stream lies in memory
    mode = str(first.value) if name == "open" and isinstance(first, ast.Constant) else ""
    return "write" if name in ("write_text", "write_bytes") or set(mode) & set("wxa+") else ""


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nobody_else_writes_a_file_or_takes_a_digest_by_hand(path: Path) -> None:
    allowed = set(WAYS_OF_THEIR_OWN.get(named(path), ()))
    wrong = [f"{named(path)}:{line}: {what}" for what, line in by_hand(tree(path)) if what not in allowed]
    assert named(path) == HERE or not wrong, f"{wrong}: files.whole, files.together, files.write and files.digest are there for it"


def test_every_exception_is_still_needed() -> None:
    for name, reasons in WAYS_OF_THEIR_OWN.items():
        assert set(reasons) == {what for what, _ in by_hand(tree(ROOT / name))}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import tempfile", "tempfile"),
        ("from uuid import uuid4", "uuid"),
        ("os.replace(part, path)", "move"),
        ("part.replace(path)", "move"),
        ("part.rename(self.path / 'last.pt')", "move"),
        ("hashlib.file_digest(file, 'sha256')", "sha256"),
        ("found = hashlib.sha256()", "sha256"),
        ("path.write_text(text, encoding='utf-8')", "write"),
        ("np.savez(path, values=values)", "write"),
        ("save_file(state, path)", "write"),
        ("with path.open('wb') as file: file.write(data)", "write"),
    ],
)
def test_the_law_sees_what_it_forbids(text: str, what: str) -> None:
    assert what in {found for found, _ in by_hand(ast.parse(text))}


@pytest.mark.parametrize(
    "text",
    [
        "text.replace('a', 'b')",
        "replace(card, title='x')",
        "hashlib.sha256(identity.encode()).hexdigest()",
        "with files.whole(path) as part, part.open('wb') as file: np.save(file, values)",
        "with path.open('rb') as file: file.read()",
        "np.savez(stream, values=values)",
        "dataclasses.replace(card, title='x')",
        "replace(found)",
    ],
)
def test_the_law_lets_pass_what_is_something_else(text: str) -> None:
    assert not list(by_hand(ast.parse(text)))
