"""Train a model on labelled clips: one readable loop (`run`), recipes as data (`actrec.recipes`), resumable at every epoch."""

from __future__ import annotations

from actrec.lab.recipes import RECIPES, Recipe
from actrec.lab.train.plan import Plan, plan
from actrec.lab.train.processes import Processes
from actrec.lab.train.report import command_line, model_card
from actrec.lab.train.run import Run
from actrec.lab.train.start import adapt

__all__ = ["RECIPES", "Plan", "Processes", "Recipe", "Run", "adapt", "command_line", "model_card", "plan"]
