"""Made-up conversations as flat columns, by the million, for measuring speed.

The floor passes to and fro with offsets around 300 ms, one talkspurt in eight is a backchannel,
one turn in thirty is preceded by some five seconds of silence; talkspurts last 2 s on average and
carry a word every 380 ms. A tenth to a quarter of the talkspurts overlap.
"""

from __future__ import annotations

import numpy as np

from speechqa.intervals import Ragged
from speechqa.timing import CallBatch, Instants, Layout, Words

TALKSPURTS_PER_CALL = 120
WORD_EVERY_MS = 380


def make_batch(talkspurts: int, *, words: bool, seed: int = 0) -> CallBatch:
    """Return about `talkspurts` talkspurts in calls of 120, with or without words."""
    random = np.random.default_rng(seed)
    calls = max(1, talkspurts // TALKSPURTS_PER_CALL)
    start, end, party = _conversations(calls, random)
    lanes = [_lane(start, end, party == number) for number in range(2)]
    duration = end.max(axis=1) + 500
    phrases = np.sort(random.integers(0, duration[:, None], (calls, 2)), axis=1)
    instants = Instants(np.arange(calls + 1) * 2, phrases.ravel())
    return CallBatch(
        duration=duration,
        layout=np.full(calls, Layout.CHANNELS, dtype=np.int8),
        agent=lanes[0],
        customer=lanes[1],
        hold=Ragged.empty(calls),
        hold_known=np.zeros(calls, dtype=np.bool_),
        answered=np.zeros(calls, dtype=np.int64),
        language=["en"] * calls,
        words=(_words(lanes[0]), _words(lanes[1]))
        if words
        else (Words.empty(calls), Words.empty(calls)),
        transcribed=np.full(calls, words),
        announcements=instants,
        returns=instants,
        level=np.full((calls, 2), -20.0),
        snr=np.full((calls, 2), 30.0),
        clipped=np.zeros((calls, 2)),
        raised=(Ragged.empty(calls), Ragged.empty(calls)),
        listened=np.ones((calls, 2), dtype=np.bool_),
        grade=np.ones(calls, dtype=np.int8),
    )


def _conversations(calls, random):
    shape = (calls, TALKSPURTS_PER_CALL)
    length = random.gamma(1.6, 1200, shape).astype(np.int64) + 150
    offset = random.normal(300, 500, shape).astype(np.int64)
    offset[random.random(shape) < 1 / 30] += 5000
    listening = random.random(shape) < 1 / 8
    keeps = random.random(shape) < 0.35
    start, end = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    party = np.zeros(shape, dtype=np.int64)
    until = np.zeros((calls, 2), dtype=np.int64)
    holder, row = np.zeros(calls, dtype=np.int64), np.arange(calls)
    for place in range(TALKSPURTS_PER_CALL):
        holder = np.where(keeps[:, place], holder, 1 - holder)
        own, other = until[row, holder], until[row, 1 - holder]
        speak = np.maximum(np.maximum(own, other) + offset[:, place], own + 200)
        short = listening[:, place]
        begin = np.where(short, np.maximum(other - 1200, own + 200), speak)
        finish = begin + np.where(short, 300, length[:, place])
        start[:, place], end[:, place], party[:, place] = begin, finish, holder
        until[row, holder] = finish
    return start, end, party


def _lane(start, end, mine):
    offsets = np.concatenate([[0], np.cumsum(mine.sum(axis=1))])
    return Ragged.from_spans(offsets, np.stack([start[mine], end[mine]], axis=1))


def _words(lane):
    count = np.maximum((lane.end - lane.start) // WORD_EVERY_MS, 1)
    first = np.repeat(np.cumsum(count) - count, count)
    start = np.repeat(lane.start, count) + (np.arange(len(first)) - first) * WORD_EVERY_MS
    before = np.concatenate([[0], np.cumsum(count)])
    return Words(before[lane.offsets], start, start + 300, np.ones(len(start), dtype=np.int64))
