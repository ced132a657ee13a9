"""`make fuzz`: many hostile files of every kind, and the table in docs/reliability.md."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from pathlib import Path

from fuzz.runner import BAD, KINDS, Tally, run

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "reliability.md"
COUNTS = {"videos": 10_000, "checkpoints": 2_000, "joints": 2_000, "labels": 2_000, "links": 1_000}
BEGIN, END = "<!-- made by make fuzz: begin -->", "<!-- end -->"


def table(tallies: list[Tally], share: float, before: str) -> str:
    """The lines for the document. before: those that stand there; what was run now takes the place of the same with this seed and share."""
    title = f"`make fuzz SEED={tallies[0].seed} SHARE={share:g}`, {datetime.date.today():%d %B %Y}:"
    columns = "| files | cases | read | refused in one line | " + " | ".join(BAD) + " | slowest | most memory |"
    rows = {row.split(" | ")[0].strip("| "): row for row in before.splitlines()[4:]} if before.strip().startswith(title) else {}
    for one in tallies:
        counts = [one.cases, *(one.outcomes.get(name, 0) for name in ("read", "refused", *BAD))]
        rows[one.kind] = f"| {one.kind} | " + " | ".join(f"{n:,}" for n in counts) + f" | {one.slowest:.1f} s | {one.largest:,.0f} MB |"
    return "\n".join([title, "", columns, "|---|---" + "|---" * (len(BAD) + 4) + "|", *(rows[kind] for kind in KINDS if kind in rows)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--seed", type=int, default=int(f"{datetime.date.today():%Y%m%d}"))
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of cases")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--keep", type=Path, default=ROOT / "runs" / "fuzz", help="where the files go that went wrong")
    given = parser.parse_args()
    tallies = []
    for kind in given.kinds:
        tallies.append(run(kind, given.seed, max(1, round(COUNTS[kind] * given.share)), keep=given.keep, jobs=given.jobs))
        print(f"{kind}: {tallies[-1].outcomes}, slowest {tallies[-1].slowest:.1f} s, {tallies[-1].largest:.0f} MB", flush=True)
        for case, outcome, said in tallies[-1].bad[:20]:
            print(f"  {case} {outcome}: {said.strip().splitlines()[-1] if said.strip() else ''}", flush=True)
    head, rest = DOC.read_text(encoding="utf-8").split(f"{BEGIN}\n")
    before, tail = rest.split(END)
    DOC.write_text(f"{head}{BEGIN}\n{table(tallies, given.share, before)}\n{END}{tail}", encoding="utf-8")
    return int(any(tally.bad for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
