"""The same call on different lines: the conditions of the accuracy tables.

Each condition is a change of the script, so truth stays by construction. Line noise at -65 dBFS
is always there: no real line is digitally silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from speechqa.errors import UsageError
from speechqa.render.call import RenderedCall, put_on_line, render
from speechqa.render.script import LeadIn, Line, Script, Step
from speechqa.render.stage import Performance, perform

FLOOR_DBFS = -65.0

LINES: dict[str, Line] = {
    "clean": Line(noise_floor_dbfs=FLOOR_DBFS),
    "noise-30": Line(noise_snr_db=30),
    "noise-20": Line(noise_snr_db=20),
    "noise-10": Line(noise_snr_db=10),
    "leak-30": Line(noise_floor_dbfs=FLOOR_DBFS, leak_db=-30, leak_delay_ms=3),
    "leak-20": Line(noise_floor_dbfs=FLOOR_DBFS, leak_db=-20, leak_delay_ms=3),
    "imbalance": Line(noise_floor_dbfs=FLOOR_DBFS, agent_gain_db=3, customer_gain_db=-18),
    "clipping": Line(noise_floor_dbfs=FLOOR_DBFS, drive_db=18),
    "band-limit": Line(noise_floor_dbfs=FLOOR_DBFS, band_hz=(300, 3400), band_slope_hz=10),
}
"""Conditions of the line alone: what is said stays where it is."""

ADDED = ("ringback-music", "dtmf")
"""Conditions that add sounds and so move what comes after them."""

CONDITIONS: tuple[str, ...] = (
    "clean",
    "noise-30",
    "noise-20",
    "noise-10",
    "leak-30",
    "leak-20",
    "ringback-music",
    "dtmf",
    "imbalance",
    "clipping",
    "band-limit",
)

RINGBACK_MS = 8000
HOLD_MS = 20_000
KEYS = ("1", "4071", "2580369#")


def with_condition(script: Script, condition: str) -> Script:
    """Return `script` as it is under a condition; its own line is replaced.

    Raises
    ------
    UsageError
        There is no such condition.
    """
    if condition in LINES:
        return script.model_copy(update={"line": LINES[condition]})
    clean = script.model_copy(update={"line": LINES["clean"]})
    if condition == "ringback-music":
        ring = LeadIn(sound="ringback", duration_ms=RINGBACK_MS, channel="both")
        hold = Step(hold_ms=HOLD_MS, announced=True, music="both")
        turns = _inserted(script.turns, [(0.5, hold)])
        return clean.model_copy(update={"lead_in": ring, "turns": turns})
    if condition == "dtmf":
        places = [(0.25, KEYS[0]), (0.5, KEYS[1]), (0.75, KEYS[2])]
        steps = [(share, Step(keys=keys)) for share, keys in places]
        return clean.model_copy(update={"turns": _inserted(script.turns, steps)})
    raise UsageError(
        f"condition {condition!r} does not exist", hint=f"one of {', '.join(CONDITIONS)}"
    )


def _inserted(turns: Sequence[Step], steps: list[tuple[float, Step]]) -> tuple[Step, ...]:
    """Put each step at a share of the way, before a turn that begins after a pause."""
    free = [
        index
        for index, turn in enumerate(turns)
        if index > 0 and turn.party and not (turn.overlap_ms or turn.during_ms or turn.at_ms)
    ]
    out = list(turns)
    for share, step in sorted(steps, key=lambda each: each[0], reverse=True):
        place = free[min(int(share * len(free)), len(free) - 1)] if free else len(turns)
        out.insert(place, step)
    return tuple(out)


def render_condition(script: Script, condition: str) -> RenderedCall:
    """Render `script` under one condition of `CONDITIONS`."""
    return render(with_condition(script, condition))


def render_conditions(
    script: Script, conditions: Sequence[str] = CONDITIONS
) -> Iterator[tuple[str, RenderedCall]]:
    """Render `script` under several conditions; what is said is said only once for all lines.

    Yields
    ------
    (condition, call)
    """
    said: Performance | None = None
    for condition in conditions:
        changed = with_condition(script, condition)
        if condition in ADDED:
            yield condition, render(changed)
            continue
        said = said or perform(script)
        yield condition, put_on_line(said, changed.line)
