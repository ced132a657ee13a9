"""Asks a model: a question in, an explanation out, and the same model run again. The pages and the command line both come here.

`loading` opens what a question names, `asking` makes it ready to run, `answering` predicts and explains in one pass, `claim` says what the map says.
Run again: `sliding` (over a long clip), `comparing` (several questions), `meaning` (over many clips), and every file in `checks` (reversed, without a
joint, without windows).
"""

from actrec.study.answering import answer, default_method, mass
from actrec.study.asking import Asked, Target, asked, doubts
from actrec.study.checks.order import TimeOrder, time_order
from actrec.study.comparing import Comparison, compare
from actrec.study.loading import Loaded, find_clip, load, open_clip
from actrec.study.meaning import Vocabulary, vocabulary
from actrec.study.sliding import sweep

__all__ = [
    "Asked",
    "Comparison",
    "Loaded",
    "Target",
    "TimeOrder",
    "Vocabulary",
    "answer",
    "asked",
    "compare",
    "default_method",
    "doubts",
    "find_clip",
    "load",
    "mass",
    "open_clip",
    "sweep",
    "time_order",
    "vocabulary",
]
