"""Counts every model that ships and writes `assets/counts.json`, which `python -m actrec models` reads instead of building them all. Half a minute.

python benchmarks/count_models.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actrec import catalogue
from actrec.catalogue import counting
from actrec.core import settings


def main() -> None:
    with tempfile.TemporaryDirectory() as empty:  # the reader's own checkpoints are none of those that ship
        os.environ["ACTREC_CHECKPOINTS"] = empty
        found = counting.of_those_that_ship(catalogue.cards())
    counting.write(settings.assets() / "counts.json", found)
    print(f"{len(found)} models counted")


if __name__ == "__main__":
    main()
