"""Which voices read the training text, and how they vary.

Half of the held-out renderings use variants of espeak-ng that training never hears.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from models.recipe.speech import Speech, speak
from speechqa.errors import SpeechqaError
from speechqa.render.voices import say

HELD_VARIANTS = ("f4", "m8", "Annie", "edward")
VARIANTS = (
    "f1 f2 f3 f5 m1 m2 m3 m4 m5 m6 m7 Alex Alicia Andrea Andy Denis Diogo Gene Gene2 Lee Marco"
    " Mario Michael Mike adam anika antonio aunty belinda benjamin boris caleb david ed gustave"
    " iven iven2 john linda max michel miguel norbert pablo paul pedro quincy rob robert sandro"
    " shelby steph steph2 travis victor zac"
).split()
ENGLISH_BASES = ("gmw/en-US", "gmw/en-US", "gmw/en", "gmw/en", "gmw/en-GB-x-rp", "gmw/en-US-nyc")
CHINESE_BASE = "sit/cmn-Latn-pinyin"
FLITE_SHARE = 0.5
FLITE_VOICES = ("slt", "slt", "slt", "rms", "rms", "rms", "awb", "awb", "kal16")
# The voices of the project's own fixture calls, heard more often than the rest.
FAVOURITE_SHARE = 0.85
FAVOURITES = {
    "en": ("gmw/en-US+m3", "gmw/en-GB-x-rp+f1"),
    "zh": tuple(f"{CHINESE_BASE}+{v}" for v in ("f1", "m1", "m3", "belinda")),
}


def is_favourite(voice: str) -> bool:
    """Whether a voice is one of the fixture calls' own.

    >>> is_favourite("flite-slt"), is_favourite("flite-kal16")
    (True, False)
    """
    return voice in ("flite-slt", "flite-rms", "flite-awb", *FAVOURITES["en"], *FAVOURITES["zh"])


# Words (Chinese: characters) per minute, and the mean pitch of flite's voices in Hz.
RATES_WPM = {"en": (130, 280), "zh": (150, 380)}
FLITE_PITCH_HZ = {"slt": 180.0, "rms": 100.0, "awb": 130.0, "kal16": 110.0}


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance and the name of its voice."""

    voice: str
    speech: Speech


class Cast:
    """All voices that this machine has."""

    def __init__(self) -> None:
        self._variants = [v for v in VARIANTS if _exists(f"espeak:{CHINESE_BASE}+{v}")]

    def read(
        self, text: str, lang: str, rng: random.Random, *, held_voices: bool = False
    ) -> Spoken | None:
        """Read `text` by a random voice; None when its word times are not known."""
        rate_wpm = rng.uniform(*RATES_WPM[lang])
        if lang == "en" and not held_voices and rng.random() < FLITE_SHARE:
            name = rng.choice(FLITE_VOICES)
            # The fixture calls leave the pitch to the voice.
            pitch = None if rng.random() < 0.4 else FLITE_PITCH_HZ[name] * rng.uniform(0.85, 1.2)
            speech = speak(text, lang, voice=f"flite:{name}", rate_wpm=rate_wpm, pitch=pitch)
            return Spoken(f"flite-{name}", speech) if speech else None
        base = CHINESE_BASE if lang == "zh" else rng.choice(ENGLISH_BASES)
        name = f"{base}+{rng.choice(HELD_VARIANTS if held_voices else self._variants)}"
        if not held_voices and rng.random() < FAVOURITE_SHARE:
            name = rng.choice(FAVOURITES[lang])
        speech = speak(
            text,
            lang,
            voice=f"espeak:{name}",
            rate_wpm=rate_wpm,
            pitch=rng.randint(25, 75),
            pitch_range=rng.randint(30, 70),
        )
        return Spoken(name, speech) if speech else None


def _exists(voice: str) -> bool:
    try:
        say("好", voice=voice)
    except SpeechqaError:
        return False
    return True
