"""The mutation loop at a small size, and that it notices what it is there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz_audio import Tally, drive, fuzz, mutant, verdict


def test_300_mutants_end_prepared_or_refused_and_never_kill_the_parent() -> None:
    tally = fuzz(300, jobs=2)
    assert tally.ran == 300
    assert tally.faults == []


def test_a_negative_length_in_a_header_is_no_length(tmp_path: Path) -> None:
    name, data = mutant(53_788)  # found by the long run: it ended in a ValueError
    path = tmp_path / "mutant.bin"
    path.write_bytes(data)
    assert name == "wma"
    assert not verdict(path).startswith("!")


def test_a_worker_that_dies_is_put_down_to_its_mutant(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, os\n"
        "first = int(sys.argv[2].split(',')[0])\n"
        "for n in range(first, 6):\n"
        "    print(n, 'begins', flush=True)\n"
        "    if n == 3: os.abort()\n"
        "    print(n, 'decoded', flush=True)\n"
    )
    real = subprocess.Popen

    def fake(command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", code, *command[-2:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr("tests.fuzz_audio.subprocess.Popen", fake)
    tally = Tally()
    drive(0, 6, 1, tally)
    assert tally.ran == 6
    assert [fault.split(" (")[0] for fault in tally.faults] == ["mutant 3"]
    assert "died with -6" in tally.faults[0]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_100_000_mutants_end_prepared_or_refused_and_never_kill_the_parent() -> None:
    tally = fuzz(100_000, jobs=2)
    print(f"\n{tally.ran} mutants, {len(tally.faults)} faults: {dict(tally.ends)}")
    assert tally.ran == 100_000
    assert tally.faults == []
