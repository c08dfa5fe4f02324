"""Render a script: two channels at 8 kHz and the truth about them.

The truth is read off the phones as placed, cuts included, and never off the sound. The agent is
the first channel (left).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from speechqa.intervals import IntervalArray, as_spans, clip
from speechqa.render import line as lines
from speechqa.render import truth
from speechqa.render.script import Line, Party, Script
from speechqa.render.stage import PARTIES, RATE_HZ, Performance, Placed, perform
from speechqa.render.voices import talkspurts, written_words

TRUTH_FORMAT = 1


@dataclass(frozen=True, eq=False)
class RenderedCall:
    """A call and its truth.

    Parameters
    ----------
    samples
        Shape (2, n), float32 at 8 kHz, agent first; exactly what a mu-law file gives back.
    truth
        JSON-ready; see docs/render.md.
    """

    script: Script
    samples: NDArray[np.float32]
    truth: dict[str, Any]

    @property
    def duration_ms(self) -> int:
        """Length of the call."""
        return int(self.samples.shape[1]) * 1000 // RATE_HZ

    def speech(self, party: Party) -> IntervalArray:
        """Talkspurts of one party, shape (n, 2), ms."""
        return as_spans(self.truth["speech"][party])

    def write(self, audio: str | Path, truth_file: str | Path) -> None:
        """Write a mu-law WAV and its truth as JSON; folders are made.

        The file has the script's fault; the truth is that of the sound call. It must not
        lie beside the audio under the same stem: there, a JSON is read as the call's metadata.
        """
        for path in (Path(audio), Path(truth_file)):
            path.parent.mkdir(parents=True, exist_ok=True)
        pcm = np.round(_channels(self).T * 32768).astype(np.int16)
        sf.write(str(audio), pcm, RATE_HZ, format="WAV", subtype="ULAW")
        if self.script.fault == "truncated":
            whole = Path(audio).read_bytes()
            Path(audio).write_bytes(whole[: len(whole) * 6 // 10])
        Path(truth_file).write_text(as_json(self.truth) + "\n", encoding="utf-8")


def _channels(call: RenderedCall) -> NDArray[np.float32]:
    """Return the channels as written, with the script's fault."""
    fault = call.script.fault
    if fault in ("mono", "fake-stereo"):
        # Both at full strength, as a recorder that joins the two directions would.
        mixed = lines.mu_law(call.samples.astype(np.float64).sum(axis=0))
        return np.stack([mixed] * (2 if fault == "fake-stereo" else 1))
    return call.samples[::-1] if fault == "swapped" else call.samples


def as_json(facts: dict[str, Any]) -> str:
    """Write a truth with one word, turn or event a line, so that a diff can be read.

    Examples
    --------
    >>> print(as_json({"a": 1, "b": [{"c": [2, 3]}, {}], "d": []}))
    {
    "a": 1,
    "b": [
      {"c": [2, 3]},
      {}
    ],
    "d": []
    }
    """
    rows = []
    for key, value in facts.items():
        written = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            items = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in value)
            written = f"[\n{items}\n]"
        rows.append(f"{json.dumps(key)}: {written}")
    return "{\n" + ",\n".join(rows) + "\n}"


def render(script: Script) -> RenderedCall:
    """Perform `script` and put it on its line.

    Raises
    ------
    UsageError
        A voice does not exist.
    SpeechqaError
        espeak-ng or flite is missing.
    """
    return put_on_line(perform(script), script.line)


