"""How right voice activity is, per line condition and detector, against rendered truth.

    python -m benchmarks.vad_accuracy                    the reported calls, all detectors
    python -m benchmarks.vad_accuracy --set tuning       the calls that thresholds were chosen on
    SPEECHQA_AUDIO_DIR=... python -m benchmarks.vad_accuracy --real

The sets differ in seeds; the reported calls' voices are other ones than those that thresholds were
chosen on. Rows: the raw detector as it is usually used (mode 2, 20 ms frames), ours
(`--vad webrtc`), Silero, and `--vad auto`; each with the same bridging of gaps under 200 ms and
dropping of islands under 100 ms. F1 comes with an interval of 95 % (bootstrap over calls), and
events as found of true ones, and false ones. CPU is process time per hour of one channel, with
one thread, models loaded before.

With --real, the real stereo call in SPEECHQA_AUDIO_DIR (each side recorded apart) is damaged in
the same ways, and each detector is compared with its own answer on the undamaged call: truth is
not known there, but a figure that moves when the line gets worse is wrong somewhere.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.vad_calls import FIRST_SEEDS, script_of
from speechqa.evaluation.activity import Activity, compare_activity
from speechqa.evaluation.counts import Counts
from speechqa.intervals import IntervalArray, as_spans
from speechqa.render import line as lines
from speechqa.render.conditions import CONDITIONS, LINES, render_conditions
from speechqa.render.script import Party
from speechqa.settings import VadSettings
from speechqa.vad import speech_of_channels
from speechqa.vad.frames import bridge, drop_short, runs

PARTIES: tuple[Party, ...] = ("agent", "customer")
RATE_HZ = 8000
REAL_CALL = "conversations/auto_repair_stereo_L-agent_R-customer.flac"

Samples = NDArray[np.float32]
Detector = Callable[[Samples], list[IntervalArray]]


@dataclass(frozen=True)
class Example:
    """One rendered call under one condition."""

    condition: str
    samples: Samples
    speech: dict[str, IntervalArray]
    sounds: dict[str, IntervalArray]


def raw_webrtc(samples: Samples) -> list[IntervalArray]:
    """WebRTC's detector as most scripts use it: mode 2, frames of 20 ms."""
    import webrtcvad

    found = []
    for channel in samples:
        data = np.clip(channel * 32768, -32768, 32767).astype("<i2").tobytes()
        ask = webrtcvad.Vad(2).is_speech
        votes = [ask(data[at : at + 320], RATE_HZ) for at in range(0, len(data) - 319, 320)]
        spans = runs(np.array(votes, dtype=bool)) * 20
        found.append(drop_short(bridge(spans, 200), 100))
    return found


def ours(detector: str) -> Detector:
    settings = VadSettings(detector=detector)
    return lambda samples: speech_of_channels(samples, RATE_HZ, settings)


DETECTORS: dict[str, Detector] = {
    "webrtc raw": raw_webrtc,
    "webrtc ours": ours("webrtc"),
    "silero": ours("silero"),
    "auto": ours("auto"),
}


def examples(which: str, calls: int, conditions: tuple[str, ...]) -> Iterator[Example]:
    """Yield the calls of one set under each condition."""
    for number in range(calls):
        print(f"call {number + 1} of {calls}", file=sys.stderr)
        for condition, call in render_conditions(script_of(which, number), conditions):
            truth = call.truth
            sounds: dict[str, list[tuple[int, int]]] = {party: [] for party in PARTIES}
            for sound in truth["sounds"]:
                for party in PARTIES:
                    if sound["channel"] in (party, "both"):
                        sounds[party].append((sound["start_ms"], sound["end_ms"]))
            yield Example(
                condition,
                call.samples,
                {party: call.speech(party) for party in PARTIES},
                {party: as_spans(spans) for party, spans in sounds.items()},
            )


