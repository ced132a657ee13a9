"""The command line: `python -m actrec …`. Same questions, same answers as the pages.

Exit status 0; 2 with one line on standard error for what the reader can mend; 130 when interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from actrec.cli import ask, data, evaluate, joints, models, train  # noqa: F401  (each adds its commands to `app`)
from actrec.cli.options import app
from actrec.core.errors import ActrecError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    if not (sys.argv[1:] if arguments is None else arguments):
        arguments = ["--help"]
    try:
        app(arguments, prog_name="python -m actrec", standalone_mode=False)
    except typer.TyperException as error:
        return _fail(error.format_message())
    except ActrecError as error:
        return _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        print("actrec: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except Exception as error:
        if os.environ.get("ACTREC_DEBUG"):
            raise
        return _fail(f"this is a bug in actrec: {type(error).__name__}: {error}; run again with ACTREC_DEBUG=1 and send us what it prints")
    return 0


def _fail(message: str) -> int:
    print(f"actrec: {' '.join(message.split())}", file=sys.stderr)
    return 2
