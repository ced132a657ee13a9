"""Explore: where and when one model looked in one clip, and what not to conclude from it."""

from actrec.ui import frame

frame.page("Explore")
frame.below("explore")