def put_on_line(performance: Performance, line: Line) -> RenderedCall:
    """Put a performance on a line and write down its truth; the cheap half of `render`."""
    script = performance.script
    spans = {party: _speech(performance, party) for party in PARTIES}
    voice = np.stack(
        [
            lines.amplified(performance.voice[row], gain_db=gain)
            for row, gain in enumerate((line.agent_gain_db, line.customer_gain_db))
        ]
    )
    call = voice + performance.extra
    if line.band_hz is not None:
        low, high = line.band_hz
        call = lines.band_limit(call, low_hz=low, high_hz=high, slope_hz=line.band_slope_hz)
    # Speech sets the level of the noise: without the rings, and as loud as it is on this line.
    levels = [lines.speech_rms(voice[row], spans[party]) for row, party in enumerate(PARTIES)]
    if line.leak_db is not None:
        call = lines.leak(call, leak_db=line.leak_db, delay_ms=line.leak_delay_ms)
    rng = np.random.default_rng([script.seed, 2])
    for row, level in enumerate(levels):
        hiss = lines.noise(call.shape[1], colour=line.noise, rng=rng)
        if line.noise_snr_db is not None:
            call[row] += level * 10 ** (-line.noise_snr_db / 20) * hiss
        if line.noise_floor_dbfs is not None:
            call[row] += 10 ** (line.noise_floor_dbfs / 20) * hiss
    if line.drive_db is not None:
        call = lines.overdriven(call, drive_db=line.drive_db)
    call = lines.offset(call, dc=line.dc)
    return RenderedCall(
        script=script, samples=lines.mu_law(call), truth=_truth(performance, line, spans)
    )


def _speech(performance: Performance, party: Party) -> IntervalArray:
    phones = [p for each in performance.placed if each.party == party for p in each.phones]
    return clip(talkspurts(as_spans(phones)), 0, performance.duration_ms)


def _truth(
    performance: Performance, line: Line, spans: dict[Party, IntervalArray]
) -> dict[str, Any]:
    script = performance.script
    agent, customer = (truth.as_list(spans[party]) for party in PARTIES)
    holds = [(hold["start_ms"], hold["end_ms"]) for hold in performance.holds]
    found = truth.overlaps(agent, customer)
    words = [
        {"party": each.party, "start_ms": w.start_ms, "end_ms": w.end_ms, "text": w.text}
        for each in performance.placed
        for w in each.words
    ]
    return {
        "format": TRUTH_FORMAT,
        "call_id": script.call_id,
        "agent": script.agent,
        "queue": script.queue,
        "direction": script.direction,
        "started_at": script.started_at.isoformat() if script.started_at else None,
        "language": script.language,
        "shows": list(script.shows),
        "fault": script.fault,
        "rate_hz": RATE_HZ,
        "duration_ms": performance.duration_ms,
        "conversation": list(truth.conversation(agent, customer)),
        "voices": {party: getattr(script.voices, party).voice for party in PARTIES},
        "line": line.model_dump(mode="json"),
        "made_with": sorted({each.utterance.made_with for each in performance.placed}),
        "speech": {"agent": [list(s) for s in agent], "customer": [list(s) for s in customer]},
        "turns": [_turn(each) for each in performance.placed],
        "words": sorted(words, key=lambda w: (w["start_ms"], w["party"])),
        "silences": truth.silences(agent, customer, holds, list(performance.planned)),
        "interruptions": [o for o in found if o["kind"] == "interruption"],
        "backchannels": [o for o in found if o["kind"] == "backchannel"],
        "other_overlaps": [
            o for o in found if o["kind"] in ("simultaneous-start", "terminal-overlap")
        ],
        "holds": list(performance.holds),
        "sounds": [
            {"kind": s.kind, "channel": s.channel, "start_ms": s.start_ms, "end_ms": s.end_ms}
            for s in performance.sounds
        ],
        "phrases": [phrase for each in performance.placed for phrase in _phrases(each)],
    }


def _turn(each: Placed) -> dict[str, Any]:
    return {
        "party": each.party,
        "start_ms": each.start_ms,
        "end_ms": each.end_ms,
        "cut": each.until_ms is not None,
        "text": each.utterance.text,
    }


def _phrases(each: Placed) -> list[dict[str, Any]]:
    """Return the planted phrases that were really said, with the times of their words."""
    found = []
    for plant in each.step.plant:
        before = len(written_words(each.utterance.text[: each.utterance.text.index(plant.text)]))
        words = each.words[before : before + len(written_words(plant.text))]
        if len(words) == len(written_words(plant.text)):
            found.append(
                {
                    "rule": plant.rule,
                    "outcome": plant.outcome,
                    "party": each.party,
                    "start_ms": words[0].start_ms,
                    "end_ms": words[-1].end_ms,
                    "text": plant.text,
                }
            )
    return found
