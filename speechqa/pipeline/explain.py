"""How a figure, a verdict or a score came about: definition, thresholds, intervals, arithmetic.

Every explanation is a mapping of the same shape, for the terminal, the pages and ``--json``:
``name``, ``definition``, ``thresholds``, ``intervals`` (what, start_ms, end_ms, detail),
``arithmetic`` (lines), ``result``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speechqa.pipeline.assessment import Assessment
from speechqa.pipeline.facts import CallFacts
from speechqa.pipeline.fairness import UNHEARD, UNTOLD
from speechqa.pipeline.view import timing_call
from speechqa.rulebook import Rulebook
from speechqa.rulebook.depends import rule_digests
from speechqa.rulebook.sentence import rule_sentence
from speechqa.settings import TimingSettings

Explanation = dict[str, Any]


def explain_measure(facts: CallFacts, name: str, settings: TimingSettings) -> Explanation:
    """Explain one measure of a call, e.g. ``"agent.talk_share"``; made from the stored facts."""
    return explain_measures(facts, [name], settings)[0]


def explain_measures(
    facts: CallFacts, names: Sequence[str], settings: TimingSettings
) -> list[Explanation]:
    """Explain several measures of a call, which is measured once for all of them."""
    from speechqa.timing import explain_each

    made = [told.as_dict() for told in explain_each(timing_call(facts), names, settings)]
    for told in made:
        if UNTOLD in facts.flags and "no transcript" in str(told["result"]):
            told["result"] = str(told["result"]).replace("no transcript", UNHEARD[UNTOLD])
            told["reason"] = UNHEARD[UNTOLD]
    return made


def explain_rule(
    facts: CallFacts,
    judged: Assessment,
    result: Mapping[str, Any],
    book: Rulebook,
    settings: TimingSettings,
    *,
    kept: Rulebook | None = None,
) -> Explanation:
    """Explain a rule's answer on a call: the rule as a sentence, its evidence, its points.

    A rule about a measure shows the measure's own intervals.

    Parameters
    ----------
    book
        Today's rulebook.
    kept
        The one that judged the call, as the store kept it; None where it did not.
    """
    name = result["rule"]
    judging = book if kept is None else kept
    rule = _rule(judging, name)
    line = next((line for line in judged.score["lines"] if line["rule"] == name), None)
    arithmetic = [f"met {result['met']:g} of {result['due']:g}"] if result["due"] else []
    arithmetic.append(line["text"] if line else f"{name}: shown, never scored")
    if result["fragile"]:
        arithmetic.append(
            "fragile: boundaries 100 ms, similarity 3 points or confidence 0.1 away, the answer "
            "would be another one; it fails no call by itself"
        )
    intervals = [_evidence(hit) for hit in judged.hits if hit["rule"] == name]
    measure = getattr(rule, "measure", None)
    if measure:
        intervals = explain_measure(facts, measure, settings)["intervals"]
    absent = f"not in {judging.name} {judging.version}; the call was judged by {judged.rulebook}"
    arithmetic += _since(name, judged, book, kept)
    return {
        "name": name,
        "definition": rule_sentence(rule) if rule else absent,
        "thresholds": {"severity": result["severity"], "rulebook": judged.rulebook},
        "intervals": intervals,
        "arithmetic": arithmetic,
        "result": result["outcome"] + (f" ({result['reason']})" if result["reason"] else ""),
    }


def _rule(book: Rulebook, name: str) -> Any:
    return next((rule for rule in book.call_rules if rule.id == name), None)


def _since(name: str, judged: Assessment, book: Rulebook, kept: Rulebook | None) -> list[str]:
    """Say what became of a rule since the call was judged."""
    if judged.rulebook_digest == book.digest:
        return []
    now = f"today's {book.name} {book.version}"
    if kept is None:
        return [
            f"the sentence above is {now}; the call was judged by another version of "
            f"{judged.rulebook}, which the store did not keep"
        ]
    today = _rule(book, name)
    if today is None:
        return [f"{now} has no such rule"]
    if rule_digests(book.form)[name] == rule_digests(kept.form).get(name):
        return []
    judging, sentence = _rule(kept, name), rule_sentence(today)
    if judging is None or rule_sentence(judging) != sentence:
        return [f"changed since: in {now} it reads: {sentence}"]
    if judging.severity != today.severity:
        return [f"changed since: in {now} it has another severity"]
    return [f"changed since: in {now} it finds other wording or names another better one"]


def explain_score(judged: Assessment) -> Explanation:
    """Explain a call's score rule by rule."""
    score = judged.score
    counted = [line["text"] for line in score["lines"] if line["potential"]]
    silent = [line["text"] for line in score["lines"] if not line["potential"]]
    sums = [
        f"section {s['section']}: {s['points']:g} of {s['potential']:g}" for s in score["sections"]
    ]
    if score["percent"] is None:
        result = score.get("reason") or "insufficient evidence"
    else:
        result = f"{score['points']:g} / {score['potential']:g} = {score['percent']:.1f} %"
    if score["failed_by"]:
        result += (
            f", failed by {', '.join(score['failed_by'])} (before: {score['raw_percent']:.1f} %)"
        )
    return {
        "name": "score",
        "definition": "Points over potential points of the rules that applied. Coverage is the "
        "weight of the rules that could be judged over the weight of those that should have been; "
        "under 60 % there is no score.",
        "thresholds": {"rulebook": judged.rulebook, "coverage": score["coverage"]},
        "intervals": [],
        "arithmetic": [*counted, *sums, f"{len(silent)} rules did not apply or were unknown"],
        "result": result,
    }


def _evidence(hit: Mapping[str, Any]) -> dict[str, Any]:
    quote = f"“{hit['quote']}”" if hit.get("quote") else ""
    sure = f"similarity {hit['similarity']:.0f}" if hit.get("similarity") is not None else ""
    word = f"confidence {hit['confidence']:.2f}" if hit.get("confidence") is not None else ""
    better = f"better: {hit['better']}" if hit.get("better") else ""
    return {
        "what": f"{hit['party'] or 'call'}: {hit['outcome']}",
        "start_ms": hit["start_ms"],
        "end_ms": hit["end_ms"],
        "detail": "; ".join(part for part in (quote, sure, word, better) if part),
    }
