"""The command line: `python -m actrec …`. Same questions, same answers as the pages.

Exit status 0; 2 with one line on standard error for what the reader can mend; 130 when interrupted.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

import typer

from actrec.cli import again, ask, data, evaluate, joints, models, networks, train, words  # noqa: F401  (each adds its commands to `app`)
from actrec.cli.options import app
from actrec.core import files
from actrec.core.errors import ActrecError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    unsayable = next((word for word in arguments if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word)), None)
    if unsayable is not None:  # no file that names it could be written
        return _fail(f"{unsayable!r} is not valid UTF-8; rename the file")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(arguments or ["--help"], prog_name="python -m actrec", standalone_mode=False)
    except typer.TyperException as error:
        return _fail(error.format_message())
    except ActrecError as error:
        return _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        print("actrec: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        return _fail(files.reason(error))
    except Exception as error:
        if os.environ.get("ACTREC_DEBUG"):
            raise
        return _fail(f"this is a bug in actrec: {type(error).__name__}: {error}; run again with ACTREC_DEBUG=1 and send us what it prints")
    return 0


def _fail(message: str) -> int:
    print(f"actrec: {' '.join(message.split())}", file=sys.stderr)
    return 2
