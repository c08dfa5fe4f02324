"""One call: who spoke when, what was found, why it scores as it does, and the sound of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from speechqa.errors import CallError
from speechqa.pipeline import Assessment, CallFacts
from speechqa.pipeline.explain import explain_score
from speechqa.readable import within
from speechqa.timing import MEASURES
from speechqa.transcript import join_words, turns
from speechqa.web import draw, verdicts
from speechqa.web.access import Person
from speechqa.web.desk import Desk, call_for
from speechqa.web.explaining import explained, names_of
from speechqa.web.rows import Listed
from speechqa.web.sound import ranged
from speechqa.web.views import person_of, speaker_of

GRAVITY = {"critical": 0, "major": 1, "minor": 2}


class CallPages:
    """The handlers.

    Parameters
    ----------
    desk
        The running server's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._played: set[tuple[Person, str]] = set()

    def call(self, request: Request) -> Response:
        """Show one call."""
        call = call_for(self._desk, request, request.path_params["call"])
        person = person_of(request)
        self._desk.log.note(person, "view", f"call {call.recorded.key}")
        return self._desk.page(request, "call.html", **call_parts(self._desk, call))

    def sound(self, request: Request) -> Response:
        """Send a call's sound, or the part of it that is asked for."""
        call = call_for(self._desk, request, request.path_params["call"])
        facts = self._desk.archive.facts(call)
        if facts is None:
            raise HTTPException(404)
        try:
            body = self._desk.sounds.wav(facts)
        except CallError as error:
            raise HTTPException(404, f"the recording cannot be played: {error.message}") from None
        asked = request.headers.get("range")
        self._note_play(person_of(request), call.recorded.key, asked)
        return ranged(body, asked, "audio/wav")

    def _note_play(self, person: Person, key: str, asked: str | None) -> None:
        """Log a play: its beginning, or a part of a call that this person has not begun."""
        begins = asked is None or asked.strip().startswith("bytes=0-")
        if begins or (person, key) not in self._played:
            self._played.add((person, key))
            self._desk.log.note(person, "play", f"call {key}")

    def why(self, request: Request) -> Response:
        """Explain one figure or verdict: definition, thresholds, intervals, arithmetic."""
        call = call_for(self._desk, request, request.path_params["call"])
        facts, judged = self._desk.archive.facts(call), self._desk.archive.assessment(call)
        if facts is None or not facts.measured:
            raise HTTPException(404)
        name, known = request.path_params["name"], names_of(judged)
        told = explained(self._desk, facts, judged, [name], speaker_of(request)).get(name)
        if told is None:
            near = difflib.get_close_matches(name, known, n=1)
            nearest = f"; nearest: {near[0]}" if near else ""
            raise HTTPException(404, f"no such figure here{nearest}")
        self._desk.log.note(person_of(request), "view", f"call {call.recorded.key}, {name}")
        alone = "hx-request" not in request.headers
        return self._desk.page(
            request, "why.html" if alone else "_why.html", told=told, call=call, facts=facts
        )


def call_parts(desk: Desk, call: Listed) -> dict[str, Any]:
    """Return what the call's page shows."""
    facts, judged = desk.archive.facts(call), desk.archive.assessment(call)
    if facts is None:
        raise HTTPException(404)
    reviews = desk.archive.snapshot().reviews.get(call.recorded.key, ())
    found = findings(judged, reviews) if judged else []
    for one in found:
        one["better"] = better(one["hit"], desk.rule(one["rule"]), facts.language)
    return {
        "call": call,
        "facts": facts,
        "judged": judged,
        "lane": lanes(facts, judged, found),
        "turns": transcript(facts, found),
        "findings": found,
        "kept": [result for result in judged.results if result["outcome"] == "met"]
        if judged
        else [],
        "quotes": _quotes(judged),
        "unknown": [r for r in judged.results if r["outcome"] == "unknown"] if judged else [],
        "corrected": verdicts.adjusted(judged, reviews, desk.fails) if judged else None,
        "general": [row for row in reviews if row["rule"] == ""],
        "score_lines": explain_score(judged)["arithmetic"] if judged else [],
        "measures": measure_rows(judged.measures) if judged else [],
        "rule_of": desk.rule,
    }


