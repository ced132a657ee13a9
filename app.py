"""Home: choose a clip and a model, see what the model says."""

from actrec import ui

ui.page("Home")
ui.below("ui_home")
