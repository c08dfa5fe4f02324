"""Tokens into words, and languages, with the shipped model's own tokenizer."""

from __future__ import annotations

import pytest
import tokenizers

from speechqa.asr.models import find_model
from speechqa.asr.tokens import TokenText
from speechqa.errors import UsageError


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizers.Tokenizer.from_file(str(find_model("speechqa-tiny").path / "tokenizer.json"))


@pytest.fixture(scope="module")
def texts(tokenizer) -> TokenText:
    return TokenText(tokenizer, multilingual=True)


def said(texts, tokenizer, text, language) -> list[str]:
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    return [word.text for word in texts.words(tokens, language)]


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        (" Hello, how are you?", "en", ["Hello,", "how", "are", "you?"]),
        (" It's 3.5% off - really!", "en", ["It's", "3.5%", "off", "really!"]),
        (' She said "no way" twice', "en", ["She", "said", '"no', 'way"', "twice"]),
        ("hello world", "en", ["hello", "world"]),
        (" Überraschung für José", "de", ["Überraschung", "für", "José"]),
        ("您好，请问", "zh", None),
        ("龘靐齉", "zh", ["龘", "靐", "齉"]),
        (" ... !", "en", []),
        ("", "en", []),
    ],
)
def test_words_are_split_as_people_write_them(texts, tokenizer, text, language, words):
    found = said(texts, tokenizer, text, language)
    if words is None:
        assert "".join(found) == text
    else:
        assert found == words


@pytest.mark.parametrize("text", [" Good morning, Anna.", "喂，您好！我姓龘。", " 50% of x"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_cover_their_tokens_in_order_without_overlap(texts, tokenizer, text, language):
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    words = texts.words(tokens, language)
    edges = [edge for word in words for edge in (word.first, word.last)]
    assert edges == sorted(edges)
    assert edges[-1] <= len(tokens)
    assert all(word.first < word.last for word in words)


def test_a_row_cut_in_the_middle_of_a_character_still_splits(texts, tokenizer):
    tokens = tokenizer.encode("您好龘", add_special_tokens=False).ids
    words = texts.words(tokens[:-1], "zh")
    assert "".join(word.text for word in words).startswith("您好")
    assert "\ufffd" not in "".join(word.text for word in words)


def test_an_unknown_language_is_refused_with_those_that_there_are(texts):
    with pytest.raises(UsageError, match="'xx' is not one of the model's") as caught:
        texts.start("xx")
    assert "en" in caught.value.hint
    assert "zh" in caught.value.hint


def test_an_english_model_has_one_language_and_names_none(tokenizer):
    texts = TokenText(tokenizer, multilingual=False)
    assert texts.languages() == ["en"]
    assert len(texts.start("en")) == 1


def test_a_model_refuses_languages_that_it_was_not_trained_on(tokenizer):
    texts = TokenText(tokenizer, multilingual=True, known=("en", "zh"))
    assert texts.languages() == ["en", "zh"]
    with pytest.raises(UsageError, match="'de' is not one of the model's"):
        texts.start("de")