def measure(
    some: Iterator[Example], detectors: dict[str, Detector]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the figures per (condition, detector)."""
    activity: dict[tuple[str, str], list[Activity]] = {}
    cpu: dict[tuple[str, str], float] = {}
    hours: dict[tuple[str, str], float] = {}
    warm_up(detectors)
    for one in some:
        duration_ms = one.samples.shape[1] * 1000 // RATE_HZ
        for name, detect in detectors.items():
            key = (one.condition, name)
            began = time.process_time()
            found = detect(one.samples)
            cpu[key] = cpu.get(key, 0.0) + time.process_time() - began
            hours[key] = hours.get(key, 0.0) + 2 * duration_ms / 3_600_000
            compared = compare_activity(
                one.speech,
                dict(zip(PARTIES, found, strict=True)),
                duration_ms=duration_ms,
                sounds=one.sounds,
            )
            activity.setdefault(key, []).append(compared)
    return {
        key: figures(calls) | {"cpu_s_per_channel_hour": round(cpu[key] / hours[key], 2)}
        for key, calls in activity.items()
    }


def warm_up(detectors: dict[str, Detector]) -> None:
    """Load what detectors load once: a model is no cost of an hour of speech."""
    from speechqa.vad import silero

    silero.probabilities(np.zeros(RATE_HZ, dtype=np.float32))
    for detect in detectors.values():
        detect(np.random.default_rng(0).normal(0, 0.01, (2, RATE_HZ)).astype(np.float32))


def figures(calls: list[Activity]) -> dict[str, Any]:
    """Return the pooled figures of some calls, with intervals and events written out."""
    pooled = sum(calls[1:], calls[0])
    return pooled.as_dict() | {
        "silence_told": told(pooled.silences, [call.silences for call in calls]),
        "interruption_told": told(pooled.interruptions, [call.interruptions for call in calls]),
        "silence_events": events(pooled.silences),
        "interruption_events": events(pooled.interruptions),
    }


def told(pooled: Counts, calls: list[Counts]) -> str | None:
    """Return F1 with its interval of 95 %, from calls drawn again; one call has none."""
    if pooled.f1 is None:
        return None
    if len(calls) == 1:
        return f"{pooled.f1:.3f}"
    counts = np.array([[one.matched, one.true + one.found] for one in calls])
    drawn = np.random.default_rng(0).integers(0, len(calls), (2000, len(calls)))
    right, both = np.moveaxis(counts[drawn].sum(axis=1), 1, 0)
    low, high = np.quantile(2 * right[both > 0] / both[both > 0], [0.025, 0.975])
    return f"{pooled.f1:.3f} ({low:.2f} to {high:.2f})"


def events(pooled: Counts) -> str:
    """Return how many of the true events were found, and how many false ones."""
    return f"{pooled.matched} of {pooled.true}, {pooled.found - pooled.matched} false"


def real_examples(folder: str, conditions: tuple[str, ...]) -> Iterator[tuple[str, Samples]]:
    """Yield the real call undamaged ("as recorded"), then under each condition of the line."""
    import soundfile as sf

    samples, rate = sf.read(str(Path(folder) / REAL_CALL), dtype="float64", always_2d=True)
    if rate != RATE_HZ:
        raise SystemExit(f"{REAL_CALL}: expected {RATE_HZ} Hz, got {rate}")
    call = samples.T
    yield "as recorded", call.astype(np.float32)
    spans = speech_of_channels(call.astype(np.float32), RATE_HZ, VadSettings())
    for condition in conditions:
        if condition not in LINES:
            continue
        on, rng, damaged = LINES[condition], np.random.default_rng(7), call.copy()
        if on.agent_gain_db or on.customer_gain_db:
            damaged *= 10 ** (np.array([[on.agent_gain_db], [on.customer_gain_db]]) / 20)
        if condition == "band-limit" and on.band_hz:
            low, high = on.band_hz
            damaged = lines.band_limit(damaged, low_hz=low, high_hz=high, slope_hz=on.band_slope_hz)
        if on.leak_db is not None:
            damaged = lines.leak(damaged, leak_db=on.leak_db, delay_ms=on.leak_delay_ms)
        if on.noise_snr_db is not None:
            damaged = np.stack(
                [
                    lines.add_noise(channel, own, snr_db=on.noise_snr_db, rng=rng, colour=on.noise)
                    for channel, own in zip(damaged, spans, strict=True)
                ]
            )
        if on.drive_db is not None:
            damaged = lines.overdriven(damaged, drive_db=on.drive_db)
        yield condition, lines.mu_law(damaged)


def measure_real(
    folder: str, conditions: tuple[str, ...], detectors: dict[str, Detector]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Compare each detector on the damaged real call with itself on the undamaged one."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    own: dict[str, dict[str, IntervalArray]] = {}
    warm_up(detectors)
    for condition, samples in real_examples(folder, conditions):
        for name, detect in detectors.items():
            began = time.process_time()
            found: dict[str, IntervalArray] = dict(zip(PARTIES, detect(samples), strict=True))
            spent = time.process_time() - began
            duration_ms = samples.shape[1] * 1000 // RATE_HZ
            own.setdefault(name, found)
            compared = compare_activity(own[name], found, duration_ms=duration_ms)
            rows[condition, name] = figures([compared]) | {
                "cpu_s_per_channel_hour": round(spent / (2 * duration_ms / 3_600_000), 2)
            }
    return rows


COLUMNS = (
    ("speech_recall", "recall", "{:.3f}"),
    ("speech_precision", "precision", "{:.3f}"),
    ("edge_median_ms", "edge ms", "{:.0f}"),
    ("edge_p90_ms", "p90 ms", "{:.0f}"),
    ("edges_missed", "missed", "{:.3f}"),
    ("silence_told", "silence F1", "{}"),
    ("silence_events", "silences", "{}"),
    ("interruption_told", "interruption F1", "{}"),
    ("interruption_events", "interruptions", "{}"),
    ("sounds_called_speech", "tones as speech", "{:.3f}"),
    ("cpu_s_per_channel_hour", "CPU s/h", "{:.2f}"),
)


def table(rows: dict[tuple[str, str], dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    head = ["condition", "detector", *(title for _, title, _ in COLUMNS)]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (condition, name), row in rows.items():
        cells = ["-" if row[key] is None else form.format(row[key]) for key, _, form in COLUMNS]
        out.append("| " + " | ".join([condition, name, *cells]) + " |")
    return "\n".join(out)


def insert(file: Path, name: str, text: str) -> None:
    """Put `text` between the marks of `name` in a page."""
    page = file.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--set", choices=sorted(FIRST_SEEDS), default="reported")
    parser.add_argument("--calls", type=int, default=32)
    parser.add_argument("--conditions", default=",".join(CONDITIONS))
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--json", action="store_true", help="one object per row instead")
    parser.add_argument("--page", metavar="FILE", help="also put the table into this page")
    given = parser.parse_args(arguments)
    conditions = tuple(given.conditions.split(","))
    chosen = {name: DETECTORS[name] for name in given.detectors.split(",")}
    if given.real:
        folder = os.environ.get("SPEECHQA_AUDIO_DIR")
        if not folder:
            raise SystemExit("--real needs SPEECHQA_AUDIO_DIR, the folder of real recordings")
        rows = measure_real(folder, conditions, chosen)
    else:
        rows = measure(examples(given.set, given.calls, conditions), chosen)
    if given.page:
        command = "python -m benchmarks.vad_accuracy " + " ".join(
            part for part in arguments if part not in ("--page", given.page)
        )
        told = f"`{command.strip()}`, {date.today().isoformat()}:\n\n{table(rows)}"
        insert(Path(given.page), "real" if given.real else given.set, told)
    if given.json:
        for (condition, name), row in rows.items():
            print(json.dumps({"condition": condition, "detector": name} | row))
        return
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
