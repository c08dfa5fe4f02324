"""Where the agent announces a wait, and where he or she comes back from one.

Timing needs these instants to know an announced silence and to infer a hold; they are found in
the transcript with ordinary word lists. The lists are part of the definition of ``announced`` in
the measures, not of any rulebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from speechqa.phrases.heard import Heard
from speechqa.phrases.lexicon import Lexicon, WordList
from speechqa.transcript import Word

WAIT = {
    "en": WordList(
        phrases=(
            "(one|a) moment",
            "just a moment",
            "one moment please",
            "(one|a|just a) second",
            "(one|a|just a) minute",
            "(one|a|just a) sec",
            "bear with me",
            "hold on",
            "hold the line",
            "please hold",
            "put you on hold",
            "place you on hold",
            "on a brief hold",
            "let me check",
            "let me have a look",
            "let me take a look",
            "let me look",
            "while i check",
            "while i look",
            "give me a (moment|second|minute)",
            "i will just check",
            "i'll just check",
            "i'll check",
            "stay on the line",
            "don't hang up",
            "if you could hold",
            "can you hold",
            "could you hold",
            "would you hold",
            "would you mind holding",
            "this may take",
            "won't be a moment",
        )
    ),
    "zh": WordList(
        regex=(
            "(请|麻烦)?(您|你)?(稍等|稍候|稍后|等一下|等一会|等一等|等片刻|别挂)",
            "(我|帮您|给您|为您)(先|来)?(查一下|看一下|核实一下|查询一下|确认一下|查查|看看)",
            "不要挂(断|机|电话)",
        )
    ),
}
BACK = {
    "en": WordList(
        phrases=(
            "thank you for (holding|waiting|your patience)",
            "thanks for (holding|waiting)",
            "thanks for your patience",
            "thank you for bearing with me",
            "thanks for bearing with me",
            "sorry to keep you",
            "sorry for keeping you",
            "sorry for the wait",
            "sorry about the wait",
            "sorry for the delay",
            "i'm back",
            "are you still there",
        )
    ),
    "zh": WordList(
        regex=(
            "(感谢|谢谢)(您|你)?的?(耐心)?(等待|等候)",
            "让(您|你)久等",
            "(抱歉|对不起|不好意思)久等",
            "久等了",
            "(您|你)还在(线|吗)",
        )
    ),
}
"""Word lists per language; a language without one announces nothing."""


@dataclass(frozen=True)
class Announcements:
    """Instants of one call, ms.

    Parameters
    ----------
    waits
        Where a wait phrase of the agent ends.
    returns
        Where a return phrase of the agent starts.
    """

    waits: tuple[int, ...] = ()
    returns: tuple[int, ...] = ()


@dataclass
class AnnouncementFinder:
    """Finds announcements in many calls; the word lists are compiled once per language.

    Examples
    --------
    >>> said = [Word("agent", 0, 300, "one", 0.9), Word("agent", 300, 700, "moment", 0.9),
    ...         Word("agent", 700, 1000, "please", 0.9)]
    >>> AnnouncementFinder().find(said, "en")
    Announcements(waits=(1000,), returns=())
    """

    _lexicons: dict[str, tuple[Lexicon, int, int]] = field(default_factory=dict)

    def find(self, words: Sequence[Word], language: str | None) -> Announcements:
        """Return where the agent announces a wait or comes back from one."""
        if language not in WAIT or not words:
            return Announcements()
        lexicon, wait, back = self._lexicon(language)
        heard = Heard(words, language, lexicon)
        stream = heard.stream("agent")
        waits = [stream.span(hit.first, hit.last)[1] for hit in heard.find(wait, "agent").hits]
        returns = [stream.span(hit.first, hit.last)[0] for hit in heard.find(back, "agent").hits]
        return Announcements(tuple(sorted(set(waits))), tuple(sorted(set(returns))))

    def _lexicon(self, language: str) -> tuple[Lexicon, int, int]:
        if language not in self._lexicons:
            lexicon = Lexicon(language, {})
            ids = lexicon.add(WAIT[language]), lexicon.add(BACK[language])
            self._lexicons[language] = (lexicon, *ids)
        return self._lexicons[language]
