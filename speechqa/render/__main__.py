"""Make the project's fixtures: ``python -m speechqa.render [FIXTURES_DIR]``."""

from __future__ import annotations

import sys
from pathlib import Path

from speechqa.errors import SpeechqaError


def main(arguments: list[str]) -> int:
    """Render the scripts of a fixtures folder; return the exit code."""
    from speechqa.render.fixtures import render_folder

    root = Path(arguments[0]) if arguments else Path("fixtures")
    try:
        render_folder(root)
    except SpeechqaError as problem:
        print(problem, file=sys.stderr)
        if problem.hint:
            print(problem.hint, file=sys.stderr)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
