"""Evaluate: how well one model does on a test set, or which clips and classes a second one puts right; and the clips behind every number."""

from actrec.ui import frame

frame.page("Evaluate")
frame.below("evaluate.page")
