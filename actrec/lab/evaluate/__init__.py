"""How well a model does on labelled clips.

`evaluate` and `examine` score it in one go. `run` writes an evaluation into a folder (`lab.results`), clip by clip.
"""

from __future__ import annotations

from actrec.lab.evaluate.scores import Scores, absent, evaluate, examine, of_model, opened
from actrec.lab.evaluate.sharded import Trial, logits, merge, run, share

__all__ = ["Scores", "Trial", "absent", "evaluate", "examine", "logits", "merge", "of_model", "opened", "run", "share"]
