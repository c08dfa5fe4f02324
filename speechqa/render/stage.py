"""Perform a script: every utterance said and placed on the clock of the call, no line yet.

An utterance is placed so that its first phone starts exactly where the script says. Knows
nothing of files and of what the line will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.errors import UsageError
from speechqa.render import line as lines
from speechqa.render import tones
from speechqa.render.script import Channels, Party, Script, Step
from speechqa.render.voices import RATE_HZ as VOICE_RATE_HZ
from speechqa.render.voices import SaidWord, Utterance, say

Samples = NDArray[np.float64]

RATE_HZ = lines.LINE_RATE_HZ
PARTIES: tuple[Party, Party] = ("agent", "customer")
_FADE_MS = 15
_PAUSES_MS = (250, 700)
"""Where a turn's pause is drawn from when the script gives none."""


@dataclass(frozen=True, eq=False)
class Placed:
    """One utterance on the clock of the call; heard up to `until_ms`."""

    step: Step
    party: Party
    utterance: Utterance
    at_ms: int
    until_ms: int | None = None

    @property
    def phones(self) -> list[tuple[int, int]]:
        """Spans of its phones, as heard."""
        spans = [(self.at_ms + p.start_ms, self.at_ms + p.end_ms) for p in self.utterance.phones]
        limit = self.until_ms
        if limit is None:
            return spans
        return [(start, min(end, limit)) for start, end in spans if start < limit]

    @property
    def words(self) -> list[SaidWord]:
        """Words heard to their end."""
        words = [
            SaidWord(w.text, self.at_ms + w.start_ms, self.at_ms + w.end_ms)
            for w in self.utterance.words
        ]
        return [w for w in words if self.until_ms is None or w.end_ms <= self.until_ms]

    @property
    def start_ms(self) -> int:
        """Start of its first phone."""
        return self.phones[0][0]

    @property
    def end_ms(self) -> int:
        """End of its last phone, or the cut."""
        return self.phones[-1][1]


@dataclass(frozen=True)
class Sound:
    """Something heard that nobody says."""

    kind: str
    channel: Channels
    start_ms: int
    end_ms: int
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Performance:
    """A script as performed: clean channels and everything on the clock; no line yet.

    `voice` holds the speech of each party, shape (2, n); `extra` the rings, keys and music.
    """

    script: Script
    voice: Samples
    extra: Samples
    placed: tuple[Placed, ...]
    sounds: tuple[Sound, ...]
    planned: tuple[dict[str, Any], ...]
    holds: tuple[dict[str, Any], ...]
    duration_ms: int


def perform(script: Script) -> Performance:
    """Say every turn and place it; the expensive half of `render`."""
    stage = _Stage(script)
    for step in script.turns:
        stage.play(step)
    duration_ms = stage.end_ms + script.tail_ms
    count = duration_ms * RATE_HZ // 1000
    voice = np.stack([_channel(stage.placed, party, count) for party in PARTIES])
    extra = np.zeros((2, count))
    for number, sound in enumerate(stage.sounds):
        wave = _wave(sound, script.seed * 1000 + number)
        first = sound.start_ms * RATE_HZ // 1000
        for row, party in enumerate(PARTIES):
            if sound.channel in (party, "both"):
                extra[row, first : first + len(wave)] += wave[: count - first]
    return Performance(
        script=script,
        voice=voice,
        extra=extra,
        placed=tuple(sorted(stage.placed, key=lambda p: (p.start_ms, p.party))),
        sounds=tuple(stage.sounds),
        planned=tuple(stage.planned),
        holds=tuple(stage.holds),
        duration_ms=duration_ms,
    )


