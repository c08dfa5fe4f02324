"""Packing of speech into windows, and the way back to the channel's clock."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.asr.interface import SpeechJob
from speechqa.asr.models import ModelCard
from speechqa.asr.packing import fill, pack, split_long
from speechqa.asr.windowing import Windowing, batches, pools, spoken
from speechqa.settings import AsrSettings

GAP = 300
WINDOW = 10_000
SOUND = np.random.default_rng(0).normal(0, 0.1, 8 * 500_000).astype(np.float32)
SOUND *= np.repeat(np.random.default_rng(1).uniform(0.05, 1, 10_000), 400).astype(np.float32)
"""Noise whose level jumps every 50 ms as a voice's does."""


@st.composite
def span_sets(draw: st.DrawFn, longest: int = WINDOW) -> np.ndarray:
    lengths = draw(st.lists(st.integers(20, longest), min_size=1, max_size=30))
    pauses = draw(st.lists(st.integers(1, 4000), min_size=len(lengths), max_size=len(lengths)))
    ends = np.cumsum(np.array(lengths) + np.array(pauses))
    return np.stack([ends - np.array(lengths), ends], axis=1).astype(np.int64)


def slow_to_source(window, start: int, end: int) -> tuple[int, int]:
    """Find the nearest piece by looking at each, and clamp to it."""
    pieces = list(np.stack([window.packed_ms, window.source_ms, window.length_ms], axis=1).tolist())
    middle = (start + end) / 2

    def distance(piece):
        return max(piece[0] - middle, middle - piece[0] - piece[2], 0)

    # Of two pieces equally near, the later: a border belongs to what follows it.
    packed, source, length = min(reversed(pieces), key=distance)
    low, high = (min(max(edge - packed, 0), length) + source for edge in (start, end))
    return low, high


@given(span_sets())
def test_no_speech_is_lost_repeated_or_moved_out_of_order(spans):
    windows = pack(spans, window_ms=WINDOW, gap_ms=GAP)
    starts = np.concatenate([w.source_ms for w in windows])
    lengths = np.concatenate([w.length_ms for w in windows])
    assert np.stack([starts, starts + lengths], axis=1).tolist() == spans.tolist()


@given(span_sets(), st.integers(0, 4))
def test_a_window_holds_at_most_its_length_and_its_pieces(spans, most):
    for window in pack(spans, window_ms=WINDOW, gap_ms=GAP, max_pieces=most):
        assert window.end_ms <= WINDOW
        assert most == 0 or len(window.packed_ms) <= most
        gaps = window.packed_ms[1:] - (window.packed_ms + window.length_ms)[:-1]
        assert (gaps == GAP).all()


@given(span_sets())
def test_no_packing_in_order_of_time_needs_fewer_windows(spans):
    lengths = (spans[:, 1] - spans[:, 0]).tolist()
    fewest = [0] + [len(lengths)] * len(lengths)
    for last in range(1, len(lengths) + 1):
        for first in range(last):
            together = sum(lengths[first:last]) + GAP * (last - first - 1)
            if together <= WINDOW:
                fewest[last] = min(fewest[last], fewest[first] + 1)
    assert len(pack(spans, window_ms=WINDOW, gap_ms=GAP)) == fewest[-1]


@given(span_sets(), st.data())
def test_times_are_mapped_as_by_looking_at_each_piece(spans, data):
    for window in pack(spans, window_ms=WINDOW, gap_ms=GAP):
        start = data.draw(st.integers(0, window.end_ms))
        end = data.draw(st.integers(start, window.end_ms))
        mapped = window.to_source(np.array([[start, end]]))[0]
        assert tuple(mapped.tolist()) == slow_to_source(window, start, end)


@given(span_sets())
def test_times_inside_a_piece_come_back_exactly(spans):
    for window in pack(spans, window_ms=WINDOW, gap_ms=GAP):
        heard = np.stack([window.packed_ms, window.packed_ms + window.length_ms], axis=1)
        source = np.stack([window.source_ms, window.source_ms + window.length_ms], axis=1)
        assert window.to_source(heard).tolist() == source.tolist()


