"""Which party is the agent, heard from who greets.

An agent opens with the company, his or her name and an offer of help; a customer never does. If
that greeting is heard on the customer's side, the channels are probably swapped. Only the opening
of a call is looked at, and only phrases that the other party has no reason to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechqa.line.checks import LineCheck
from speechqa.transcript import Party, Word, join_words

OPENING_MS = 60_000
"""Only words that start this soon after the first word are looked at."""
OPENING_WORDS = 80
_ALIKE = 86.0

GREETINGS = {
    "en": (
        "thank you for calling",
        "thanks for calling",
        "welcome to",
        "how may i help you",
        "how can i help you",
        "how may i assist you",
        "how can i assist you",
        "what can i do for you",
        "you are speaking with",
        "you're speaking with",
        "you're through to",
        "may i have your name",
        "can i have your name please",
        "may i have your account number",
        "this call is recorded",
        "this call may be recorded",
    ),
    "zh": (
        "欢迎致电",
        "感谢致电",
        "感谢您的来电",
        "请问有什么可以帮您",
        "有什么可以帮到您",
        "很高兴为您服务",
        "为您服务",
        "请问您贵姓",
        "工号",
    ),
}


@dataclass(frozen=True)
class Greeter:
    """Who greets like an agent.

    Parameters
    ----------
    party
        The label of the channel on which the greeting was heard.
    phrases
        The greeting phrases heard there.
    other_phrases
        Those heard on the other side, fewer.
    at_ms
        When the first one starts.
    """

    party: Party
    phrases: tuple[str, ...]
    other_phrases: tuple[str, ...]
    at_ms: int


def who_greets(words: Sequence[Word]) -> Greeter | None:
    """Return who greets like an agent; None when nobody or both alike do.

    Parameters
    ----------
    words
        Of the whole call, in any order, any language; flagged words are not trusted.

    Examples
    --------
    >>> said = [Word("customer", 300 * k, 300 * k + 250, text, 0.9)
    ...         for k, text in enumerate("thank you for calling northwind".split())]
    >>> who_greets(said).party
    'customer'
    """
    trusted = sorted((w for w in words if not w.flag), key=lambda w: w.start_ms)
    if not trusted:
        return None
    until = trusted[0].start_ms + OPENING_MS
    found: dict[Party, dict[str, int]] = {}
    for party in ("agent", "customer"):
        opening = [w for w in trusted if w.party == party and w.start_ms < until]
        found[party] = _heard(opening[:OPENING_WORDS])
    if len(found["agent"]) == len(found["customer"]):
        return None
    party, other = sorted(found, key=lambda p: -len(found[p]))
    return Greeter(
        party, tuple(found[party]), tuple(found[other]), at_ms=min(found[party].values())
    )


def check_parties(words: Sequence[Word]) -> LineCheck | None:
    """Return the warning that the parties seem swapped; None when they don't.

    Examples
    --------
    >>> said = [Word("customer", 300 * k, 300 * k + 250, text, 0.9)
    ...         for k, text in enumerate("how may i help you".split())]
    >>> check_parties(said).name, check_parties([]) is None
    ('swapped-parties', True)
    """
    greeter = who_greets(words)
    if greeter is None or greeter.party != "customer":
        return None
    return LineCheck(
        name="swapped-parties",
        channel=None,
        severity="warn",
        message="the agent's greeting is heard on the customer's side: the channels seem swapped",
        detail={
            "phrases": list(greeter.phrases),
            "agent_phrases": list(greeter.other_phrases),
            "at_ms": greeter.at_ms,
        },
    )


def _heard(words: Sequence[Word]) -> dict[str, int]:
    """Return the greeting phrases in `words`, each with the start of its first word."""
    from rapidfuzz import fuzz

    tokens = [word.text.lower().strip(".,!?;:\"'，。！？、") for word in words]
    found = {}
    for phrase in GREETINGS["en"]:
        wanted = phrase.split()
        for k in range(len(tokens) - len(wanted) + 1):
            window = tokens[k : k + len(wanted)]
            if fuzz.ratio(" ".join(window), phrase) >= _ALIKE:
                found[phrase] = words[k].start_ms
                break
    text = join_words(token for token in tokens).replace(" ", "")
    starts = [w.start_ms for w, token in zip(words, tokens, strict=True) for _ in token]
    for phrase in GREETINGS["zh"]:
        at = text.find(phrase)
        if at >= 0:
            found[phrase] = starts[at]
    return found