def findings(judged: Assessment, reviews: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what speaks against the call: rule, hit, verdict, reviews.

    What is fragile stands first, since it needs a person; then the gravest.
    """
    stands = verdicts.standing(reviews)
    made = [
        _finding(judged, result, place, stands, reviews)
        for result in judged.results
        if result["outcome"] == "violated"
        for place in verdicts.findings(judged, result["rule"])
    ]
    made.sort(
        key=lambda one: (
            not one["fragile"],
            GRAVITY.get(one["severity"], 3),
            one["start_ms"] or 0,
        )
    )
    return made


def _finding(
    judged: Assessment,
    result: Mapping[str, Any],
    place: verdicts.Place,
    stands: Mapping[verdicts.Place, str],
    reviews: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    rule, start_ms = place
    hit = next(
        (
            hit
            for hit in judged.hits
            if (hit["rule"], hit["outcome"], hit["start_ms"]) == (rule, "violated", start_ms)
        ),
        None,
    )
    return {
        "rule": rule,
        "severity": result["severity"],
        "reason": result["reason"],
        "fragile": result["fragile"],
        "points": result["points"],
        "potential": result["potential"],
        "critical": rule in judged.score["failed_by"],
        "start_ms": start_ms,
        "hit": hit,
        "confidence": hit.get("confidence") if hit else None,
        "better": "",
        "stands": stands.get(place) or stands.get((rule, None)),
        "reviews": [
            row for row in reviews if (row["rule"], row["start_ms"]) == place and not row["blind"]
        ],
    }


def better(hit: Mapping[str, Any] | None, rule: Any, language: str | None) -> str:
    """Return the better wording for a finding: the hit's own, or the rule's in the language."""
    said = (hit or {}).get("better")
    if not said and rule is not None and rule.better is not None:
        said = getattr(rule.better, language or "", ())
    return said if isinstance(said, str) else " / ".join(said or ())


def transcript(facts: CallFacts, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return turns with their words; a word knows the finding it belongs to."""
    marked = [
        (number, one["hit"])
        for number, one in enumerate(found)
        if one["hit"] is not None and one["start_ms"] is not None
    ]
    made = []
    for turn in turns(facts.words):
        said, words = "", []
        for word in turn.words:
            longer = join_words([said, word.text]) if said else word.text
            hit = next(
                (
                    number
                    for number, one in marked
                    if one["party"] in (word.party, None)
                    and word.start_ms < one["end_ms"]
                    and word.end_ms > one["start_ms"]
                    and not str(one["quote"] or "[").startswith("[")
                ),
                None,
            )
            words.append(
                {
                    "text": word.text,
                    "gap": longer[len(said) : len(longer) - len(word.text)],
                    "start_ms": word.start_ms,
                    "end_ms": word.end_ms,
                    "unsure": bool(word.flag) or word.probability < 0.5,
                    "hit": hit,
                }
            )
            said = longer
        made.append({"party": turn.party, "start_ms": turn.start_ms, "words": words})
    return made


def lanes(
    facts: CallFacts, judged: Assessment | None, found: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the two lanes as coordinates: waveform, talk, events, marks, axis."""
    length = facts.duration_ms
    events = judged.events if judged else []
    return {
        "parties": [
            {
                "party": party,
                "wave": draw.wave(facts.peaks.get(party)),
                "columns": draw.columns(facts.peaks.get(party)),
                "speech": [draw.extent(int(a), int(b), length) for a, b in facts.speech[party]],
                "top": 22 + place * 74,
            }
            for place, party in enumerate(facts.parties)
        ],
        "events": [
            draw.extent(event["start_ms"], event["end_ms"], length)
            | {key: event[key] for key in ("kind", "party", "start_ms", "end_ms")}
            for event in events
            if event["kind"] in ("silence", "hold", "interruption", "overtalk")
        ],
        "masked": [draw.extent(a, b, length) for _, a, b in facts.masked],
        "marks": [
            {
                "x": draw.place(one["start_ms"], length),
                "severity": one["severity"],
                "rule": one["rule"],
                "start_ms": one["start_ms"],
            }
            for one in found
            if one["start_ms"] is not None
        ],
        "axis": draw.axis(length),
        "bottom": 22 + 74 * max(1, len(facts.parties)),
    }


def measure_rows(measures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the measures as rows: name, one value or one per party, unit, good range, reason."""
    reasons = measures.get("unmeasured", {})
    made = []
    for name, one in MEASURES.items():
        if not one.listed:
            continue
        values = (
            [(f"{party}.{name}", measures[party][name]) for party in ("agent", "customer")]
            if one.per_party
            else [(name, measures[name])]
        )
        made.append(
            {
                "name": name,
                "unit": one.unit,
                "good": one.good,
                "values": [
                    {
                        "name": full,
                        "value": value,
                        "outside": not within(value, one.good),
                        "reason": reasons.get(full) or reasons.get(name) or "",
                    }
                    for full, value in values
                ],
            }
        )
    return made


def _quotes(judged: Assessment | None) -> dict[str, Mapping[str, Any]]:
    """Return a kept rule's first hit, to be listened to."""
    found: dict[str, Mapping[str, Any]] = {}
    for hit in judged.hits if judged else ():
        if hit["outcome"] == "met" and hit["start_ms"] is not None:
            found.setdefault(hit["rule"], hit)
    return found
