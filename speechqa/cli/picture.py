"""The picture that ``speechqa show --plot`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speechqa.cli.options import talk

if TYPE_CHECKING:
    from speechqa.pipeline import Assessment, CallFacts


def draw_picture(facts: CallFacts, judged: Assessment | None, path: str) -> None:
    """Draw one call into a .png, .svg or .pdf file and say where it is."""
    from speechqa.discovery import shown
    from speechqa.plot import plot_call

    plot_call(facts, judged, path)
    talk().print(f"drawn: {shown(path)}", markup=False, soft_wrap=True)
