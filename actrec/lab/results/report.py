"""An evaluation as one HTML file that opens without a network: numbers, class table, worst confusions, confusion matrix, reliability.

What the pages look like stands in `pages/`. Labels and names are somebody's text: there, whatever is not marked as safe is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from actrec.core.words import percent
from actrec.draw import charts, style
from actrec.lab.results import ways
from actrec.lab.results.difference import Difference
from actrec.lab.results.evaluation import Evaluation, measure
from actrec.measure import chance
from actrec.measure.accuracy import Measures


def _one_line(value: object) -> object:
    """Text without control characters and direction marks; what is HTML already stays as it is."""
    return style.plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_one_line,
    trim_blocks=True,
    lstrip_blocks=True,
)


def html(evaluation: Evaluation) -> str:
    """The report."""
    found, labels = measure(evaluation), evaluation.labels
    windows, crops = evaluation.views
    return PAGES.get_template("report.jinja").render(
        title=f"{evaluation.title} on {evaluation.about['set']}",
        run=evaluation,
        found=found,
        views="one window, centre crop" if (windows, crops) == (1, 1) else f"{windows} windows × {crops} crops, scores averaged",
        summary=summary(found, len(labels)),
        columns=ways.COLUMNS,
        ways=ways.rows(evaluation),
        worst=[(r.label, r.clips, _share(r.recall if r.ap is None else r.ap), r.taken_for, r.mistaken) for r in found.worst[:10]],
        confusions=confusions(found, labels),
        matrix=charts.page(charts.confusion(labels, found.confusion, style.INK), True),
        reliability=charts.page(charts.reliability(found.calibration, style.INK), False),
        classes=[(r.label, r.clips, _share(r.recall), _share(r.precision), *((_share(r.ap),) if r.ap is not None else ())) for r in found.per_class],
    )


def difference_html(found: Difference) -> str:
    """Two evaluations: the difference of the confusion matrices, and which clips were rescued and lost."""
    clips = {
        name: [(found.a.names[clip], found.labels[row], found.labels[column]) for clip, row, column in moved.tolist()]
        for name, moved in (("rescued", found.rescued), ("lost", found.lost))
    }
    return PAGES.get_template("difference.jinja").render(
        title=f"{found.b.name} against {found.a.name}",
        a=found.a,
        b=found.b,
        verdict=verdict(found),
        matrix=charts.page(charts.difference(found.labels, found.change, found.strongest(10**9), style.INK), True),
        **clips,
    )


def verdict(found: Difference) -> str:
    """How many were rescued and lost, and whether chance would do as much, in a sentence."""
    said = f"{found.b.name} rescues {len(found.rescued)} clips that {found.a.name} gets wrong, and loses {len(found.lost)} that it gets right"
    if found.p_value is None or not (len(found.rescued) or len(found.lost)):
        return f"{said}."
    return f"{said}; two equally good models would differ at least this unevenly with probability {found.p_value:.2g} (exact McNemar test)."


def summary(found: Measures, classes: int) -> list[tuple[str, str]]:
    """The headline measures, named, as text."""
    several = found.mean_ap is not None
    rows = [("mean average precision", _share(found.mean_ap)), ("weighted average precision", _share(found.weighted_ap))] if several else []
    low, high = chance.wilson(round(found.top1 * found.clips), found.clips)
    between = f"{_share(found.top1)} (95 % interval {_share(low)} to {_share(high)})"
    rows += [("first answer is one of its classes" if several else "top-1 accuracy", between)]
    rows += [("a true class among the first five" if several else "top-5 accuracy", _share(found.top5))] if classes > 5 else []
    rows += [("mean class recall" if several else "mean class accuracy", _share(found.mean_class))]
    rows += [("with time-reversed pairs as one", _share(found.merged))] if found.pairs else []
    rows += [(f"within {pair} (guessing: 50 %)", _share(share)) for pair, share in found.pairs.items()]
    return [*rows, ("expected calibration error", _share(found.calibration.error))]


def confusions(found: Measures, labels: Sequence[str], most: int = 15) -> list[tuple[str, str, int]]:
    """The heaviest cells off the diagonal: true class, answer, clips."""
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    order = [divmod(int(place), len(labels)) for place in np.argsort(-wrong, axis=None, kind="stable")[:most]]
    return [(labels[i], labels[j], int(wrong[i, j])) for i, j in order if wrong[i, j]]


def _share(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else percent(value)
