"""Which stored calls a few rules may say anything new about, told for a whole block at once.

Most rules are about words that were not said: on such calls their answer is known beforehand
(`speechqa.rulebook.dormant`). What each party said is laid out as text for all calls of a block
together, each distinct word normalised once, as `speechqa.phrases.Stream` lays it out call by call;
one automaton over that text tells the calls in which a literal of the rules occurs, and the
patterns are run on those. Only calls in which one matches are judged. The sieve may keep a call
too many, never lose one: exceptions and scope are not seen here, and a call with anything out of
the ordinary (flags, damage, swapped channels, an unheard party) is always kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from speechqa.phrases import Lexicon
from speechqa.phrases.normalise import join, tokens
from speechqa.phrases.stream import PASSAGE_PAUSE_MS, UTTERANCE_PAUSE_MS
from speechqa.rulebook import Rulebook, RuleResult
from speechqa.rulebook.compiled import Plan

Answers = tuple[RuleResult, ...]
_APART_MS = 1 << 40

DOUBTED = ("", "low-confidence")
"""Flags of the words that rules see, and of those that only cast doubt."""


@dataclass(frozen=True)
class Ready:
    """While no list of `lists` may be heard from its party, these are the answers."""

    answers: Answers
    lists: tuple[tuple[str, frozenset[int]], ...]


class Sieve:
    """The sieve of one rulebook, usually a part of one.

    Parameters
    ----------
    book
        Its rules are asked about.
    """

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self._ready: dict[tuple[str, str], Ready | None] = {}

    def answers(self, block: pa.Table) -> list[Answers | None]:
        """Return each call's answers where they are known without judging, else None.

        Parameters
        ----------
        block
            Rows of ``recordings``.
        """
        known: list[Answers | None] = [None] * len(block)
        ordinary = _ordinary(block)
        places: dict[tuple[str, str], list[int]] = {}
        rows = zip(block["language"].to_pylist(), block["grade"].to_pylist(), strict=True)
        for place, (lang, grade) in enumerate(rows):
            if ordinary[place]:
                places.setdefault((lang or "", grade), []).append(place)
        for (lang, grade), among in places.items():
            ready = self._of(lang, grade)
            if ready is None:
                continue
            quiet = np.ones(len(among), dtype=np.bool_)
            words = _Words(block.take(among), lang) if ready.lists else None
            lexicon = self.book.compiled.language(lang).lexicon
            for party, lists in ready.lists:
                assert words is not None
                quiet &= words.quiet(party, lists, lexicon)
            for place, silent in zip(among, quiet, strict=True):
                if silent:
                    known[place] = ready.answers
        return known

    def _of(self, lang: str, grade: str) -> Ready | None:
        key = (lang, grade)
        if key not in self._ready:
            plan = self.book.compiled.plan(lang, grade)
            self._ready[key] = _ready(plan)
        return self._ready[key]


def _ready(plan: Plan) -> Ready | None:
    answers: list[RuleResult] = []
    lists: dict[str, set[int]] = {party: set() for party in plan.parties}
    for (_, judge, fixed), dormant in zip(plan.steps, plan.dormant, strict=True):
        if judge is None:
            assert fixed is not None
            answers.append(fixed)
        elif dormant is None:
            return None
        else:
            answers.append(dormant.answer)
            for party, keys in dormant.lists:
                lists[party] |= keys
    return Ready(tuple(answers), tuple((party, frozenset(k)) for party, k in lists.items()))


def _ordinary(block: pa.Table) -> NDArray[np.bool_]:
    """Return which calls hold nothing that could turn an answer into another one."""
    flags = pc.fill_null(pc.list_value_length(block["flags"]), 0)
    odd = pc.or_(
        pc.greater(flags, 0),
        pc.or_(
            pc.match_substring(block["damage"], "lost_ms"),
            pc.match_substring(block["checks"], "swapped-parties"),
        ),
    )
    return ~np.asarray(pc.fill_null(odd, True), dtype=np.bool_)


class _Words:
    """The words of some calls of one language, as flat columns."""

    def __init__(self, calls: pa.Table, lang: str) -> None:
        self.lang = lang
        self.count = len(calls)
        column = calls["words"].combine_chunks()
        flat = column.flatten()
        lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0))
        self.row = np.repeat(np.arange(self.count), lengths)
        self.start = np.asarray(flat.field("start_ms"))
        self.end = np.asarray(flat.field("end_ms"))
        self.party = flat.field("party")
        self.flag = flat.field("flag")
        coded = flat.field("text").dictionary_encode()
        self.code = np.asarray(coded.indices).astype(np.int64)
        self.vocabulary = [tokens(text, lang) for text in coded.dictionary.to_pylist()]
        self.says = np.array([bool(parts) for parts in self.vocabulary], dtype=np.bool_)
        spelt = [join(parts, lang) for parts in self.vocabulary]
        glue = join(("", ""), lang)
        lead = ("", glue, "\n")  # first in the call, within a line, first in a line
        self.spelt = pa.array([before + word for before in lead for word in spelt], pa.binary())

    def quiet(self, party: str, lists: frozenset[int], lexicon: Lexicon) -> NDArray[np.bool_]:
        """Return the calls in which `party` was heard and can have said nothing of `lists`."""
        own = np.asarray(pc.equal(self.party, party), dtype=np.bool_)
        doubts = np.asarray(pc.is_in(self.flag, pa.array(DOUBTED)), dtype=np.bool_)
        trusted = np.asarray(pc.equal(self.flag, ""), dtype=np.bool_)
        if len(self.code):
            own &= self.says[self.code]
        quiet = self._any(own & trusted) & self._in_order(own & doubts)
        loud = self._openings(lexicon)
        if loud is not None and len(self.code):
            quiet &= ~self._any(own & doubts & loud[self.code])
        quiet[list(self._loud(own & trusted, quiet, lists, lexicon))] = False
        if not np.array_equal(doubts, trusted):
            doubtful = quiet & self._any(own & doubts & ~trusted)
            quiet[list(self._loud(own & doubts, doubtful, lists, lexicon))] = False
        return quiet

    def _any(self, words: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.bincount(self.row[words], minlength=self.count) > 0
        return found

    def _in_order(self, words: NDArray[np.bool_]) -> NDArray[np.bool_]:
        row, start = self.row[words], self.start[words]
        back = (np.diff(start) < 0) & (np.diff(row) == 0)
        kept: NDArray[np.bool_] = np.bincount(row[1:][back], minlength=self.count) == 0
        return kept

    def _openings(self, lexicon: Lexicon) -> NDArray[np.bool_] | None:
        """Return which words of the vocabulary may open something that is no pattern."""
        if not lexicon.has_openings:
            return None
        return np.array(
            [any(map(lexicon.may_open, parts)) for parts in self.vocabulary], dtype=np.bool_
        )

    def _loud(
        self,
        words: NDArray[np.bool_],
        among: NDArray[np.bool_],
        lists: frozenset[int],
        lexicon: Lexicon,
    ) -> Iterator[int]:
        """Yield the calls of `among` in which a pattern of `lists` matches."""
        words = words & among[self.row]
        row = self.row[words]
        if not len(row):
            return
        passages = self._texts(words, PASSAGE_PAUSE_MS + 1)
        utterances = self._texts(words, UTTERANCE_PAUSE_MS)
        places = row[np.flatnonzero(np.diff(row, prepend=-1))].tolist()
        for place, passage, utterance in zip(places, passages, utterances, strict=True):
            if lexicon.matches(lists, passage, utterance):
                yield place

    def _texts(self, words: NDArray[np.bool_], pause_ms: int) -> list[bytes]:
        """Return what was said in each call that has such words, pauses as ends of lines."""
        row = self.row[words]
        first = np.diff(row, prepend=-1) != 0
        # Calls far apart on one axis, so that one sweep finds the latest end before each word.
        offset = row.astype(np.int64) * _APART_MS
        latest = np.maximum.accumulate(self.end[words] + offset)
        pause = self.start[words] + offset - np.roll(latest, 1)
        kind = np.where(first, 0, np.where(pause >= pause_ms, 2, 1))
        pieces = self.spelt.take(pa.array(self.code[words] + kind * len(self.vocabulary)))
        edges = [*np.flatnonzero(first).tolist(), len(row)]
        lines = pa.ListArray.from_arrays(pa.array(edges, pa.int32()), pieces)
        texts: list[bytes] = pc.binary_join(lines, b"").to_pylist()
        return texts
