"""`python -m actrec`."""

import gc

gc.set_threshold(50_000, 20, 100)  # torch brings a million objects that stay: to look through them again and again took a fifth of a short command

from actrec.cli import main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(main())
