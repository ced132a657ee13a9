"""Prune: which channels a network can do without, what that saves, and what it changes."""

from actrec.ui import frame

frame.page("Prune")
frame.below("prune.page")
