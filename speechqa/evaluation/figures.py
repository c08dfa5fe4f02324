"""All figures of calls against their references: activity, rates, words, rules; they add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from speechqa.evaluation.activity import Activity, compare_activity
from speechqa.evaluation.counts import Counts, pair
from speechqa.evaluation.labels import PARTIES, Reference
from speechqa.evaluation.words import WordErrors, compare_words, is_cjk
from speechqa.intervals import IntervalArray, clip, union
from speechqa.pipeline.assessment import Assessment
from speechqa.pipeline.facts import CallFacts
from speechqa.settings import TimingSettings
from speechqa.timing import Call, measure_calls
from speechqa.transcript import Word, count_units

NEAR_MS = 2000
"""A phrase counts as found when a hit of its rule and party lies this close."""


@dataclass(frozen=True)
class Figures:
    """What was right and wrong on some calls.

    Parameters
    ----------
    activity
        Voice activity, silences, interruptions.
    rate_errors
        Relative error of the articulation rate, one per party and call, signed.
    words, characters
        Errors of words in spaced scripts, of characters in Chinese.
    phrases
        Planted phrases and hits of their rules and outcome.
    extra_hits
        Violations at a place where the reference has no phrase of that rule.
    """

    activity: Activity = field(default_factory=Activity)
    rate_errors: tuple[float, ...] = ()
    words: WordErrors = field(default_factory=WordErrors)
    characters: WordErrors = field(default_factory=WordErrors)
    phrases: Counts = field(default_factory=Counts)
    extra_hits: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(**{name: getattr(self, name) + getattr(other, name) for name in _FIELDS})

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, None where there is nothing to measure."""
        errors = np.abs(np.array(self.rate_errors))
        return {
            "activity": self.activity.as_dict(),
            "rates": {
                "measured": len(errors),
                "error_median": round(float(np.median(errors)), 4) if len(errors) else None,
                "error_p90": round(float(np.percentile(errors, 90)), 4) if len(errors) else None,
            },
            "words": self.words.as_dict(),
            "characters": self.characters.as_dict(),
            "rules": {
                "phrases": self.phrases.true,
                "found": self.phrases.matched,
                "recall": None if self.phrases.recall is None else round(self.phrases.recall, 4),
                "extra_violations": self.extra_hits if self.phrases.true else None,
            },
        }


_FIELDS = tuple(Figures.__dataclass_fields__)


def compare_call(
    reference: Reference,
    facts: CallFacts,
    judged: Assessment | None,
    settings: TimingSettings,
) -> Figures:
    """Compare one processed call with its reference.

    A one-channel recording is compared as one: what the parties of the reference say together.
    Words are compared only where the call was transcribed and the reference has words, rules only
    where the call was judged and the reference has phrases.
    """
    true: dict[str, IntervalArray] = {
        str(party): clip(spans, 0, facts.duration_ms) for party, spans in reference.speech.items()
    }
    if set(facts.speech) == {"mixed"} and "mixed" not in true:
        true = {"mixed": union(*true.values())}
    found = Figures(
        activity=compare_activity(
            true,
            {str(party): spans for party, spans in facts.speech.items()},
            duration_ms=facts.duration_ms,
            sounds={str(party): spans for party, spans in reference.sounds.items()},
            settings=settings,
        )
    )
    if reference.words is not None and facts.language is not None:
        found += _words(reference, facts)
        found += Figures(rate_errors=_rates(reference, facts, settings))
    if reference.phrases is not None and judged is not None:
        found += _rules(reference, judged)
    return found


def _words(reference: Reference, facts: CallFacts) -> Figures:
    assert reference.words is not None
    said = [word for word in reference.words if word.start_ms < facts.duration_ms]
    trusted = [word for word in facts.words if not word.flag]
    mixed = set(facts.speech) == {"mixed"}
    errors = WordErrors()
    for party in ("mixed",) if mixed else PARTIES:
        errors += compare_words(
            [word for word in said if mixed or word.party == party],
            [word for word in trusted if mixed or word.party == party],
        )
    return Figures(characters=errors) if is_cjk(reference.words) else Figures(words=errors)


def _rates(reference: Reference, facts: CallFacts, settings: TimingSettings) -> tuple[float, ...]:
    if not {"agent", "customer"} <= set(reference.speech) & set(facts.speech):
        return ()
    assert reference.words is not None
    calls = [
        Call(
            duration_ms=facts.duration_ms,
            agent=clip(speech["agent"], 0, facts.duration_ms),
            customer=clip(speech["customer"], 0, facts.duration_ms),
            language=facts.language,
            words=[_counted(word) for word in words],
        )
        for speech, words in ((reference.speech, reference.words), (facts.speech, facts.words))
    ]
    true, heard = measure_calls(calls, settings).rows()
    rates = [
        (true[party]["articulation_rate"], heard[party]["articulation_rate"])
        for party in ("agent", "customer")
    ]
    return tuple(there / here - 1 for here, there in rates if here and there is not None)


def _counted(word: Word) -> tuple[str, int, int, int]:
    return (word.party, word.start_ms, word.end_ms, 0 if word.flag else count_units(word.text))


def _rules(reference: Reference, judged: Assessment) -> Figures:
    assert reference.phrases is not None
    wanted = list(reference.phrases)
    hits = [hit for hit in judged.hits if hit["start_ms"] is not None]
    known = {phrase["rule"] for phrase in wanted}
    counts = pair(wanted, [hit for hit in hits if hit["rule"] in known], _same)
    spoken = [hit for hit in hits if hit["outcome"] == "violated" and hit["quote"]]
    extra = [hit for hit in spoken if not any(_same(phrase, hit) for phrase in wanted)]
    return Figures(phrases=counts, extra_hits=len(extra))


def _same(phrase: Mapping[str, Any], hit: Mapping[str, Any]) -> bool:
    near = hit["start_ms"] <= phrase["end_ms"] + NEAR_MS
    near = near and hit["end_ms"] >= phrase["start_ms"] - NEAR_MS
    alike = all(hit[name] == phrase[name] for name in ("rule", "outcome", "party"))
    return bool(near and alike)
