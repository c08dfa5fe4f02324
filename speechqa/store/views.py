"""A stored call as the one document that everybody reads: ``show --json``."""

from __future__ import annotations

from typing import Any

from speechqa.pipeline import Assessment, CallFacts
from speechqa.store.plain import readable, text_of_path

SCORE = ("points", "potential", "percent", "raw_percent", "coverage", "failed_by", "sections")


def call_document(facts: CallFacts, judged: Assessment | None) -> dict[str, Any]:
    """Return one call in the shape of ``show --json``.

    Parts that could not be made are null or empty; ``reason`` says why.
    """
    return _identity(facts) | {
        "metadata": {
            "queue": facts.queue,
            "direction": facts.direction,
            "caller": facts.caller,
            "columns": dict(facts.metadata),
            "sources": dict(facts.metadata_sources),
        },
        "line": {
            "checks": list(facts.checks),
            "damage": list(facts.damage),
            "flags": list(facts.flags),
            "levels": {party: dict(level) for party, level in facts.levels.items()},
        },
        "speech": {party: spans.tolist() for party, spans in facts.speech.items()},
        "words": [word.as_dict() for word in facts.words],
        **_judgement(judged),
        "provenance": dict(facts.provenance)
        | {
            "rulebook": None if judged is None else judged.rulebook,
            "assessment": None if judged is None else judged.assessment,
            "audio_sha256": facts.audio_sha256,
        },
    }


def _identity(facts: CallFacts) -> dict[str, Any]:
    """Return which call it is and how its processing ended."""
    return {
        "call_id": readable(facts.call_id),
        "path": text_of_path(facts.path),
        "also_at": [text_of_path(path) for path in facts.also_at],
        "agent_id": facts.agent_id,
        "started_at": None if facts.started_at is None else facts.started_at.isoformat(),
        "duration_ms": facts.duration_ms,
        "status": facts.status,
        "reason": None if facts.reason is None else readable(facts.reason),
        "reason_code": facts.reason_code,
        "language": facts.language,
        "grade": facts.grade,
    }


def _judgement(judged: Assessment | None) -> dict[str, Any]:
    """Return what was measured and judged."""
    if judged is None:
        return {"measures": None, "events": [], "hits": [], "rules": [], "score": None}
    return {
        "measures": dict(judged.measures),
        "events": list(judged.events),
        "hits": list(judged.hits),
        "rules": list(judged.results),
        "score": {name: judged.score[name] for name in SCORE},
    }
