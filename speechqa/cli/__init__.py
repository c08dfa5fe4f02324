"""The command line: data on stdout, talk on stderr, one exit code per kind of trouble.

Each command lives in its own module and imports what it needs only when it runs, so that
``speechqa --help`` answers at once. Errors that a user can act on are printed as two lines, what
and what next; a traceback is shown only when ``SPEECHQA_DEBUG`` is set, since it may quote a
transcript.
"""

from __future__ import annotations

import os
import sys

# Before numpy loads, here and in the workers: BLAS threads would spin against each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from speechqa.cli.app import app
from speechqa.errors import SpeechqaError

__all__ = ["app", "main"]

INTERNAL_ERROR, INTERRUPTED = 1, 130


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    os.umask(0o077)  # what is written about people is for its owner only
    try:
        app(args=arguments, prog_name="speechqa")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else INTERNAL_ERROR
    except SpeechqaError as error:
        _say(f"speechqa: {error.message}")
        if error.hint:
            _say(f"  next: {error.hint}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("speechqa: interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("SPEECHQA_DEBUG"):
            raise
        _say(f"speechqa: internal error: {type(error).__name__} at {_place(error)}")
        _say("  next: set SPEECHQA_DEBUG=1 to see the traceback, and please report it")
        return INTERNAL_ERROR
    return 0


def _say(text: str) -> None:
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    print(safe, file=sys.stderr)


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
