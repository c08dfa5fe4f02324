"""Pictures of calls: files that are pictures, in them what was found."""

import re

import numpy as np
import pytest

from speechqa.errors import UsageError
from speechqa.pipeline import CallFacts
from speechqa.plot import Picture, draw, plot_call
from speechqa.timing import Call, TimingSettings, measure_calls
from speechqa.transcript import Word

AGENT = np.array([[1000, 6000], [12_000, 20_000]])
CUSTOMER = np.array([[4000, 8000], [14_000, 14_600]])
SAID = [
    Word("agent", 1000, 1400, "hello", 0.9),
    Word("customer", 4000, 4300, "listen", 0.9),
    Word("agent", 12_000, 12_400, "您好", 0.9),
]


@pytest.fixture
def picture():
    call = Call(duration_ms=25_000, agent=AGENT, customer=CUSTOMER)
    rng = np.random.default_rng(0)
    return Picture(
        25_000,
        {"agent": AGENT, "customer": CUSTOMER},
        waves={party: rng.random(500) for party in ("agent", "customer")},
        events=measure_calls([call], TimingSettings()).events(0),
        words=SAID,
        title="a <call> & more $x$",
    )


def test_an_svg_names_silences_and_holds_the_words(picture, tmp_path):
    draw(picture, tmp_path / "call.svg")
    text = (tmp_path / "call.svg").read_text()
    shown = re.findall(r">([^<>]+)</text>", text)
    assert "silence 4.0 s" in shown
    assert {"hello", "listen", "agent", "customer", "interruption"} <= set(shown)
    assert [p.name for p in tmp_path.iterdir()] == ["call.svg"]


def test_a_png_is_a_png_with_a_lane_per_party(picture, tmp_path):
    from matplotlib.image import imread

    draw(picture, tmp_path / "call.png")
    pixels = imread(tmp_path / "call.png")
    height, width = pixels.shape[:2]
    assert width > 1500
    blue = np.abs(pixels[..., :3] - np.array([0, 0.447, 0.698])).sum(axis=2) < 0.1
    red = np.abs(pixels[..., :3] - np.array([0.835, 0.369, 0])).sum(axis=2) < 0.1
    legend = height // 4
    assert blue[legend:].sum() > 1000
    assert red[legend:].sum() > 1000


def test_words_are_left_out_of_long_calls(tmp_path):
    long = Picture(4 * 3_600_000, {"mixed": np.array([[0, 60_000]])}, words=SAID)
    assert long.row_ms == 360_000
    draw(Picture(2_400_000, {"agent": AGENT}, words=SAID), tmp_path / "call.svg")
    assert ">hello<" not in (tmp_path / "call.svg").read_text()


def test_another_ending_is_refused_with_those_that_work(picture, tmp_path):
    with pytest.raises(UsageError, match="cannot draw into this kind of file") as error:
        draw(picture, tmp_path / "call.gif")
    assert ".png, .svg" in error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_was_refused_has_nothing_to_draw(tmp_path):
    facts = CallFacts(
        "k", "one", "one.wav", 0, 0, None, "c", status="refused", reason_code="not-audio"
    )
    with pytest.raises(UsageError, match="nothing to draw, the call was refused"):
        plot_call(facts, None, tmp_path / "call.png")


def test_a_stored_call_is_drawn_from_its_peaks(tmp_path):
    facts = CallFacts(
        "k",
        "one",
        "one.wav",
        0,
        0,
        None,
        "c",
        status="scored",
        duration_ms=25_000,
        grade="B",
        speech={"customer": CUSTOMER, "agent": AGENT},
        peaks={"agent": bytes(range(250)) * 2, "customer": bytes(500)},
    )
    plot_call(facts, None, tmp_path / "call.svg")
    text = (tmp_path / "call.svg").read_text()
    assert "one   agent unknown   grade B" in text
    assert text.index(">agent<") < text.index(">customer<")
