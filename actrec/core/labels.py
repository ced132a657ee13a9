"""Names of classes, in whatever form people keep them: one reader for files beside a checkpoint, values inside it, and the lists of data sets.

Wrong names are worse than none, so nothing is guessed: what can be read in two ways, or in none, is refused in one line that names the way out.

===================  =========================================================================================================
a text               one name per line; or a number and a name on every line, in either order, with or without a header
a list               names; pairs of a number and a name; objects such as {"id": 0, "name": "walk"}
an object            {number: name}, {name: number}, or one of these under a key of `KEYS`
a number, null       says how many classes there are at most, and names none
===================  =========================================================================================================

Texts are UTF-8, or UTF-16 and UTF-32 with their mark in front. Others cannot be told apart (Latin-1, GBK, Shift-JIS …), and are refused.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any, TypeVar

from actrec.core.errors import ActrecError, quoted
from actrec.core.outside import Budget, content, parsed

KEYS = (
    *("labels", "classes", "class_names", "label_names", "names", "categories", "CLASSES"),
    *("class_to_idx", "idx_to_class", "id2label", "label2id", "label_map"),
)
"""Under which people keep the names of a model's classes."""

INNER = ("meta", "dataset_meta", "hyper_parameters", "config")
"""Objects in a checkpoint in which such a key may stand: MMAction2's, Lightning's."""

LONGEST, MOST = 500, 100_000  # characters of a name; names
WAY_OUT = 'give one name per line in UTF-8, or JSON such as {"0": "walk", "1": "run"}'

_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16"}
_MARKS |= {codecs.BOM_UTF16_BE: "utf-16"}
_NUMBERED = (re.compile(r"(\d{1,7})(?:\s*[,;:|=]\s*|[.)]?\s+)(\S.*)", re.ASCII), re.compile(r"(.*\S)(?:\s*[,;:|=]\s*|\s+)(\d{1,7})", re.ASCII))
_NUMBER_WORDS = ("id", "index", "idx", "number", "class_id", "label_id", "class_index", "class_idx")
_NAME_WORDS = ("name", "label_name", "class_name", "label", "class", "action", "category")

Names = tuple[str, ...]
Told = TypeVar("Told")


class LabelsError(ActrecError):
    """Names of classes that cannot be read, or not in one way only."""


def read(path: Path) -> Names | None:
    """The names that a file gives, in the order of the classes; None if it gives none.

    Raises:
        LabelsError: not to be read, or not in one way only.  TooMuch: it would cost too much.
    """
    spend = Budget(path.name)
    return _told(path.name, lambda: _of_text(_decoded(path, spend), spend))


def text(path: Path) -> str:
    """A text file's content, in UTF-8, or in UTF-16 or UTF-32 with their mark.

    Raises:
        LabelsError: it cannot be read, or has another encoding.  TooMuch: it is too long.
    """
    return _told(path.name, lambda: _decoded(path, Budget(path.name)))


def meant(value: object, source: str) -> Names | None:
    """The names that a value gives (see above), in the order of the classes; None if it gives none. source: where it stands, for the message.

    Raises:
        LabelsError: not in one way only.  TooMuch: it would cost too much.
    """
    return _told(source, lambda: _of(value, Budget(source)))


def inside(about: Mapping[str, Any], source: str) -> Names | None:
    """The names that a checkpoint gives beside its tensors, under one of `KEYS`, also within one of `INNER`; None if it gives none.

    Raises:
        LabelsError: not in one way only, or two keys that contradict each other.  TooMuch: it would cost too much.
    """
    places = [about, *(inner for key in INNER if isinstance(inner := about.get(key), Mapping))]
    return _told(source, lambda: _agreed([(key, place[key]) for place in places for key in KEYS if key in place], Budget(source)))


def beside(checkpoint: Path) -> Path | None:
    """The file of names beside a checkpoint, if there is one: its own name with .txt, .json or .csv."""
    return next((file for ending in (".txt", ".json", ".csv") if (file := checkpoint.with_suffix(ending)).is_file()), None)


