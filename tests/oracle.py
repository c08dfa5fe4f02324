"""The timing measures once more, slowly and plainly: one call, one millisecond at a time.

Nothing is shared with `speechqa.timing` except the thresholds and the form of a call. Speech is a
raster of booleans, one per millisecond; what is not a sum over the raster is a plain loop over
all pairs.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

PARTIES = ("agent", "customer")


def runs(raster):
    """Maximal runs of True as (start, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], raster.astype(np.int8), [0]])))
    return [(int(s), int(e)) for s, e in edges.reshape(-1, 2)]


def paint(spans, length):
    raster = np.zeros(length, dtype=bool)
    for start, end in spans if spans is not None else ():
        raster[start:end] = True
    return raster


def quantile(values, q):
    """Linear interpolation between the two nearest ranks."""
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * q
    low, high = math.floor(place), math.ceil(place)
    return values[low] + (values[high] - values[low]) * (place - low)


class Oracle:
    """All measures and events of one two-channel call."""

    def __init__(self, call, settings):
        self.call, self.set = call, settings
        self.length = call.duration_ms
        self.raster = {p: paint(getattr(call, p), self.length) for p in PARTIES}
        self.spurts = {p: runs(self.raster[p]) for p in PARTIES}
        self.all = [(s, e, p) for p in PARTIES for s, e in self.spurts[p]]
        self.t0 = min((s for s, _, _ in self.all), default=0)
        self.t1 = max((e for _, e, _ in self.all), default=0)
        self.holds = self.find_holds()
        self.live = np.zeros(self.length, dtype=bool)
        self.live[self.t0 : self.t1] = True
        for start, end, _ in self.holds:
            self.live[start:end] = False
        self.gaps = [
            (start, end, *self.around(start, end), self.announced(start))
            for start, end in runs(self.live & ~self.raster["agent"] & ~self.raster["customer"])
        ]
        self.overlaps = runs(self.raster["agent"] & self.raster["customer"])
        self.entries = self.find_entries()
        self.turns = self.find_turns()

    # holds

    def find_holds(self):
        if self.call.holds is not None:
            told = runs(paint(self.call.holds, max([self.length, *np.ravel(self.call.holds)])))
            found = [(s, e, ("metadata", None, 1.0)) for s, e in told]
        else:
            found = self.infer_holds()
        cut = [(max(s, self.t0), min(e, self.t1), why) for s, e, why in found]
        return [hold for hold in cut if hold[0] < hold[1]]

    def infer_holds(self):
        found = []
        agent = self.spurts["agent"]
        for (_, low), (high, _) in pairwise(agent):
            if high - low < self.set.hold_pause_ms:
                continue
            if not any(
                low - self.set.hold_phrase_ms <= at <= low + self.set.phrase_snap_ms
                for at in self.call.announcements
            ):
                continue
            until = high + self.set.hold_return_ms
            back = any(low <= at <= until for at in self.call.returns)
            both = self.raster["customer"][high:until].any()
            share = self.raster["customer"][low:high].mean()
            if back:
                found.append((low, high, ("inferred", "return phrase", 0.9)))
            elif both:
                sure = 0.3 if share > self.set.hold_customer_share else 0.6
                if sure >= self.set.hold_confidence:
                    found.append((low, high, ("inferred", "speech of both", sure)))
        return found

    def manners(self, start, end):
        call, rule = self.call, self.set
        if call.words is None and not call.announcements and not call.returns:
            return None, None
        asked = range(start - rule.hold_phrase_ms, start + rule.phrase_snap_ms + 1)
        after = range(end, end + rule.hold_return_ms + 1)
        return (
            any(at in asked for at in call.announcements),
            any(at in after for at in call.returns),
        )

    # gaps

    def around(self, start, end):
        ended = [(e, s, p == "agent", p) for s, e, p in self.all if e <= start]
        begun = [(s, p != "agent", p) for s, e, p in self.all if s >= end]
        return max(ended)[-1], min(begun)[-1]

    def announced(self, start):
        for at in self.call.announcements:
            before = [e for s, e in self.spurts["agent"] if s <= at]
            if before and 0 < at - before[-1] <= self.set.phrase_snap_ms:
                at = before[-1]
            if start - self.set.announce_within_ms <= at <= start:
                return True
        return False

    def silences(self, shortest):
        return [gap for gap in self.gaps if gap[1] - gap[0] >= shortest]

    def owner(self, gap):
        return "customer" if gap[2:4] == ("agent", "customer") else "agent"

    # overlaps

    def find_entries(self):
        found = []
        for p, q in (PARTIES, PARTIES[::-1]):
            for us, ue in self.spurts[p]:
                for vs, ve in self.spurts[q]:
                    if vs < us < ve:
                        found.append((us, ue, vs, ve, p, self.kind(us, ue, vs, ve)))
        return sorted(found)

    def kind(self, us, ue, vs, ve):
        if ue <= ve and ue - us <= self.set.backchannel_ms:
            return "backchannel"
        if us - vs < self.set.simultaneous_ms:
            return "simultaneous"
        if ve - us <= self.set.terminal_ms:
            return "terminal"
        return "successful" if ue > ve else "failed"

    # turns

    def contained(self, s, e, p):
        for vs, ve, q in self.all:
            if q != p and vs <= s and e <= ve:
                if (vs, ve) == (s, e) and p == "agent":
                    continue
                return True
        return False

    def find_turns(self):
        kept = [spurt for spurt in self.all if not self.contained(*spurt)]
        kept.sort(key=lambda spurt: (spurt[0], spurt[2] != "agent"))
        turns = []
        for s, e, p in kept:
            last = turns[-1] if turns else None
            if last and last["party"] == p and s - last["end"] <= self.set.turn_pause_ms:
                last["end"] = e
            else:
                turns.append({"start": s, "end": e, "party": p})
        return turns

    def answers(self, p):
        return [
            b["start"] - a["end"]
            for a, b in pairwise(self.turns)
            if a["party"] != b["party"] and b["party"] == p
        ]

    # rates

    def words(self, p):
        """(place in own speech, units) of each word with voice under it."""
        raster = self.raster[p]
        found = []
        for who, start, end, units in self.call.words or ():
            if who == p and raster[start : max(end, start + 1)].any():
                found.append((int(raster[:start].sum()), units))
        return found

    def windows(self, p):
        total = int(self.raster[p].sum())
        own = np.flatnonzero(self.raster[p])
        words = self.words(p)
        found = []
        for low in range(0, total - self.set.rate_window_ms + 1, self.set.rate_hop_ms):
            high = low + self.set.rate_window_ms
            units = sum(u for place, u in words if low <= place < high)
            found.append((int(own[low]), int(own[high - 1]) + 1, units))
        return found

    def rated(self, p):
        total, units = int(self.raster[p].sum()), sum(u for _, u in self.words(p))
        return (
            self.call.words is not None
            and total >= self.set.rate_speech_ms
            and units >= self.set.rate_units
        )

    def beyond(self, p):
        """(window, "fast", "slow" or None) of each window, where pace is judged."""
        limits = self.set.rate_limits.get(self.call.language)
        if limits is None or not self.rated(p):
            return None
        marked = []
        for window in self.windows(p):
            rate = window[2] * 60_000 / self.set.rate_window_ms
            mark = "fast" if rate > limits[1] else "slow" if rate < limits[0] else None
            marked.append((window, mark))
        return marked

    # the row

    def row(self):
        silences = self.silences(self.set.silence_ms)
        live = int(self.live.sum())
        overtalk = [e - s for s, e in self.overlaps if e - s >= self.set.overtalk_ms]
        overlap = sum(e - s for s, e in self.overlaps)
        silence = sum(gap[1] - gap[0] for gap in silences)
        changes = len(self.answers("agent")) + len(self.answers("customer"))
        greeting = self.spurts["agent"][0][0] if self.spurts["agent"] else None
        row = {
            "recording_ms": self.length,
            "conversation_ms": self.t1 - self.t0,
            "hold_ms": sum(e - s for s, e, _ in self.holds),
            "live_ms": live,
            "silence_count": len(silences),
            "silence_ms": silence,
            "silence_share": silence / live if live else None,
            "longest_silence_ms": max((gap[1] - gap[0] for gap in silences), default=0),
            "dead_air_count": len(self.silences(self.set.dead_air_ms)),
            "long_silence_count": len(self.silences(self.set.long_silence_ms)),
            "overlap_ms": overlap,
            "overlap_share": overlap / live if live else None,
            "overtalk_count": len(overtalk),
            "overtalk_ms": sum(overtalk),
            "floor_changes": changes,
            "interactivity": 60_000 * changes / live if live else None,
            "greeting_latency_ms": (
                None if greeting is None else greeting - (self.call.answered_ms or 0)
            ),
        }
        for p in PARTIES:
            row[f"silence_{p}_ms"] = sum(g[1] - g[0] for g in silences if self.owner(g) == p)
            row[p] = self.party_row(p)
        return row

    def party_row(self, p):
        talk = {q: int(self.raster[q].sum()) for q in PARTIES}
        made = [entry for entry in self.entries if entry[4] == p]
        rude = [entry for entry in made if entry[5] in ("successful", "failed")]
        answers = self.answers(p)
        spans = [t["end"] - t["start"] for t in self.turns if t["party"] == p]
        units = sum(u for _, u in self.words(p))
        beyond = self.beyond(p)
        share = {
            kind: sum(mark == kind for _, mark in beyond) / len(beyond) if beyond else None
            for kind in ("fast", "slow")
        }
        return {
            "talk_ms": talk[p],
            "talk_share": talk[p] / sum(talk.values()) if sum(talk.values()) else None,
            "longest_monologue_ms": max(spans, default=0),
            "interruptions": len(rude),
            "interruptions_successful": sum(entry[5] == "successful" for entry in rude),
            "interruption_overlap_ms": sum(min(e[1], e[3]) - e[0] for e in rude),
            "backchannels": sum(entry[5] == "backchannel" for entry in made),
            "response_time_median_ms": quantile(answers, 0.5),
            "response_time_p90_ms": quantile(answers, 0.9),
            "response_time_max_ms": max(answers, default=None),
            "articulation_rate": 60_000 * units / talk[p] if self.rated(p) else None,
            "speaking_rate": 60_000 * units / sum(spans) if self.rated(p) and spans else None,
            "fast_share": share["fast"],
            "slow_share": share["slow"],
            "units": None if self.call.words is None else units,
            "level_dbfs": self.call.level_dbfs.get(p),
        }

    # the events

    def events(self):
        found = []
        for start, end, before, after, told in self.silences(self.set.silence_ms):
            whose = "customer" if (before, after) == ("agent", "customer") else "agent"
            found.append(("silence", whose, start, end, (before, after, told)))
        for start, end in self.overlaps:
            if end - start >= self.set.overtalk_ms:
                found.append(("overtalk", None, start, end, ()))
        for us, ue, _, ve, p, kind in self.entries:
            if kind == "backchannel":
                found.append(("backchannel", p, us, ue, ()))
            elif kind in ("successful", "failed"):
                found.append(("interruption", p, us, min(ue, ve), (kind == "successful",)))
        for start, end, why in self.holds:
            found.append(("hold", "agent", start, end, (*why, *self.manners(start, end))))
        for p in PARTIES:
            found += self.pace_events(p)
        return sorted(found, key=repr)

    def pace_events(self, p):
        found, last = [], None
        for window, mark in self.beyond(p) or ():
            if mark and mark == last:
                kind, who, start, _, _ = found.pop()
                found.append((kind, who, start, window[1], ()))
            elif mark:
                found.append((mark, p, window[0], window[1], ()))
            last = mark
        return found
