"""Compare: up to four answers about one clip, in step, on one scale, with their agreement in numbers."""

from actrec.ui import frame

frame.page("Compare")
frame.below("compare")
