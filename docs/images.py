"""Draw the pictures of the documentation from a store: ``make images`` after ``make demo``."""

from __future__ import annotations

import sys
from pathlib import Path

import tour
from rich.console import Console

from speechqa.cli.scorecard import team
from speechqa.cli.show import parts
from speechqa.plot import plot_call
from speechqa.scorecard import scorecards
from speechqa.store import open_store

HERE = Path(__file__).parent / "images"
CALL = "3f2a9c01_002"


def main(store_uri: str) -> None:
    """Write the pictures beside this file."""
    store = open_store(store_uri)
    console = Console(record=True, width=124, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(team(scorecards(store), by="agent", wide=True))
    console.save_svg(str(HERE / "scorecard.svg"), title="speechqa scorecard", clear=True)
    facts = store.find(CALL)
    judged = store.assessment_of(facts.key)
    for part in parts(facts, judged, width=console.width):
        console.print(part)
    console.save_svg(str(HERE / "call.svg"), title=f"speechqa show {CALL}")
    plot_call(facts, judged, HERE / "call.png")
    tour.main(store_uri)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "speechqa-store")
