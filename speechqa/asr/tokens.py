"""Text of tokens, and where words begin and end in a row of tokens.

Whisper's tokens are pieces of UTF-8: a Chinese character may take two or three, an English word
begins with a space. Knows nothing of times or audio.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from speechqa.errors import UsageError

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my"})
"""Languages written without spaces: each character, or token of a few, is a word."""

_BROKEN = "\ufffd"
_OPENING = frozenset("\"'“‘¿¡([{「『《（")


@dataclass(frozen=True, slots=True)
class TokenWord:
    """A word and the tokens it is made of, half-open."""

    text: str
    first: int
    last: int


class TokenText:
    """The model's tokenizer, with what it said of each token remembered.

    Parameters
    ----------
    tokenizer
        A ``tokenizers.Tokenizer`` of a Whisper model.
    multilingual
        Whether the model's prompts name a language.
    known
        Languages that the model was trained on; empty for all that the tokenizer names.
    """

    def __init__(self, tokenizer: Any, *, multilingual: bool, known: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._multilingual = multilingual
        self._pieces: dict[int, str] = {}
        self.end = self._id("<|endoftext|>")
        tokens = self._language_tokens() if multilingual else {}
        self._languages = {code: n for code, n in tokens.items() if not known or code in known}

    def languages(self) -> list[str]:
        """Return the codes of the languages that the model knows."""
        return list(self._languages) if self._multilingual else ["en"]

    def start(self, language: str) -> list[int]:
        """Return the tokens that every row in `language` starts with.

        Raises
        ------
        UsageError
            The model has no such language; the message lists those it has.
        """
        if not self._multilingual:
            return [self._id("<|startoftranscript|>")]
        code = self._languages.get(language)
        if code is None:
            raise UsageError(
                f"language {language!r} is not one of the model's",
                hint="use auto, or one of: " + ", ".join(self.languages()),
            )
        return [self._id("<|startoftranscript|>"), code, self._id("<|transcribe|>")]

    def _language_tokens(self) -> dict[str, int]:
        from faster_whisper.tokenizer import _LANGUAGE_CODES

        tokens = {code: self._tokenizer.token_to_id(f"<|{code}|>") for code in _LANGUAGE_CODES}
        return {code: token for code, token in tokens.items() if token is not None}

    def prompt(self, language: str) -> list[int]:
        """Return the prompt for text without timestamp tokens."""
        return [*self.start(language), self._id("<|notimestamps|>")]

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens`, control tokens left out."""
        return str(self._tokenizer.decode([token for token in tokens if token < self.end]))

    def words(self, tokens: Sequence[int], language: str) -> list[TokenWord]:
        """Split `tokens` into words; punctuation stays with the word it belongs to.

        Returns
        -------
        list of TokenWord
            In order, without overlap, texts without surrounding spaces, none of punctuation only.
        """
        units = self._units(tokens)
        spaced = language not in UNSPACED
        joined: list[TokenWord] = []
        opening = ""
        for unit in units:
            bare = unit.text.strip()
            apart = unit.text.startswith(" ")
            if bare in _OPENING and (apart or not spaced or not joined):
                opening += bare
                continue
            if spaced and apart and _is_mark(bare):
                continue  # a dash between words belongs to neither
            continues = spaced and not apart and not opening
            if joined and (continues or not bare or _is_mark(bare)):
                last = joined[-1]
                joined[-1] = TokenWord(last.text + unit.text.rstrip(), last.first, unit.last)
            else:
                joined.append(TokenWord(opening + bare, unit.first, unit.last))
            opening = ""
        return [word for word in joined if word.text and not _is_mark(word.text)]

    def _units(self, tokens: Sequence[int]) -> list[TokenWord]:
        """Group tokens so that each group is whole characters."""
        units: list[TokenWord] = []
        first = 0
        for place, token in enumerate(tokens):
            text = (
                self._piece(token)
                if first == place
                else str(self._tokenizer.decode(list(tokens[first : place + 1])))
            )
            if _BROKEN in text and place - first < 3 and place + 1 < len(tokens):
                continue
            units.append(TokenWord(text.replace(_BROKEN, ""), first, place + 1))
            first = place + 1
        return units

    def _piece(self, token: int) -> str:
        text = self._pieces.get(token)
        if text is None:
            text = self._pieces[token] = str(self._tokenizer.decode([token]))
        return text

    def _id(self, name: str) -> int:
        return int(self._tokenizer.token_to_id(name))


def _is_mark(text: str) -> bool:
    """Whether `text` is punctuation only."""
    return all(unicodedata.category(character)[0] in "PZ" for character in text)
