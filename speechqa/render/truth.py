"""What is true of a rendered call, by construction: from the phones that were placed.

Talkspurts and events follow the definitions of docs/measures.md with their default thresholds.
The code is deliberately plain loops over a handful of intervals, written apart from
`speechqa.timing`, so that each can be checked against the other.
"""

from __future__ import annotations

from typing import Any

from speechqa.intervals import IntervalArray

SILENCE_MS = 3000
TIERS_MS = (("long", 10_000), ("dead-air", 5000), ("silence", SILENCE_MS))
BACKCHANNEL_MS = 1000
SIMULTANEOUS_MS = 500
TERMINAL_MS = 500

Span = tuple[int, int]


def as_list(spans: IntervalArray) -> list[Span]:
    """Return intervals as plain tuples."""
    return [(int(start), int(end)) for start, end in spans]


def conversation(agent: list[Span], customer: list[Span]) -> Span:
    """Return the window from the first talkspurt's start to the last one's end."""
    both = agent + customer
    return (min(s for s, _ in both), max(e for _, e in both)) if both else (0, 0)


def overlap_kind(u: Span, v: Span) -> str:
    """Name the overlap of talkspurt `u` that starts strictly inside the other party's `v`.

    Examples
    --------
    >>> overlap_kind((2000, 2600), (0, 5000)), overlap_kind((2000, 6000), (0, 5000))
    ('backchannel', 'interruption')
    >>> overlap_kind((300, 9000), (0, 5000)), overlap_kind((4500, 9000), (0, 5000))
    ('simultaneous-start', 'terminal-overlap')
    """
    if u[1] <= v[1] and u[1] - u[0] <= BACKCHANNEL_MS:
        return "backchannel"
    if u[0] - v[0] < SIMULTANEOUS_MS:
        return "simultaneous-start"
    if v[1] - u[0] <= TERMINAL_MS:
        return "terminal-overlap"
    return "interruption"


def overlaps(agent: list[Span], customer: list[Span]) -> list[dict[str, Any]]:
    """Return every start inside the other's talkspurt, with its kind.

    `party` is the one who starts; `successful` is None except for interruptions.
    """
    found = []
    for party, mine, others in (("agent", agent, customer), ("customer", customer, agent)):
        for u in mine:
            for v in others:
                if not v[0] < u[0] < v[1]:
                    continue
                kind = overlap_kind(u, v)
                found.append(
                    {
                        "kind": kind,
                        "party": party,
                        "start_ms": u[0],
                        "end_ms": min(u[1], v[1]),
                        "overlap_ms": min(u[1], v[1]) - u[0],
                        "successful": u[1] > v[1] if kind == "interruption" else None,
                    }
                )
    return sorted(found, key=lambda each: (each["start_ms"], each["party"]))


def gaps(agent: list[Span], customer: list[Span], holds: list[Span]) -> list[Span]:
    """Return the maximal pieces of live time in which neither party speaks."""
    start, end = conversation(agent, customer)
    found = []
    at = start
    for s, e in sorted(agent + customer + holds):
        if s > at:
            found.append((at, min(s, end)))
        at = max(at, e)
        if at >= end:
            break
    return found


def silences(
    agent: list[Span], customer: list[Span], holds: list[Span], planned: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the gaps of at least 3 s with owner and tier.

    `planned` and `announced` come from the script: `announced` is None for a gap that no script
    step asked for.
    """
    found = []
    for start, end in gaps(agent, customer, holds):
        if end - start < SILENCE_MS:
            continue
        before, after = _before(agent, customer, start), _after(agent, customer, end)
        step = next((p for p in planned if p["start_ms"] < end and start < p["end_ms"]), None)
        found.append(
            {
                "start_ms": start,
                "end_ms": end,
                "tier": next(name for name, at_least in TIERS_MS if end - start >= at_least),
                "before": before,
                "after": after,
                "owner": _owner(before, after),
                "planned": step is not None,
                "announced": step["announced"] if step else None,
            }
        )
    return found


def _before(agent: list[Span], customer: list[Span], at: int) -> str | None:
    ended = [
        (end, start, party)
        # The agent's come last: of two that began together, the agent counts.
        for party, spans in (("customer", customer), ("agent", agent))
        for start, end in spans
        if end <= at
    ]
    if not ended:
        return None
    last = max(end for end, _, _ in ended)
    return max((start, party == "agent", party) for end, start, party in ended if end == last)[2]


def _after(agent: list[Span], customer: list[Span], at: int) -> str | None:
    starting = [
        (start, party != "agent", party)
        for party, spans in (("agent", agent), ("customer", customer))
        for start, _ in spans
        if start >= at
    ]
    return min(starting)[2] if starting else None


def _owner(before: str | None, after: str | None) -> str | None:
    if before is None or after is None:
        return None
    return "customer" if (before, after) == ("agent", "customer") else "agent"
