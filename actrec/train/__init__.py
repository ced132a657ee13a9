"""Train a model on labelled clips: one readable loop (`run`), recipes as data (`actrec.recipes`), resumable at every epoch."""

from __future__ import annotations

from actrec.recipes import RECIPES, Recipe
from actrec.train.plan import Plan, plan
from actrec.train.processes import Processes
from actrec.train.report import command_line, model_card
from actrec.train.run import Run
from actrec.train.start import adapt

__all__ = ["RECIPES", "Plan", "Processes", "Recipe", "Run", "adapt", "command_line", "model_card", "plan"]
