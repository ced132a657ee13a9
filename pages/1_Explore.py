"""Explore: where and when one model looked in one clip, and what not to conclude from it."""

from actrec import ui

ui.page("Explore")
ui.below("ui_explore")
