"""Labelled clips: sets of them on disk, models trained and evaluated on them, and what the evaluations found. Recipes are the papers' own."""
