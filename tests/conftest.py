"""Shared fixtures: short real calls, a fast run with the stub recogniser."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AUDIO = ROOT / "fixtures" / "audio"


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch, tmp_path_factory):
    """Keep the developer's own settings out of the tests."""
    import os

    for name in [name for name in os.environ if name.startswith("SPEECHQA_")]:
        if name not in ("SPEECHQA_AUDIO_DIR", "SPEECHQA_DEBUG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))


@pytest.fixture(scope="session")
def calls():
    """Return the paths of the sample calls, in order of name."""
    found = sorted(str(path) for path in AUDIO.glob("*.wav"))
    assert found, "fixtures/audio holds no call"
    return found


@pytest.fixture
def heeds_interrupts():
    """Whatever runs the tests in the background may have them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
