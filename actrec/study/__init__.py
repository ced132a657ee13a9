"""Asks a model: a question in, an explanation out, and the same model run again. The pages and the command line both come here.

`loading` opens what a question names, `answering` predicts and explains in one pass, `claim` says what the map says. Run again: `sliding` (over a
long clip), `order` (reversed, shuffled), `hidden` (without a joint), `windows_cost` (without windows), `comparing` (several questions).
"""

from actrec.study.answering import answer, classes, default_method, mass, predictions_of
from actrec.study.comparing import Comparison, compare
from actrec.study.loading import Loaded, find_clip, load, open_clip, placed, window
from actrec.study.order import TimeOrder, time_order
from actrec.study.sliding import sweep

__all__ = [
    "Comparison",
    "Loaded",
    "TimeOrder",
    "answer",
    "classes",
    "compare",
    "default_method",
    "find_clip",
    "load",
    "mass",
    "open_clip",
    "placed",
    "predictions_of",
    "sweep",
    "time_order",
    "window",
]
