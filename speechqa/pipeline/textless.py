"""Calls without their text: what was said is taken out before the first write.

Words keep their party, place, probability and number of speech-rate units, so that every measure
can be made again; hits keep rule, place and similarity. Rules about words cannot be asked again:
they answer "unknown", never "no hit".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from speechqa.phrases.announcements import AnnouncementFinder, Announcements
from speechqa.pipeline.assessment import Assessment
from speechqa.pipeline.facts import CallFacts
from speechqa.transcript import count_units

NOT_KEPT = "text-not-kept"
"""Flag of a call whose words were taken out."""

WHY = "the text was not kept"
BLANK = "\u02cd"
"""Stands for one unit: a letter that no language uses, which reads as a blank."""

_ANNOUNCED = "announced"


def without_text(facts: CallFacts) -> CallFacts:
    """Return the facts of a call without anything that was said.

    Examples
    --------
    >>> from speechqa.transcript import Word
    >>> said = (Word("agent", 0, 300, "hello", 0.9), Word("agent", 300, 900, "24", 0.9))
    >>> call = CallFacts("k", "c", "c.wav", 1, 1, None, "x", "scored", words=said)
    >>> [word.text for word in without_text(call).words]
    ['ˍ', 'ˍ ˍ']
    """
    if NOT_KEPT in facts.flags or not facts.words:
        return facts
    said = AnnouncementFinder().find(facts.words, facts.language)
    return replace(
        facts,
        words=tuple(
            replace(word, text=" ".join([BLANK] * count_units(word.text))) for word in facts.words
        ),
        flags=tuple(sorted({*facts.flags, NOT_KEPT})),
        provenance=dict(facts.provenance)
        | {_ANNOUNCED: {"waits": list(said.waits), "returns": list(said.returns)}},
    )


def assessment_without_text(made: Assessment) -> Assessment:
    """Return an assessment whose hits say rule, place and similarity, and quote nothing."""
    return replace(made, hits=[_unquoted(hit) for hit in made.hits])


def announced(facts: CallFacts) -> Announcements | None:
    """Return the announcements kept of a call without text; None for any other call."""
    if NOT_KEPT not in facts.flags:
        return None
    kept: Mapping[str, list[int]] = facts.provenance.get(_ANNOUNCED, {})
    return Announcements(tuple(kept.get("waits", ())), tuple(kept.get("returns", ())))


def _unquoted(hit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hit.items() if name != "shown"} | {"quote": None}
