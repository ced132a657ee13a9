"""Figures for print, the only room with matplotlib. A `Sheet` is a page measured in inches, on which the others lay out a publication figure.

`strip`: the frames a model saw.  `attention`: tokens, joints, matrices.  `flow`: optical flow.  `several`: answers side by side.  `terms`: parts
of a score.  `vocabulary`: what visual words mean.
"""

from actrec.draw.figures.sheet import Chart, Sheet

__all__ = ["Chart", "Sheet"]
