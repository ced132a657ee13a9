"""An evaluation as one HTML file that opens without a network: numbers, class table, worst confusions, confusion matrix, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from actrec.core.words import percent
from actrec.draw import charts, style
from actrec.lab.results.difference import Difference
from actrec.lab.results.evaluation import Evaluation, measure
from actrec.measure import chance
from actrec.measure.accuracy import Measures

STYLE = """
:root { color-scheme: light; } body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2.2rem; } .quiet { color: #667080; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #e3e7ea; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } code { overflow-wrap: anywhere; } .warn { color: #a33a12; }
.wide { overflow-x: auto; }
"""


def html(evaluation: Evaluation) -> str:
    """The report. Labels and names are text: they are escaped."""
    found = measure(evaluation)
    about = evaluation.about
    windows, crops = evaluation.views
    views = "one window, centre crop" if (windows, crops) == (1, 1) else f"{windows} windows × {crops} crops, scores averaged"
    parts = [
        f"<h1>{escape(evaluation.title)}</h1>",
        f'<p class="quiet">{found.clips} clips of {escape(_where(evaluation))} · {views}</p>',
        *(f'<p class="warn">left out: {escape(line)}</p>' for line in evaluation.broken),
        table(("", "share"), summary(found, len(evaluation.labels))),
    ]
    worst = [(style.plain(r.label), r.clips, _share(r.recall if r.ap is None else r.ap), r.taken_for, r.mistaken) for r in found.worst[:10]]
    named = "average precision" if evaluation.multilabel else "right"
    parts += ["<h2>Least recognised classes</h2>", table(("class", "clips", named, "most often taken for", "clips"), worst)]
    parts += ["<h2>Worst confusions</h2>", table(("true class", "answered", "clips"), confusions(found, evaluation.labels))]
    parts += ["<h2>Confusion matrix</h2>", _wide(charts.page(charts.confusion(evaluation.labels, found.confusion, style.INK), True))]
    said = f"expected calibration error {found.calibration.error:.3f}, {len(found.calibration.count)} bins; the numbers are clips"
    said = said.replace("clips", "statements about a class") if evaluation.multilabel else said
    parts += ["<h2>Can its probabilities be believed?</h2>", f'<p class="quiet">{said}</p>']
    parts += [charts.page(charts.reliability(found.calibration, style.INK), False)]
    every = [(r.label, r.clips, _share(r.recall), _share(r.precision), *((_share(r.ap),) if r.ap is not None else ())) for r in found.per_class]
    head = ("class", "clips", "recall", "precision", *(("average precision",) if evaluation.multilabel else ()))
    parts += ["<h2>Every class</h2>", table(head, every), "<h2>Made with</h2>", f"<p><code>{escape(str(about.get('command', '')))}</code></p>"]
    return _document(f"{evaluation.title} on {about['set']}", parts)


def difference_html(found: Difference) -> str:
    """Two evaluations: the difference of the confusion matrices, and which clips were rescued and lost."""
    a, b = found.a, found.b
    parts = [
        f"<h1>{escape(b.title)} against {escape(a.title)}</h1>",
        f'<p class="quiet">{len(a)} clips of {escape(_where(a))} · {escape(b.name)} − {escape(a.name)}</p>',
        f"<p>{escape(verdict(found))}</p>",
        "<h2>Difference of the confusion matrices</h2>",
        '<p class="quiet">Teal: more clips than before, brown: fewer. Blue arrows: clips now right, from the class they were taken for; red arrows: '
        "clips no longer right, to the class they are taken for now.</p>",
        _wide(charts.page(charts.difference(found.labels, found.change, found.strongest(10**9), style.INK), True)),
    ]
    for title, clips, head in (("Rescued", found.rescued, "was taken for"), ("Lost", found.lost, "is taken for")):
        rows = [(a.names[clip], found.labels[row], found.labels[column]) for clip, row, column in clips.tolist()]
        parts += [f"<h2>{title}: {len(rows)} clips</h2>", table(("clip", "true class", head), rows)]
    return _document(f"{b.name} against {a.name}", parts)


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


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table of texts and numbers; "none" if it has no rows."""
    if not rows:
        return '<p class="quiet">none</p>'

    def cell(value: object, tag: str) -> str:
        number = isinstance(value, int) or (isinstance(value, str) and value.endswith(" %"))
        return f"<{tag}{' class=n' if number else ''}>{escape(style.plain(str(value)))}</{tag}>"

    lines = "\n".join(f"<tr>{''.join(cell(v, 'td') for v in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{"".join(cell(v, "th") for v in head)}</tr>\n{lines}</table></div>'


def _where(evaluation: Evaluation) -> str:
    return f"{evaluation.about['set']}, {evaluation.about['split']}"


def _share(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else percent(value)


def _wide(inner: str) -> str:
    return f'<div class="wide">{inner}</div>'


def _document(title: str, parts: Sequence[str]) -> str:
    head = f'<meta charset="utf-8"><title>{escape(style.plain(title))}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{"".join(parts)}\n</body></html>\n'
