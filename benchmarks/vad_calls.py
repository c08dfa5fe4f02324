"""Calls for measuring voice activity: many overlaps in little time, truth by construction.

Ordinary random calls hold one true interruption in two minutes, so that one of them moves a table
by a twentieth. In these calls a party breaks into every third turn that can be broken into, says
a word of agreement during every fourth long one, and pauses of all lengths lie between. Tuning
and reporting never share a seed or a voice.
"""

from __future__ import annotations

import numpy as np

from speechqa.render.random_calls import NODS, SENTENCES, VOICES, Language
from speechqa.render.script import Party, Script, Step, Voice, Voices

TUNING_VOICES = {
    "flite:rms",
    "flite:awb",
    "espeak:en-us+m3",
    "espeak:en-us+f1",
    "espeak:en-gb-x-rp+f1",
    "espeak:cmn-latn-pinyin+f1",
    "espeak:cmn-latn-pinyin+m1",
    "espeak:cmn-latn-pinyin+m3",
}
FIRST_SEEDS = {"tuning": 0, "checking": 50_000, "reported": 90_000}
"""Of the three sets only `tuning` has its own voices; the others use the rest."""
TURNS = 24


def script_of(which: str, number: int) -> Script:
    """Return call `number` of a set; even numbers are English, odd ones Chinese.

    Examples
    --------
    >>> script_of("tuning", 1) == script_of("tuning", 1), script_of("tuning", 1).language
    (True, 'zh')
    """
    seed = FIRST_SEEDS[which] + number
    rng = np.random.default_rng([seed, 11])
    language: Language = "zh" if number % 2 else "en"
    of_set = [v for v in VOICES[language] if (v in TUNING_VOICES) == (which == "tuning")]
    names = rng.choice(of_set, size=2, replace=False)
    voices = Voices(agent=_voice(rng, str(names[0])), customer=_voice(rng, str(names[1])))
    return Script(
        call_id=f"{which}-{number:03d}",
        language=language,
        seed=seed,
        voices=voices,
        turns=tuple(_turns(rng, language)),
    )


def _turns(rng: np.random.Generator, language: Language) -> list[Step]:
    lines, steps = rng.permutation(SENTENCES[language]), list[Step]()
    party: Party = "agent"
    before: Party | None = None
    for number in range(TURNS):
        text = str(lines[number % len(lines)])
        if rng.random() < 0.4:
            text += ("" if language == "zh" else " ") + str(rng.choice(lines))
        start: dict[str, int] = {}
        if number and rng.random() < 0.12:
            steps.append(Step(silence_ms=int(rng.integers(2500, 8000))))
        else:
            start = _start(rng, may_overlap=before not in (None, party))
        steps.append(Step.model_validate({party: text, **start}))
        other: Party = "customer" if party == "agent" else "agent"
        long = len(text) > (15 if language == "zh" else 50)
        nods = bool(rng.random() < 0.25 and long and "overlap_ms" not in start)
        if nods:
            nod = str(rng.choice(NODS[language]))
            during = int(rng.integers(500, 1500))
            steps.append(Step.model_validate({other: nod, "during_ms": during}))
        # After a turn or a word inside the other's, an overlap could fall on the party's own.
        before = None if nods or "overlap_ms" in start else party
        party = party if rng.random() < 0.1 else other
    return steps


def _start(rng: np.random.Generator, *, may_overlap: bool) -> dict[str, int]:
    kind = rng.random()
    if may_overlap and kind < 0.45:
        gives_way = {"gives_way_ms": int(rng.integers(300, 1200))} if rng.random() < 0.5 else {}
        return {"overlap_ms": int(rng.integers(600, 2800)), **gives_way}
    if may_overlap and kind < 0.6:
        return {"overlap_ms": int(rng.integers(80, 480))}
    return {"pause_ms": int(np.clip(rng.lognormal(6.1, 0.7), 60, 2900))}


def _voice(rng: np.random.Generator, name: str) -> Voice:
    pitch = None if name.startswith("flite") else float(rng.integers(35, 66))
    return Voice(voice=name, rate_wpm=float(rng.integers(165, 231)), pitch=pitch)