class _Stage:
    """Places steps one after the other. `end_ms` is where everything so far has ended."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.rng = np.random.default_rng([script.seed, 1])
        self.placed: list[Placed] = []
        self.sounds: list[Sound] = []
        self.planned: list[dict[str, Any]] = []
        self.holds: list[dict[str, Any]] = []
        self.end_ms = 0
        self.floor: int | None = None
        self.abrupt = False
        lead_in = script.lead_in
        if lead_in is not None:
            self.end_ms = lead_in.duration_ms
            if lead_in.sound != "none":
                self.sounds.append(Sound(lead_in.sound, lead_in.channel, 0, self.end_ms))

    def play(self, step: Step) -> None:
        # Drawn for every step, so that changing one step's pause moves no other draw.
        drawn_ms = int(self.rng.integers(*_PAUSES_MS))
        if step.party is not None:
            self._speak(step, step.party, drawn_ms)
            return
        start_ms = self.end_ms + (step.pause_ms or 0)
        if step.silence_ms is not None:
            self.end_ms = start_ms + step.silence_ms
            self._plan(self.planned, step, start_ms)
        elif step.hold_ms is not None:
            self.end_ms = start_ms + step.hold_ms
            self._plan(self.holds, step, start_ms)
            if step.music is not None:
                music_ms = (start_ms + 300, max(start_ms + 300, self.end_ms - 300))
                self.sounds.append(Sound("hold-music", step.music, *music_ms))
        elif step.keys is not None:
            start_ms = self.end_ms + (drawn_ms if step.pause_ms is None else step.pause_ms)
            length_ms = round(1000 * len(tones.dtmf(step.keys, rate_hz=RATE_HZ)) / RATE_HZ)
            self.end_ms = start_ms + length_ms
            self.sounds.append(Sound("dtmf", "customer", start_ms, self.end_ms, step.keys))
        # The next turn ends the silence; a pause of its own would make it longer than planned.
        self.abrupt = step.keys is None

    def _plan(self, plans: list[dict[str, Any]], step: Step, start_ms: int) -> None:
        plans.append(
            {
                "start_ms": start_ms,
                "end_ms": self.end_ms,
                "announced": bool(step.announced),
                **({"music": step.music} if step.hold_ms is not None else {}),
            }
        )

    def _speak(self, step: Step, party: Party, drawn_ms: int) -> None:
        voice = self.script.voices.agent if party == "agent" else self.script.voices.customer
        utterance = say(
            step.text,
            voice=voice.voice,
            rate_wpm=step.rate_wpm or voice.rate_wpm,
            pitch=step.pitch if step.pitch is not None else voice.pitch,
            pitch_range=voice.pitch_range,
            level_dbfs=lines.QUIET_SPEECH_DBFS + step.gain_db,
        )
        last = self.placed[self.floor] if self.floor is not None else None
        if step.at_ms is not None:
            start_ms = step.at_ms
        elif step.during_ms is not None and last is not None:
            start_ms = last.start_ms + step.during_ms
        elif step.overlap_ms is not None and last is not None:
            start_ms = max(last.end_ms - step.overlap_ms, last.start_ms + 1)
        elif step.pause_ms is not None:
            start_ms = self.end_ms + step.pause_ms
        else:
            start_ms = self.end_ms + (0 if self.abrupt else drawn_ms)
        self.abrupt = False
        at_ms = start_ms - utterance.phones[0].start_ms
        placed = Placed(step, party, utterance, at_ms)
        if step.gives_way_ms is not None and last is not None and self.floor is not None:
            self.placed[self.floor] = self._cut(last, start_ms + step.gives_way_ms)
            self.end_ms = self.placed[self.floor].end_ms
        self._refuse_two_voices(placed)
        self.placed.append(placed)
        self.end_ms = max(self.end_ms, placed.end_ms)
        # A word put in while the other goes on does not take the floor.
        if step.during_ms is None:
            self.floor = len(self.placed) - 1

    def _refuse_two_voices(self, new: Placed) -> None:
        for other in self.placed:
            if other.party == new.party and max(other.start_ms, new.start_ms) < min(
                other.end_ms, new.end_ms
            ):
                raise UsageError(
                    f"{self.script.call_id}: the {new.party} cannot say {new.utterance.text!r} "
                    f"at {new.start_ms} ms, still speaking until {other.end_ms} ms",
                    hint="start it later, or let the other party speak between the two",
                )

    @staticmethod
    def _cut(placed: Placed, not_before_ms: int) -> Placed:
        """Stop an utterance at the end of the first word that ends at `not_before_ms` or later."""
        ends = [word.end_ms for word in placed.words if word.end_ms >= not_before_ms]
        until_ms = min(ends, default=placed.end_ms)
        return Placed(placed.step, placed.party, placed.utterance, placed.at_ms, until_ms)


def _channel(placed: list[Placed], party: Party, count: int) -> Samples:
    """Mix one party's utterances at the voices' rate and bring them to the line's."""
    factor = VOICE_RATE_HZ // RATE_HZ
    out = np.zeros(count * factor)
    for each in placed:
        if each.party != party:
            continue
        wave = each.utterance.samples.astype(np.float64)
        if each.until_ms is not None:
            wave = wave[: max(0, each.until_ms - each.at_ms) * VOICE_RATE_HZ // 1000]
            fade = min(len(wave), _FADE_MS * VOICE_RATE_HZ // 1000)
            wave[len(wave) - fade :] *= np.linspace(1, 0, fade)
        first = each.at_ms * VOICE_RATE_HZ // 1000
        wave, first = wave[max(0, -first) :], max(0, first)
        wave = wave[: len(out) - first]
        out[first : first + len(wave)] += wave
    return lines.resampled(out, rate_hz=VOICE_RATE_HZ)[:count]


def _wave(sound: Sound, seed: int) -> Samples:
    length_ms = sound.end_ms - sound.start_ms
    if sound.kind == "ringback":
        return tones.ringback(length_ms, rate_hz=RATE_HZ)
    if sound.kind == "dial-tone":
        return tones.dial_tone(length_ms, rate_hz=RATE_HZ)
    if sound.kind == "dtmf":
        return tones.dtmf(sound.detail, rate_hz=RATE_HZ)
    return tones.hold_music(length_ms, rate_hz=RATE_HZ, seed=seed)
