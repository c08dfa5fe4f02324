"""What is not held against anyone: answers that the recording or the recogniser may have spoilt.

What was said cannot be shown to be missing when part of the call was not heard, and nothing hangs
on words that were heard too poorly: such answers become "unknown", with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speechqa.pipeline.facts import CallFacts
from speechqa.rulebook import CallView, Rulebook, RuleResult, evaluate
from speechqa.transcript import Word

SWAPPED = "swapped-parties"
"""Line check under which nobody is accused: the words may be the other party's."""

UNTOLD = "speech-without-text"
UNHEARD = {
    "uncertain-language": "the language is uncertain",
    UNTOLD: "part of the speech was not recognised",
}
"""Flags of a transcript that may lack words, and the reason given for it."""


def fair_answers(
    book: Rulebook, calls: Sequence[CallFacts], views: Sequence[CallView]
) -> list[list[RuleResult]]:
    """Return what each call rule answers on each call, doubts counted.

    Parameters
    ----------
    calls, views
        The same calls, as facts and as rules see them.
    """
    heard = answers_on_words(book, views)
    return [_fairly(call, judged) for call, judged in zip(calls, heard, strict=True)]


def answers_on_words(book: Rulebook, views: Sequence[CallView]) -> list[list[RuleResult]]:
    """Return what rules answer on calls, "unknown" where it hangs on words heard too poorly."""
    surely = evaluate(book, views)
    unsure = _with_unsure_words(book, views)
    return [without_unsure_words(judged, unsure.get(place)) for place, judged in enumerate(surely)]


def _with_unsure_words(book: Rulebook, views: Sequence[CallView]) -> dict[int, list[RuleResult]]:
    """Judge the calls that hold words of low confidence again with those words, by place."""
    again = {
        place: replace(view, words=tuple(_trusted(word) for word in view.words))
        for place, view in enumerate(views)
        if any(word.flag == "low-confidence" for word in view.words)
    }
    return dict(zip(again, evaluate(book, list(again.values())), strict=True))


def _trusted(word: Word) -> Word:
    return replace(word, flag="") if word.flag == "low-confidence" else word


def without_unsure_words(
    surely: Sequence[RuleResult], unsure: Sequence[RuleResult] | None
) -> list[RuleResult]:
    """Turn answers that hang on words of low confidence into "unknown".

    Whether a forbidden phrase was said, or a required one was not, is not known where the words
    that would decide it are too unsure to be trusted.

    Parameters
    ----------
    surely, unsure
        Results without and with the words of low confidence, in the same order; None where the
        call has no such word.
    """
    if unsure is None:
        return list(surely)
    decided = ("met", "violated")
    return [
        _unknown(one, "it hangs on words that were heard too poorly")
        if one.outcome != other.outcome and one.outcome in decided and other.outcome in decided
        else one
        for one, other in zip(surely, unsure, strict=True)
    ]


def _fairly(facts: CallFacts, results: Sequence[RuleResult]) -> list[RuleResult]:
    """Turn violations into "unknown" where the fault may be the recording's or the recogniser's.

    What was said cannot be shown to be missing when part of the call was not heard, and what was
    said by whom cannot be shown when the channels seem swapped.
    """
    if any(check["name"] == SWAPPED for check in facts.checks):
        doubt = "the channels seem swapped"
        return [_unknown(r, doubt) if r.outcome == "violated" else r for r in results]
    lost = any(damage.get("lost_ms") for damage in facts.damage)
    reasons = ["audio was lost"] * lost + [UNHEARD[flag] for flag in facts.flags if flag in UNHEARD]
    if not reasons:
        return list(results)
    return [
        _unknown(result, reasons[0]) if result.by_absence and result.earned < 1 else result
        for result in results
    ]


def _unknown(result: RuleResult, reason: str) -> RuleResult:
    hits = tuple(hit | {"outcome": "unknown"} for hit in result.hits)
    return replace(result, outcome="unknown", reason=reason, lacking=True, hits=hits)