def of_checkpoint(checkpoint: Path, about: Mapping[str, Any], classes: int) -> tuple[Names | None, str]:
    """The names of a checkpoint's classes, None where it gives none; and what to say where it names more or fewer than there are, and are numbered.

    The file beside it goes before what stands in it.

    Raises:
        LabelsError, TooMuch: as `read`.
    """
    file = beside(checkpoint)
    names = read(file) if file else inside(about, checkpoint.name)
    if names is None or len(names) == classes:
        return names, ""
    count = f"{file.name if file else checkpoint.name} names {len(names)} class{'es' * (len(names) > 1)} and this model has {classes}"
    way = f"Give {classes} names, one per line, in {checkpoint.stem}.txt beside it."
    return numbered(classes), f"{count}: its classes are numbered instead. {way}"


def numbered(classes: int) -> Names:
    """What classes are called that nobody has named."""
    return tuple(f"class {number}" for number in range(classes))


class _Unclear(Exception):
    """Why names cannot be read; who asked for them adds where they stand."""


def _told(source: str, reads: Callable[[], Told]) -> Told:
    try:
        return reads()
    except _Unclear as error:
        told = str(error)
        raise LabelsError(f"{source}: {told}" if "; " in told else f"{source}: {told}; {WAY_OUT}") from None
    except OSError as error:
        raise LabelsError(f"{source} cannot be read ({error.strerror or error}); check that it is there and its permissions") from None


def _decoded(path: Path, spend: Budget) -> str:
    raw = content(path, spend)
    spend.bytes(4 * len(raw))
    coding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        found = raw.decode(coding)
    except UnicodeDecodeError as error:
        raise _Unclear(f"it is not text in UTF-8 or UTF-16 (byte {error.start} is 0x{raw[error.start]:02X}); save it again as UTF-8") from None
    if "\0" in found:
        raise _Unclear("it holds bytes of 0, so it is not text, or UTF-16 without its mark; save it again as UTF-8")
    return found


def _of_text(found: str, spend: Budget) -> Names | None:
    found = found.strip("\ufeff \t\r\n")
    if not found or re.fullmatch(r"\d+|null", found):
        return None
    if found[0] in "[{":
        try:
            return _of(parsed(found.encode("utf-8", "surrogatepass"), spend, _once), spend)
        except ValueError as error:
            raise _Unclear(f"it begins like JSON and is not JSON ({quoted(error)})") from None
    rows = [row.strip() for row in re.split(r"\r\n|\n|\r", found) if row.strip()]
    _count(len(rows))
    return _of_rows(rows)


