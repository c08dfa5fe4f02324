"""From heard windows to a channel's words: places, voice, flags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechqa.asr.flags import VOICE_TOLERANCE_MS, implausible, loops, without_voice
from speechqa.asr.interface import HeardWord, SpeechJob
from speechqa.asr.packing import Window
from speechqa.asr.words import HeardWindow, channel_transcript, trim_to_voice, untold_share

intervals = st.lists(
    st.tuples(st.integers(1, 900), st.integers(1, 900)), min_size=0, max_size=12
).map(
    lambda steps: np.array(
        [
            (edge - length, edge)
            for edge, length in zip(
                np.cumsum([a + b for a, b in steps]).tolist(), [b for _, b in steps], strict=True
            )
        ],
        np.int64,
    ).reshape(-1, 2)
)
word_lists = st.lists(
    st.tuples(st.integers(0, 9000), st.integers(1, 1500)), min_size=1, max_size=10
).map(lambda words: np.array([(a, a + b) for a, b in words], np.int64))


@given(word_lists, intervals)
def test_words_are_without_voice_as_by_asking_each_interval(words, speech):
    expected = [
        not any(
            a - VOICE_TOLERANCE_MS < end and start < b + VOICE_TOLERANCE_MS
            for a, b in speech.tolist()
        )
        for start, end in words.tolist()
    ]
    assert without_voice(words, speech).tolist() == expected


@given(word_lists, intervals)
def test_trimming_only_ever_shortens_and_keeps_a_word_on_voice(words, speech):
    trimmed = trim_to_voice(words, speech)
    for (start, end), (new_start, new_end) in zip(words.tolist(), trimmed.tolist(), strict=True):
        assert start <= new_start < new_end <= end
        touched = [(a, b) for a, b in speech.tolist() if a < end and start < b]
        if touched:
            assert any(a <= new_start < b for a, b in touched)
            assert any(a < new_end <= b for a, b in touched)
        else:
            assert (new_start, new_end) == (start, end)


@pytest.mark.parametrize(
    ("said", "marked"),
    [
        ("no no no no I said no", 0),
        ("zero zero zero zero zero one", 0),
        ("the the the the the the the the", 7),
        ("i am sorry i am sorry we will look", 0),
        ("we will we will we will we will see", 6),
        ("please hold the line please hold the line please hold the line now", 8),
        ("", 0),
    ],
)
def test_only_what_people_do_not_say_is_a_loop(said, marked):
    assert int(loops(said.split()).sum()) == marked


def test_a_loop_is_found_whatever_its_case_and_punctuation():
    assert loops(["Thank", "you."] * 2 + ["thank", "you,"] * 2).sum() == 6


def test_a_long_word_and_a_heap_of_words_are_not_believed():
    words = np.array([[0, 2600], [3000, 3300], *[[5000, 5020]] * 4, [6000, 6300]])
    assert implausible(words).tolist() == [True, False, True, True, True, True, False]


def window_at(*pieces: tuple[int, int, int]) -> Window:
    return Window(*(np.array(column, np.int64) for column in zip(*pieces, strict=True)))


def heard(window, words, flag="") -> HeardWindow:
    return HeardWindow(
        window=window,
        texts=[text for text, *_ in words],
        times_ms=np.array([(a, b) for _, a, b, *_ in words], np.int64).reshape(-1, 2),
        probabilities=np.array([p for *_, p in words], np.float64),
        flag=flag,
    )


def transcript_of(windows, speech, **changes):
    speech = np.array(speech, np.int64).reshape(-1, 2)
    job = SpeechJob("a", np.zeros(0), 8000, speech, speech)
    given = {
        "language": "en",
        "language_probability": 0.99,
        "low_confidence": 0.3,
        "uncertain_language": 0.7,
        "window_ms": 30_000,
    } | changes
    return channel_transcript(job, windows, **given)


def test_each_word_comes_back_to_the_piece_it_was_heard_in():
    window = window_at((0, 10_000, 1000), (1300, 40_000, 1000))
    said = [("hello", 100, 600, 0.9), ("there", 900, 1250, 0.9), ("sir", 1250, 1900, 0.9)]
    out = transcript_of([heard(window, said)], [[10_000, 11_000], [40_000, 41_000]])
    places = [(w.text, w.start_ms, w.end_ms) for w in out.words]
    assert places == [
        ("hello", 10_100, 10_600),
        ("there", 10_900, 11_000),
        ("sir", 40_000, 40_600),
    ]


def test_a_word_past_the_end_of_its_piece_stays_in_the_piece():
    window = window_at((0, 10_000, 1000), (1300, 40_000, 1000))
    said = [("hello", 1020, 1100, 0.9), ("sir", 2300, 2400, 0.9)]
    out = transcript_of([heard(window, said)], [[10_000, 11_000], [40_000, 41_000]])
    assert [(w.start_ms, w.end_ms) for w in out.words] == [(10_980, 11_000), (40_980, 41_000)]


def test_words_are_in_order_of_time_whatever_the_order_of_windows():
    late, early = window_at((0, 5000, 1000)), window_at((0, 1000, 1000))
    out = transcript_of(
        [heard(late, [("b", 0, 500, 0.9)]), heard(early, [("a", 0, 500, 0.9)])],
        [[1000, 2000], [5000, 6000]],
    )
    assert [w.text for w in out.words] == ["a", "b"]


def test_a_word_with_no_voice_under_it_is_flagged():
    window = window_at((0, 0, 4000))
    said = [("hello", 100, 600, 0.9), ("watching", 3000, 3500, 0.99)]
    out = transcript_of([heard(window, said)], [[0, 1000]])
    assert [w.flag for w in out.words] == ["", "no-speech"]
    assert "no-speech" in out.flags


def test_an_unsure_word_is_flagged_and_a_channel_of_them_too():
    window = window_at((0, 0, 4000))
    said = [(str(n), 500 * n, 500 * n + 400, 0.1 + 0.1 * n) for n in range(6)]
    out = transcript_of([heard(window, said)], [[0, 4000]])
    assert [w.flag for w in out.words] == ["low-confidence"] * 2 + [""] * 4
    assert "low-confidence" in out.flags


def test_all_words_of_a_window_that_failed_carry_its_flag():
    window = window_at((0, 0, 4000))
    said = [("a", 0, 400, 0.9), ("b", 500, 900, 0.9)]
    out = transcript_of([heard(window, said, flag="loop")], [[0, 4000]])
    assert {w.flag for w in out.words} == {"loop"}


def test_a_loop_across_windows_is_seen():
    windows = [
        heard(
            window_at((0, 5000 * n, 4000)),
            [("bye", 0, 400, 0.9), ("now", 500, 900, 0.9)],
        )
        for n in range(5)
    ]
    out = transcript_of(windows, [[5000 * n, 5000 * n + 4000] for n in range(5)])
    assert [w.flag for w in out.words].count("loop") == 8


def test_an_uncertain_language_is_flagged_and_a_given_one_is_not():
    window = window_at((0, 0, 1000))
    said = [heard(window, [("yes", 0, 900, 0.9)])]
    assert "uncertain-language" in transcript_of(said, [[0, 1000]], language_probability=0.69).flags
    assert transcript_of(said, [[0, 1000]], language_probability=1.0).flags == ()


def test_speech_without_text_is_flagged():
    window = window_at((0, 0, 4000))
    out = transcript_of([heard(window, [("hello", 0, 500, 0.9)])], [[0, 1000], [2000, 3000]])
    assert out.flags == ("speech-without-text",)


@pytest.mark.parametrize(("end_ms", "flags"), [(8500, ()), (8499, ("speech-without-text",))])
def test_up_to_a_tenth_of_speech_may_be_without_text(end_ms, flags):
    """The last word reaches 500 ms further: 1,000 ms of 10 s are left, or 1,001."""
    said = [(f"w{n}", 1000 * n, 1000 * n + 1000, 0.9) for n in range(8)]
    said.append(("last", 8000, end_ms, 0.9))
    out = transcript_of([heard(window_at((0, 0, 10_000)), said)], [[0, 10_000]])
    assert out.flags == flags


@given(intervals, st.lists(st.tuples(st.integers(0, 9000), st.integers(20, 900), st.booleans())))
def test_the_untold_share_is_that_of_a_ruler_of_milliseconds(speech, words):
    said = [HeardWord(a, a + b, "x", 0.9, "" if good else "loop") for a, b, good in words]
    ruler = np.zeros(30_000, np.bool_)
    for start, end in speech.tolist():
        ruler[start:end] = True
    total = ruler.sum()
    for word in said:
        if not word.flag:
            ruler[max(0, word.start_ms - 500) : word.end_ms + 500] = False
    expected = ruler.sum() / total if total else 0.0
    assert untold_share(speech, said) == pytest.approx(expected)


def test_no_speech_gives_no_words_no_language_and_no_flag():
    out = transcript_of([], [], language=None, language_probability=None, window_ms=0)
    assert (out.words, out.language, out.flags, out.windows) == ((), None, (), 0)