@st.composite
def talk(draw: st.DrawFn, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return spans no longer than a window, and the speech inside them with its pauses."""
    spans, speech, at = [], [], 0
    for _ in range(draw(st.integers(1, most))):
        at += draw(st.integers(0, 1500))
        start = at
        for _ in range(draw(st.integers(1, 3))):
            length, pause = draw(st.integers(300, 2500)), draw(st.integers(200, 700))
            speech.append((at + 100, at + 100 + length))
            at += length + pause
        spans.append((start, at))
    return np.array(spans, np.int64), np.array(speech, np.int64)


def covered(intervals) -> list[list[int]]:
    """Return intervals in order with those that touch joined."""
    out: list[list[int]] = []
    for start, end in intervals:
        if out and out[-1][1] == start:
            out[-1][1] = end
        else:
            out.append([start, end])
    return out


def slow_fill(spans, speech) -> tuple[int, int, int]:
    """Try every set of borders; return windows, cuts, and less of pause cut, of the best."""
    atoms, pauses = [], []
    for start, end in spans.tolist():
        inner = [
            ((a[1] + b[0]) // 2, b[0] - a[1])
            for a, b in itertools.pairwise(speech.tolist())
            if start < (a[1] + b[0]) // 2 < end
        ]
        edges = [start, *(place for place, _ in inner), end]
        touches = bool(atoms) and atoms[-1][1] == start
        pauses += [0 if touches else -1, *(pause for _, pause in inner)]
        atoms += list(itertools.pairwise(edges))
    best = (len(atoms) + 1, 0, 0)
    for chosen in itertools.product([False, True], repeat=len(atoms) - 1):
        borders = [0, *(n for n, here in enumerate(chosen, 1) if here), len(atoms)]
        groups = [covered(atoms[a:b]) for a, b in itertools.pairwise(borders)]
        lengths = [sum(b - a for a, b in group) + GAP * (len(group) - 1) for group in groups]
        if max(lengths) <= WINDOW:
            cuts = [pauses[n] for n in borders[1:-1] if pauses[n] >= 0]
            best = min(best, (len(groups), len(cuts), -sum(cuts)))
    return best


@given(talk(most=3))
def test_windows_are_filled_as_by_trying_every_border(made):
    spans, speech = made
    windows = fill(spans, speech, window_ms=WINDOW, gap_ms=GAP)
    ends = [int(w.source_ms[-1] + w.length_ms[-1]) for w in windows]
    pauses = dict(
        zip(
            ((speech[:-1, 1] + speech[1:, 0]) // 2).tolist(),
            (speech[1:, 0] - speech[:-1, 1]).tolist(),
            strict=True,
        )
    )
    inside = [end for end in ends[:-1] if ((spans[:, 0] < end) & (end < spans[:, 1])).any()]
    touching = [e for e in ends[:-1] if e in spans[:, 0] and e in spans[:, 1]]
    cuts = [pauses[end] for end in inside] + [0 for _ in touching]
    assert (len(windows), len(cuts), -sum(cuts)) == slow_fill(spans, speech)


@given(talk(most=12))
def test_filling_windows_keeps_all_speech_in_order_and_within_the_window(made):
    spans, speech = made
    windows = fill(spans, speech, window_ms=WINDOW, gap_ms=GAP)
    pieces = [
        (start, start + length)
        for w in windows
        for start, length in zip(w.source_ms.tolist(), w.length_ms.tolist(), strict=True)
    ]
    assert covered(pieces) == covered(spans.tolist())
    assert max(w.end_ms for w in windows) <= WINDOW
    for w in windows:
        assert (w.packed_ms[1:] - (w.packed_ms + w.length_ms)[:-1] == GAP).all()
        assert (w.source_ms[1:] > (w.source_ms + w.length_ms)[:-1]).all()  # one piece where whole
    assert len(windows) <= len(pack(spans, window_ms=WINDOW, gap_ms=GAP))


def test_a_pause_shorter_than_the_gap_is_sent_as_it_is():
    spans = [[0, 3000], [3250, 5000], [5400, 6000]]
    (window,) = Windowing.of(ModelCard(), AsrSettings()).windows(job_of(spans))
    assert window.source_ms.tolist() == [0, 5400]
    assert window.length_ms.tolist() == [5000, 600]
    one = Windowing.of(ModelCard(max_pieces=1), AsrSettings()).windows(job_of(spans))
    assert [w.source_ms.tolist() for w in one] == [[0], [3250], [5400]]


@given(span_sets(longest=95_000), span_sets(longest=3000))
@settings(max_examples=60)
def test_long_spans_are_cut_into_as_few_pieces_as_fit(spans, speech):
    pieces = split_long(spans, speech, window_ms=WINDOW, quietest=lambda low, high: low)
    lengths = pieces[:, 1] - pieces[:, 0]
    assert (lengths > 0).all()
    assert (lengths <= WINDOW).all()
    assert len(pieces) == int(np.ceil((spans[:, 1] - spans[:, 0]) / WINDOW).sum())
    covered = np.zeros(int(spans[-1, 1]) + 1, np.int8)
    for start, end in pieces.tolist():
        covered[start:end] += 1
    for start, end in spans.tolist():
        assert (covered[start:end] == 1).all()
    assert covered.sum() == (spans[:, 1] - spans[:, 0]).sum()


def test_a_long_span_is_cut_in_its_longest_pause():
    speech = np.array([[0, 7000], [7100, 8000], [8600, 15_000]])
    pieces = split_long(np.array([[0, 15_000]]), speech, window_ms=WINDOW, quietest=min)
    assert pieces.tolist() == [[0, 8300], [8300, 15_000]]


def test_a_long_span_without_a_pause_is_cut_where_it_is_quietest():
    rate = 8000
    audio = SOUND[: 15 * rate].copy()
    audio[8 * rate : 8 * rate + 1600] *= 0.01
    spans = np.array([[0, 15_000]])
    job = SpeechJob("a", audio, rate, spans, spans)
    windows = Windowing.of(ModelCard(max_window_s=10), AsrSettings()).windows(job)
    assert [len(w.source_ms) for w in windows] == [1, 1]
    assert 8000 <= windows[1].source_ms[0] <= 8200


def job_of(spans, key="a", call="", speech=None) -> SpeechJob:
    spans = np.array(spans).reshape(-1, 2)
    end = int(spans[-1, 1]) if len(spans) else 1000
    speech = spans if speech is None else np.array(speech).reshape(-1, 2)
    return SpeechJob(key, SOUND[: end * 8], 8000, spans, speech, call=call)


def test_spans_without_voice_activity_are_not_sent():
    job = job_of([[0, 1000], [2000, 3000], [4000, 5000]], speech=[[2400, 2600], [5000, 5100]])
    assert spoken(job).tolist() == [[2000, 3000]]


def test_spans_beyond_the_end_of_the_samples_are_cut():
    job = SpeechJob("a", np.zeros(8000), 8000, np.array([[500, 1400]]), np.array([[600, 1400]]))
    assert spoken(job).tolist() == [[500, 1000]]


def test_a_stock_model_gets_exact_windows_of_thirty_seconds():
    windowing = Windowing.of(ModelCard(), AsrSettings())
    assert {windowing.frames(end) for end in (100, 5000, 29_999, 30_000)} == {3000}


def test_a_stock_model_keeps_spare_room_when_the_user_asks_for_buckets():
    windowing = Windowing.of(ModelCard(), AsrSettings(window="buckets"))
    assert windowing.frames(5000) * 10 >= 5000 + 2560
    assert windowing.frames(29_000) == 3000


def test_a_model_made_for_short_windows_gets_buckets_that_hold_the_speech():
    windowing = Windowing.of(ModelCard(short_windows=True, max_window_s=10), AsrSettings())
    for end in range(100, 10_001, 50):
        assert end <= windowing.frames(end) * 10 <= 10_000


@given(span_sets(), st.integers(1, 16), st.integers(1, 4))
def test_each_window_is_in_one_batch_of_its_own_length(spans, most, workers):
    windowing = Windowing.of(ModelCard(short_windows=True, max_window_s=10), AsrSettings())
    items = windowing.items([job_of(spans), job_of(spans, key="b")])
    cut = batches(items, most=most, workers=workers)
    assert sorted(item.place for batch in cut for item in batch) == list(range(len(items)))
    for batch in cut:
        assert len(batch) <= most
        assert len({item.frames for item in batch}) == 1
        lengths = [item.window.speech_ms for item in batch]
        assert lengths == sorted(lengths, reverse=True)


@given(st.lists(st.tuples(st.integers(20, 5000), st.sampled_from("abc")), max_size=20))
def test_pools_keep_the_order_and_a_calls_channels_together(channels):
    jobs = [job_of([[0, length]], key=str(n), call=c) for n, (length, c) in enumerate(channels)]
    cut = list(pools(jobs, 6000))
    assert [job.key for pool in cut for job in pool] == [job.key for job in jobs]
    for before, after in itertools.pairwise(cut):
        assert before[-1].call != after[0].call


def test_an_empty_channel_has_no_windows():
    windowing = Windowing.of(ModelCard(), AsrSettings())
    assert windowing.items([job_of([])]) == []


@pytest.mark.parametrize("spans", [[[0, 10]], [[0, 1]]])
def test_the_shortest_speech_still_makes_a_window(spans):
    windowing = Windowing.of(ModelCard(short_windows=True, max_window_s=10), AsrSettings())
    assert [item.frames for item in windowing.items([job_of(spans)])] == [200]
