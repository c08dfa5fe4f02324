"""Time inside a call: turns, live time, silence, and the windows that `where` speaks of.

Turns follow the definition of the measures: talkspurts not contained in the other party's, runs
of one party, ended by a pause of more than 3 s. Live time is the conversation without holds.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from speechqa.rulebook.view import CallView

FAR = 1 << 60
TURN_PAUSE_MS = 3000
Window = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """One turn: a run of talkspurts of one party."""

    party: str
    start: int
    end: int


class Clock:
    """Turns and windows of one call, worked out on first use.

    Examples
    --------
    >>> view = CallView("a", "en", duration_ms=9000, conversation=(0, 8000),
    ...                 speech={"agent": [(0, 2000), (6000, 8000)], "customer": [(2500, 4000)]})
    >>> [(turn.party, turn.start, turn.end) for turn in Clock(view).turns]
    [('agent', 0, 2000), ('customer', 2500, 4000), ('agent', 6000, 8000)]
    >>> Clock(view).next_turns("agent", 4000, 1)
    8000
    """

    def __init__(self, view: CallView) -> None:
        self.view = view
        self.start, self.end = view.conversation
        if self.end <= self.start:
            self.start, self.end = 0, view.duration_ms

    @cached_property
    def holds(self) -> list[Window]:
        """Holds, in order."""
        return sorted(
            (int(event["start_ms"]), int(event["end_ms"]))
            for event in self.view.events
            if event["kind"] == "hold"
        )

    @cached_property
    def speech(self) -> dict[str, list[Window]]:
        """Talkspurts by party; from the words where no talkspurts are given."""
        given = {
            party: [(int(a), int(b)) for a, b in spans] for party, spans in self.view.speech.items()
        }
        for party in {word.party for word in self.view.words}:
            if not given.get(party):
                spurts: list[Window] = []
                for word in self.view.words:
                    if word.party != party:
                        continue
                    if spurts and word.start_ms - spurts[-1][1] < 200:
                        spurts[-1] = (spurts[-1][0], max(spurts[-1][1], word.end_ms))
                    else:
                        spurts.append((word.start_ms, word.end_ms))
                given[party] = spurts
        return given

    @cached_property
    def turns(self) -> list[TurnSpan]:
        """All turns, in order of start."""
        agent, customer = self.speech.get("agent", []), self.speech.get("customer", [])
        spurts = [(a, 0, b, "agent") for a, b in agent if not _inside(a, b, customer, False)]
        spurts += [(a, 1, b, "customer") for a, b in customer if not _inside(a, b, agent, True)]
        spurts += [(a, 2, b, "mixed") for a, b in self.speech.get("mixed", [])]
        made: list[TurnSpan] = []
        for start, _, end, party in sorted(spurts):
            last = made[-1] if made else None
            if last and last.party == party and start - last.end <= TURN_PAUSE_MS:
                made[-1] = TurnSpan(party, last.start, max(last.end, end))
            else:
                made.append(TurnSpan(party, start, end))
        return made

    @cached_property
    def _by_party(self) -> dict[str, list[TurnSpan]]:
        made: dict[str, list[TurnSpan]] = {"any": self.turns}
        for turn in self.turns:
            made.setdefault(turn.party, []).append(turn)
        return made

    def turns_of(self, party: str) -> list[TurnSpan]:
        """Return the turns of a party (``"any"``: all)."""
        return self._by_party.get(party, [])

    def turn_at(self, party: str, at: int) -> TurnSpan | None:
        """Return the party's turn that holds `at`, or starts within 300 ms after it."""
        turns = self.turns_of(party)
        index = bisect_right(turns, at + 300, key=lambda turn: turn.start) - 1
        if index >= 0 and at < turns[index].end + 300:
            return turns[index]
        return None

    def next_turns(self, party: str, after: int, count: int) -> int | None:
        """Return the end of the `count`-th turn of `party` that ends after `after`."""
        later = [turn for turn in self.turns_of(party) if turn.end > after and turn.start >= 0]
        later = [turn for turn in later if turn.start >= after - 1500] or later[1:]
        if not later:
            return None
        return later[min(count, len(later)) - 1].end

    @cached_property
    def live_ms(self) -> int:
        """Length of the conversation without holds."""
        return (
            self.end
            - self.start
            - sum(max(0, min(end, self.end) - max(start, self.start)) for start, end in self.holds)
        )

    def live_after(self, ms: float) -> int:
        """Return the instant at which so much live time has passed."""
        at = self.start + round(ms)
        for start, end in self.holds:
            if self.start <= start < at:
                at += end - start
        return at

    def live_before_end(self, ms: float) -> int:
        """Return the instant from which so much live time is left."""
        at = self.end - round(ms)
        for start, end in reversed(self.holds):
            if at < end <= self.end:
                at -= end - start
        return at

    @cached_property
    def both_silent(self) -> list[Window]:
        """Where neither party speaks, from the conversation's start to the recording's end."""
        spans = sorted(span for spans in self.speech.values() for span in spans)
        gaps: list[Window] = []
        at = self.start
        for start, end in spans:
            if start > at:
                gaps.append((at, start))
            at = max(at, end)
        if self.view.duration_ms > at:
            gaps.append((at, self.view.duration_ms))
        return gaps

    def silent(self, party: str) -> list[Window]:
        """Where one party does not speak, within the conversation."""
        gaps: list[Window] = []
        at = self.start
        for start, end in self.speech.get(party, []):
            if start > at:
                gaps.append((at, start))
            at = max(at, end)
        if self.end > at:
            gaps.append((at, self.end))
        return gaps


def _inside(a: int, b: int, others: list[Window], also_equal: bool) -> bool:
    """Whether ``[a, b)`` lies inside one of `others`; an equal one counts if `also_equal`."""
    at = bisect_right(others, (a, FAR)) - 1
    if at < 0:
        return False
    start, end = others[at]
    if (start, end) == (a, b):
        return also_equal
    return start <= a and b <= end
