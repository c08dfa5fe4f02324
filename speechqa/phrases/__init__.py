"""Finding wording in what was said: one normalised stream per party, many word lists at once.

>>> from speechqa.transcript import Word
>>> lexicon = Lexicon("en", {"company": ["acme"]})
>>> greeting = lexicon.add(WordList(phrases=("welcome to {company}",)))
>>> heard = Heard([Word("agent", 0, 900, "Hello, welcome to Acme!", 0.9)], "en", lexicon)
>>> [heard.stream("agent").quote(h.first, h.last) for h in heard.find(greeting, "agent").hits]
['Hello, welcome to Acme!']
"""

from speechqa.phrases.heard import NOTHING, Found, Heard, TokenHit
from speechqa.phrases.lexicon import Lexicon, WordList
from speechqa.phrases.normalise import tokens
from speechqa.phrases.patterns import PatternError, nearest
from speechqa.phrases.stream import Stream

__all__ = [
    "NOTHING",
    "Found",
    "Heard",
    "Lexicon",
    "PatternError",
    "Stream",
    "TokenHit",
    "WordList",
    "nearest",
    "tokens",
]
