"""What a user reads is plain English: none of the phrases that were mended once, and no slips that a program can see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PHRASES = {
    r"(?<!\b[Tt]here )\b(is|are) no\b(?! (longer|more))": "is not a folder's name",
    r"\b(is|are) of no (use|class)\b": "cannot be used; names no class",
    r"\bneed for\b": "give a divisor of 8; it must be 1 or more",
    r"\bcannot be (said|told) in\b": "cannot be converted to coco17",
    r"\bcannot be tested\b": "are not possible",
    r"\btold of\b": "hidden from the model; given to the model",
    r"\btells? of\b": "names the relation; says about it",
    r"\bspoil(t|s)?\b": "the file is damaged; corrupts gradients",
    r"\breads? most\b": "gives most attention to the frame at 1.20 s",
    r"\blooks? most\b": "gives most attention to the left wrist",
    r"\bstrongest of all\b": "its largest single value is at the left wrist",
    r"\bof all moments\b.*\bgets most\b": "1.20 s gets the largest share of all moments",
    r"\bwhatever else\b": "for a clip of anything else",
    r"\b(from|of) mannequin\b": "trained on painted mannequins",
    r"\bhangs? on\b": "depends on",
    r"\bbears? out\b": "the numbers support it",
    r"\brun(s)? away\b": "may become very large",
    r"\bheat need not\b": "the evidence need not come from the pixels under it",
    r"\bread a moment out of\b": "read a moment from the map",
    r"\bthe design's doing\b": "a blank comes from the design",
    r"\bthe clip's making\b|\bfrom its making\b": "known because the clip was rendered",
    r"\bfault of ours\b": "this is a bug in actrec",
    r"\bways? of explaining\b": "method",
    r"\b(as yet|dear|lest|thereof|therein|anew)\b": "yet; expensive; so that not; of it; in it; again",
    r"\bthere (lie|lies|stand|stands|is but)\b": "which holds a.mp4; write name=value",
    r"\bbehind (a|the) #": "after the #",
    r"\bseveral in turn\b": "may be repeated",
    r"\boverrules?\b": "override",
    r"\bmend(s|ed)?\b": "repair the clips; correct the offset",
    r"\b[Bb]ring (a|an|one|it|them)\b|\bbrings (a|no)\b": "give a file of joints; add a checkpoint of your own",
    r"; take (a|the|one|letters|auto|--?\w|\.\w)(?! step)": "use a smaller --batch",
    r"\bnot at hand\b": "were not available",
    r"\bsurer than\b": "more confident than accurate",
    r"\bare others than\b": "have changed since",
    r"\bchosen by nothing\b": "no split chose the last epoch's numbers",
    r"\bwritten as a film\b": "first written as a video file",
    r"\bone a (line|core|class)\b": "one per line",
    r"\bof one kind\b": "of the same kind",
    r"\bmade of the list\b|\bone of the list\b": "choose one from the list",
    r"\bgoes when it ends\b": "is deleted when the session ends",
    r"\bway back\b": "the backward pass",
    r"\bwas not evaluated like that\b": "was not evaluated on padded video",
}
"""A phrase that stood in a sentence once and what an English teacher would write, for whoever meets this test."""

SLIPS = {
    "two spaces in a row": r"[A-Za-z.,;:!?] {2,}[A-Za-z]",
    "a space before a full stop or a comma": r"\w (\.(?=$|\s+[A-Z])|,)",
    "a before a vowel": r"\ba (?!one\b|once\b|us|uni|uti|eu)[aeiou]\w\w",
    "an before a consonant": r"\b[Aa]n (?!hour|honest|npz\b|mp4\b)[bcdfghjklmnpqrstvwxyz]\w\w",
    "an apostrophe is missing": r"\b([Dd]ont|[Dd]oesnt|[Ii]snt|[Cc]ant|[Ww]ont|[Dd]idnt|[Aa]rent|[Ww]asnt|[Tt]hats|[Yy]oure)\b",
    "no space between a number and its per cent sign": r"(\d|\{\})%(?![\w{.])",
    "the same word twice": r"(?<!-)\b([A-Za-z]{2,}) \1\b(?!-)",
}


def faults(text: str) -> list[str]:
    """What is wrong with a text: a phrase with what to write instead, or a slip."""
    found = [f"“{hit[0]}”: write such as “{better}”" for phrase, better in PHRASES.items() if (hit := re.search(phrase, text))]
    return found + [f"{slip}: “{hit[0]}”" for slip, pattern in SLIPS.items() if (hit := re.search(pattern, text))]


def said(source: str) -> Iterator[tuple[int, str]]:
    """The line and the text of every string that may be a sentence: a letter and a space in it, no docstring; what an f-string fills in is {}."""
    tree = ast.parse(source)
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if id(node) not in skipped and re.search(r"[A-Za-z]", text) and " " in text.strip() and not re.search(r"<\w|</|color-mix", text):
            yield node.lineno, text


def commands(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings of commands, which are their help."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.decorator_list and (text := ast.get_docstring(node)):
            yield node.lineno, text


FILES = sorted((ROOT / "actrec").rglob("*.py"))
PROSE = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "assets" / "checkpoints").glob("*.md"))]
PAGES = sorted(file for ending in ("js", "html", "jinja") for file in (ROOT / "actrec").rglob(f"*.{ending}"))


def test_no_string_of_the_program_has_a_mended_phrase_or_a_slip() -> None:
    found = []
    for file in FILES:
        source = file.read_text(encoding="utf-8")
        texts = [*said(source), *(commands(source) if file.parent.name == "cli" else ())]
        found += [f"{file.relative_to(ROOT)}:{line}: {fault}" for line, text in texts for fault in faults(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", [*PROSE, *PAGES], ids=lambda file: file.name)
def test_no_page_has_a_mended_phrase(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    text = " ".join((re.sub(r"(?m)(^|\s)//.*$", "", text) if file.suffix == ".js" else text).split())
    assert not [f"“{hit[0]}”: write such as “{better}”" for phrase, better in PHRASES.items() if (hit := re.search(phrase, text))]


def test_what_to_write_instead_is_itself_free_of_them() -> None:
    assert not {better: found for better in PHRASES.values() if (found := faults(better))}


@pytest.mark.parametrize(
    "text",
    [
        "--at 3 is no place; write --at seconds,x,y", "these  words", "not there .", "a animal of {}", "an video", "this dont end", "50% of it",
        "{}% of it", "in the the middle", "the model was not told of it", "the CLS token reads most of the frame", "16 actions, from mannequin",
    ],
)  # fmt: skip
def test_a_fault_is_found(text: str) -> None:
    assert len(faults(text)) == 1


@pytest.mark.parametrize("text", ["there is no folder here", "50 % of it", "an hour of a used unit", "no longer one a.b file", "x takes 3 . _ - @"])
def test_what_is_right_is_left_alone(text: str) -> None:
    assert not faults(text)


def test_strings_are_found_joined_and_docstrings_are_not() -> None:
    source = '"""A text."""\nx = f"a {1} b" " c"\ny = "one"\nz = {"some words": 1}\n'
    assert [text for _, text in said(source)] == ["a {} b c", "some words"]
