"""The recipe of the small model, without torch: texts, split, tokens, scoring."""

import random
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from benchmarks.model_words import Tally, paired, units
from models.recipe import numbers, sentences
from models.recipe.grammar import Grammar, lines
from models.recipe.normalise import digest, normal_units, written
from models.recipe.sentences import Mixture, held_grammar, speakable
from models.recipe.split import Split, is_held, reported_sentences
from models.recipe.tokens import build_tokenizer

LANGS = ("en", "zh")
SHIPPED = Path(__file__).parents[1] / "models" / "speechqa-tiny" / "tokenizer.json"


@pytest.fixture(scope="module", params=LANGS)
def mixture(request: pytest.FixtureRequest) -> Mixture:
    return Mixture(request.param)


def test_no_training_sentence_is_held_out_or_reported(mixture: Mixture) -> None:
    lang, drawn = mixture.lang, mixture.sentences(random.Random(3))
    reported = {digest(text, lang) for text in reported_sentences(lang)}
    for sentence in islice(drawn, 3000):
        assert digest(sentence.text, lang) not in reported
        assert not is_held(sentence.text, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_the_split_sees_through_case_and_punctuation(lang: str) -> None:
    for text in reported_sentences(lang):
        assert not Split(lang).trainable(text.upper() + "!")


@pytest.mark.parametrize("lang", LANGS)
def test_held_grammar_sentences_are_kept_from_training(lang: str) -> None:
    split = Split(lang)
    held = held_grammar(lang, 50)
    assert len(held) == 50
    assert not any(split.trainable(sentence.text) for sentence in held)


@pytest.mark.parametrize("lang", LANGS)
def test_reported_sentences_are_many_distinct_and_in_the_lexicon(lang: str) -> None:
    reported = reported_sentences(lang)
    assert len({written(text, lang) for text in reported}) >= 200
    rng, grammar = random.Random(1), Grammar.of(lang)
    sources = [*lines(f"free_{lang}.txt"), *lines(f"words_{lang}.txt")]
    sources += [grammar.fill(text, rng) for text in lines(f"standard_{lang}.txt")]
    sources += [grammar.sample(rng) for _ in range(5000)]
    known = {unit for text in sources for unit in normal_units(text, lang)}
    unknown = {unit for text in reported for unit in normal_units(text, lang)} - known
    assert not unknown


def test_every_template_resolves_to_plain_text() -> None:
    rng = random.Random(8)
    for lang in LANGS:
        grammar = Grammar.of(lang)
        for template in grammar.templates:
            for _ in range(20):
                text = grammar.fill(grammar.choose(template, rng), rng)
                assert not set("(){}|") & set(text), (template, text)
                assert normal_units(text, lang), template


def test_the_same_seed_gives_the_same_sentences(mixture: Mixture) -> None:
    first = list(islice(mixture.sentences(random.Random(5)), 5))
    again = list(islice(mixture.sentences(random.Random(5)), 5))
    assert first == again


def test_all_sources_take_part(mixture: Mixture) -> None:
    rng = random.Random(2)
    kinds = [sentence.kind for sentence in islice(mixture.sentences(rng), 600)]
    assert set(kinds) == {"words", "phrase", "grammar", "free"}
    assert kinds.count("grammar") / len(kinds) < 1 / 3


def test_of_several_sentences_the_one_with_the_least_said_word_is_taken(
    mixture: Mixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> int:
        drawn = islice(mixture.sentences(random.Random(6)), 800)
        return len({unit for s in drawn for unit in normal_units(s.text, mixture.lang)})

    spread = said()
    monkeypatch.setattr(sentences, "DRAWS", 1)
    assert spread > 1.05 * said()


def test_chinese_characters_are_drawn_about_evenly() -> None:
    mixture, rng = Mixture("zh"), random.Random(4)
    drawn = "".join(mixture.word(rng) for _ in range(20_000))
    counts = [drawn.count(char) for char in set(drawn)]
    assert len(counts) > 1400
    assert max(counts) < 40 * sorted(counts)[len(counts) // 2]


def test_digits_are_never_given_to_a_voice() -> None:
    assert not speakable("room 7", "en")
    assert not speakable("按7号键", "zh")


@given(st.integers(0, 9999))
def test_spoken_numbers_differ_and_read_back(n: int) -> None:
    assert _read_chinese(numbers.chinese(n)) == n
    assert numbers.english(n) != numbers.english(n + 1)


def _read_chinese(text: str) -> int:
    total, digit = 0, 0
    for char in text:
        if char in numbers.HAN_DIGITS:
            digit = numbers.HAN_DIGITS.index(char)
        else:
            total += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[char]
            digit = 0
    return total + digit


def test_the_tokenizer_is_rebuilt_from_its_own_ranks() -> None:
    shipped = Tokenizer.from_file(str(SHIPPED))
    assert shipped.get_vocab_size() == 51_865
    ids = {"<|endoftext|>": 50257, "<|en|>": 50259, "<|zh|>": 50260, "<|0.00|>": 50364}
    assert {name: shipped.token_to_id(name) for name in ids} == ids
    to_byte = {char: byte for byte, char in _byte_names().items()}
    ranks = {
        bytes(to_byte[char] for char in token): rank
        for token, rank in shipped.get_vocab(with_added_tokens=False).items()
    }
    built = build_tokenizer(ranks)
    for text in ("Hello, I can't help you. That's £25.30!", "您好，请问有什么可以帮您？", " ok 12"):
        assert built.encode(text).ids == shipped.encode(text).ids


def _byte_names() -> dict[int, str]:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=7)


@given(WORDS, WORDS)
def test_errors_equal_those_of_a_plain_recursion(said: list[str], heard: list[str]) -> None:
    edits, same = paired(said, heard)
    assert edits == _slow_edits(tuple(said), tuple(heard))
    assert all(said[i] == heard[j] for i, j in same)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(same))


def _slow_edits(said: tuple[str, ...], heard: tuple[str, ...]) -> int:
    if not said or not heard:
        return len(said) + len(heard)
    if said[-1] == heard[-1]:
        return _slow_edits(said[:-1], heard[:-1])
    options = (said[:-1], heard[:-1]), (said[:-1], heard), (said, heard[:-1])
    return 1 + min(_slow_edits(*option) for option in options)


def test_a_tally_knows_what_confidence_is_worth() -> None:
    tally = Tally()
    said = units([("hold on please", 0.0, 3.0, 1.0)], "en")
    tally.add(said, units([("hold", 0.1, 1.0, 0.9), ("in", 1.0, 2.0, 0.3)], "en"))
    assert tally.error_rate == pytest.approx(2 / 3)
    assert tally.right_above(0.8) == 1.0
    assert tally.calibration((0.0, 0.5, 1.0)) == [(0.0, 0.5, 1, 0.0), (0.5, 1.0, 1, 1.0)]
    assert Tally().error_rate is None
