"""How the figures and verdicts of a call came about, in the reader's language.

A rule is told by the rulebook that judged the call, as the store kept it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from speechqa.pipeline import Assessment, CallFacts
from speechqa.pipeline.explain import explain_measures, explain_rule, explain_score
from speechqa.timing import MEASURES
from speechqa.web.desk import Desk
from speechqa.web.languages import Speaker

Explanation = dict[str, Any]


def names_of(judged: Assessment | None) -> list[str]:
    """Return all that can be explained on a call: measures, by party where they have one, rules."""
    measures = [
        full
        for name, one in MEASURES.items()
        for full in ((f"agent.{name}", f"customer.{name}") if one.per_party else (name,))
    ]
    rules = [result["rule"] for result in judged.results] if judged else []
    return [*measures, *(["score"] if judged else []), *rules]


def explained(
    desk: Desk, facts: CallFacts, judged: Assessment | None, names: Iterable[str], say: Speaker
) -> dict[str, Explanation]:
    """Return name to explanation, of those `names` that can be explained on this call."""
    results = {result["rule"]: result for result in judged.results} if judged else {}
    asked = list(dict.fromkeys(names))
    measures = [name for name in asked if _is_measure(name)]
    told = explain_measures(facts, measures, desk.settings.timing) if measures else []
    made = dict(zip(measures, told, strict=True))
    for name in measures:
        made[name]["definition"] = say.definition(name.rpartition(".")[2])
    for name in asked:
        if judged is not None and name == "score":
            made[name] = explain_score(judged)
        elif judged is not None and name in results:
            kept = desk.judged_by(judged.rulebook_digest)
            today = desk.book, desk.settings.timing
            made[name] = explain_rule(facts, judged, results[name], *today, kept=kept)
            rule = next((r for r in (kept or desk.book).call_rules if r.id == name), None)
            if rule is not None:
                made[name]["definition"] = say.sentence(rule)
    return {name: made[name] for name in asked if name in made}


def _is_measure(name: str) -> bool:
    party, _, bare = name.rpartition(".")
    return bare in MEASURES and party in ("", "agent", "customer")