def _count(names: int) -> None:
    if names > MOST:
        raise _Unclear(f"it names {names} classes, more than {MOST}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are all different: else one of two would be dropped in silence."""
    double = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if double:
        raise _Unclear(f"{short(double[0])} stands in it twice")
    return dict(pairs)


def _of(value: object, spend: Budget) -> Names | None:
    with spend.deeper():
        if value is None or isinstance(value, (int, float)):
            return None
        if isinstance(value, str):
            return _of_text(value, spend)
        if isinstance(value, Mapping):
            return _of_object(value, spend)
        if isinstance(value, (list, tuple)):
            return _of_list(value, spend)
        raise _Unclear(f"{type(value).__name__} is not a list of names")


def _of_object(value: Mapping[Any, Any], spend: Budget) -> Names | None:
    _count(len(value))
    keys = [key for key in KEYS if key in value]
    if keys and not (len(value) > 1 and all(isinstance(n, int) for n in value.values())):  # there may be a class called “names”
        return _agreed([(key, value[key]) for key in keys], spend)
    return _ordered(list(value.items())) if value else None


def _agreed(given: Sequence[tuple[str, Any]], spend: Budget) -> Names | None:
    """What values under several keys say alike."""
    found = {key: names for key, value in given if (names := _of(value, spend)) is not None}
    if len(set(found.values())) > 1:
        raise _Unclear(f"{' and '.join(found)} name different classes, or in another order")
    return next(iter(found.values()), None)


def _of_list(value: Sequence[Any], spend: Budget) -> Names | None:
    _count(len(value))
    if not value:
        return None
    if all(isinstance(one, str) for one in value):
        return _clean(value)
    if all(isinstance(one, (list, tuple)) and len(one) == 2 for one in value):
        return _ordered([(a, b) for a, b in value])
    if all(isinstance(one, Mapping) for one in value):
        number, name = _columns(value[0])
        if number and name and all(number in one and name in one for one in value):
            return _ordered([(one[number], one[name]) for one in value])
    raise _Unclear(f"a list that begins with {short(value[0])} is not one of names")


def _of_rows(rows: Sequence[str]) -> Names:
    """Names from lines: a table with a header, numbered lines, or names as they stand."""
    table = _table(rows)
    if table is not None:
        return _ordered(table)
    ways = [found for way in _NUMBERED if all(found := [way.fullmatch(row) for row in rows])]
    if len(ways) == 2:
        raise _Unclear("every line begins and ends with a number")
    pairs = [(_unquoted(a), _unquoted(b)) for a, b in (found.groups() for found in ways[0] if found)] if ways else []
    if pairs and (len(rows) < 2 or len({word for pair in pairs for word in pair if not word.isdigit()}) > 1):  # “action 0” … are names as they stand
        return _ordered(pairs)
    return _clean([_unquoted(row) for row in rows] if all(row[0] == '"' == row[-1] for row in rows) else rows)


def _table(rows: Sequence[str]) -> list[tuple[str, str]] | None:
    """Number and name of every row below a header that names them; None where there is no such header."""
    mark = next((mark for mark in ",;\t" if mark in rows[0]), " ")
    first = [column.strip() for column in next(csv.reader([rows[0]], delimiter=mark))]
    number, name = _columns(first)
    if number is None or name is None or len(rows) == 1:
        return None
    found = list(csv.DictReader(rows[1:], first, delimiter=mark, skipinitialspace=True))
    if mark == " " or any(None in row or None in row.values() for row in found):
        raise _Unclear(f"below the header {short(rows[0])} not every line has {len(first)} columns, divided by a comma, semicolon or tab")
    return [(row[number].strip(), row[name].strip()) for row in found]


def _columns(names: Iterable[Any]) -> tuple[str | None, str | None]:
    """Which columns hold the classes' numbers and names: id and name, label and name …"""
    given = {str(name).strip().lower().replace(" ", "_"): str(name) for name in names}
    name = next((word for word in _NAME_WORDS if word in given), None)
    number = next((word for word in (*_NUMBER_WORDS, "label", "class") if word in given and word != name), None)
    return (given[number] if number else None), (given[name] if name else None)


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if len(word) > 1 and word[0] == '"' == word[-1] else word


def _ordered(pairs: Sequence[tuple[Any, Any]]) -> Names:
    """Names in the order of their numbers; whichever of the two is the number, it must be so for all pairs."""
    ways = [way for way in (pairs, [(b, a) for a, b in pairs]) if all(_number(n) is not None and isinstance(name, str) for n, name in way)]
    if not ways:
        raise _Unclear(f"{short(pairs[0][0])}: {short(pairs[0][1])} is not a pair of a class's number and its name")
    gaps = [_gap(sorted(_number(n) or 0 for n, _ in way)) for way in ways]
    runs = [way for way, gap in zip(ways, gaps, strict=True) if not gap]
    if not runs:
        raise _Unclear(gaps[0])
    found = {_clean([name for _, name in sorted(way, key=lambda pair: _number(pair[0]) or 0)]) for way in runs}
    if len(found) > 1:
        raise _Unclear("names and numbers cannot be told apart")
    return found.pop()


def _number(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,7}", value, re.ASCII) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _gap(numbers: Sequence[int]) -> str:
    """What is wrong with sorted numbers that should count classes from 0 or from 1; "" if nothing is."""
    first = 1 if numbers[0] == 1 else 0
    for wanted, number in enumerate(numbers, first):
        if number != wanted:
            return (
                f"two classes have the number {number}" if number < wanted else f"its numbers run from {numbers[0]} to {numbers[-1]} without {wanted}"
            )
    return ""


def _clean(names: Iterable[str]) -> Names:
    """The names without blanks around them; none may be empty or invisible, too long, or given twice."""
    found = tuple(name.strip() for name in names)
    for number, name in enumerate(found):
        if not any(letter.isprintable() and not letter.isspace() for letter in name):
            raise _Unclear(f"class {number} has the name {short(name)}, which nobody can see")
        if len(name) > LONGEST:
            raise _Unclear(f"class {number} has a name of {len(name)} characters, more than {LONGEST}")
    double = [name for name, count in Counter(found).items() if count > 1]
    if double:
        raise _Unclear(f"two classes are called {short(double[0])}")
    return found
