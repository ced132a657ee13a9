"""Compare: up to four answers about one clip, in step, on one scale, with their agreement in numbers."""

from actrec import ui

ui.page("Compare")
ui.below("ui_compare")
