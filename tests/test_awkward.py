"""A folder of awkward recordings through a whole run, and false alarms over its clean ones.

Needs a folder with ``awkward/`` and ``conversations/`` in SPEECHQA_AUDIO_DIR.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from speechqa.audio import read_recording
from speechqa.errors import CallError
from speechqa.settings import AudioSettings
from tests.conftest import ROOT

REAL = os.environ.get("SPEECHQA_AUDIO_DIR")
FEWEST_CLEAN = 87
CLEAN = (
    "conversations/*.wav",
    "conversations/*.flac",
    "conversations/*.mp3",
    "awkward/wavefile/valid__*.wav",
    "awkward/hound/pcmwaveformat-*.wav",
    "awkward/hound/waveformatex*.wav",
    "awkward/auditok/*.flac",
    "awkward/auditok/*.mp3",
    "awkward/auditok/*.ogg",
    "awkward/auditok/*.wav",
)
"""Whole recordings in unusual forms: nothing of their audio is missing."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not REAL, reason="SPEECHQA_AUDIO_DIR names no folder of recordings"),
]


def speechqa(*arguments):
    command = [sys.executable, "-m", "speechqa.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_awkward_file_ends_with_a_status_and_a_reason(tmp_path):
    shutil.copytree(Path(REAL or "", "awkward"), tmp_path / "in")
    done = speechqa("run", tmp_path / "in", "--store", tmp_path / "store")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    told = json.loads(speechqa("status", "--json", "--store", tmp_path / "store").stdout)
    files = sum(len(names) for _, _, names in os.walk(tmp_path / "in"))
    run = told["last_run"]
    print(f"\n{files} files: {run['counts']}, {len(run['passed_over'])} passed over")
    codes = Counter((row["status"], row["reason_code"]) for row in told["troubled"])
    for (status, code), count in codes.most_common():
        print(f"{count:6d} {status} {code}")
    assert files == run["found"] + len(run["passed_over"])
    assert run["found"] == sum(run["counts"].values())
    assert run["counts"]["pending"] == run["counts"]["quarantined"] == 0
    assert all(row["reason"] for row in run["passed_over"])
    assert all(code for _, code in codes)
    assert speechqa("store", "check", "--store", tmp_path / "store").returncode == 0


def test_at_most_one_clean_recording_in_87_raises_a_false_alarm():
    folder = Path(REAL or "")
    files = sorted({file for pattern in CLEAN for file in folder.glob(pattern)})
    alarms, refused = [], []
    for file in files:
        damage = _damage(file, refused)
        alarms += [f"{file.name}: {item.kind}: {item.detail}" for item in damage]
    read = len(files) - len(refused)
    print(f"\n{read} clean recordings: {len(alarms)} false alarms {alarms}; not read: {refused}")
    assert read >= FEWEST_CLEAN
    assert len(alarms) * FEWEST_CLEAN <= read


def _damage(file, refused):
    """Return the damage named in a file, of which two channels are read if it has more."""
    for channels in ((), (0, 1)):
        try:
            return read_recording(file, AudioSettings(min_duration_ms=0, channels=channels)).damage
        except CallError as error:
            if error.reason_code != "too-many-channels":
                refused.append(f"{file.name} {error.reason_code}")
                return ()
    return ()
