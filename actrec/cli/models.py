"""The list of models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from actrec.cli.options import AsJson, app, print_json
from actrec.core.errors import ActrecError

if TYPE_CHECKING:
    from actrec.core.card import Card


@app.command()
def models(as_json: AsJson = False) -> None:
    """List every model: what it needs, its size and cost beside the paper's and what the paper's rule gives, and the methods that fit it."""
    from actrec import catalogue  # late: torch

    rows: list[dict[str, Any]] = []
    remarks = dict(catalogue.remarks())
    for card in catalogue.cards().values():
        try:
            rows.append(_row(card))
        except ActrecError as error:  # a checkpoint whose card builds nothing
            remarks[card.id] = f"left out: {error}"
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    for name, remark in remarks.items():
        print(f"{name}: {remark}", file=sys.stderr)


def _row(card: Card) -> dict[str, Any]:
    from actrec import catalogue  # late: torch

    counted, lacking = catalogue.known(card), catalogue.ready(card)
    paper: dict[str, float] = {**card.paper_figures, **(card.weights.figures if card.weights else {})}
    if card.counted_at is not None:  # where scripts look for it
        paper |= {"gflops_frames": card.counted_at[0], "gflops_side": card.counted_at[1]}
    return {
        "id": card.id,
        "title": card.title,
        "ready": not lacking,
        "lacking": lacking,
        "parameters": counted.parameters,
        "gflops": round(counted.gflops, 4),
        "rule_gflops": catalogue.formula(card),
        "inputs": list(card.inputs),
        "methods": list(counted.methods),
        "paper": paper,
        "trained_on": card.trained_on,
        "departures": list(catalogue.departures(card.family, card.arguments)),
    }


def _print(rows: list[dict[str, Any]]) -> None:
    print(f"{'id':28} {'ready':6} {'M parameters (paper)':>22} {'GFLOPs (paper; its rule)':>24}  title")
    for row in rows:
        paper = row["paper"]
        told = paper.get("parameters", 0.0)
        told = told / 1e6 if told > 1e4 else told  # torchvision counts them, the papers give millions
        size = f"{row['parameters'] / 1e6:.2f}" + (f" ({told:.2f})" if told else "")
        published = f"{paper['gflops']:g}" if "gflops" in paper else "–"
        rule = "" if row["rule_gflops"] is None else f"; {row['rule_gflops']:.2f}"
        cost = f"{row['gflops']:.2f}" + (f" ({published}{rule})" if published != "–" or rule else "")
        print(f"{row['id']:28} {'yes' if row['ready'] else 'no':6} {size:>22} {cost:>24}  {row['title']}")
