import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechqa.privacy import MASK, mask_numbers
from speechqa.transcript import Word

CARD_EN = "four five double three one two three four five six seven eight nine oh one two".split()
CARD_ZH = list("四五三三一二三四五六七八九零幺二")


def said(texts, party="customer", *, start=0, step=300):
    return [
        Word(party, start + i * step, start + i * step + 250, t, 0.9) for i, t in enumerate(texts)
    ]


def texts(words):
    return [word.text for word in mask_numbers(words).words]


@pytest.mark.parametrize(
    "card",
    [
        CARD_EN,
        CARD_ZH,
        ["4533", "1234", "5678", "9012"],
        ["4533123456789012"],
        ["4533-1234-5678-9012"],
        "forty five thirty three twelve thirty four fifty six seventy eight ninety twelve".split(),
        "four five three um three one two three four yeah five six seven eight nine oh one".split(),
        "triple four double five six seven eight nine one two three".split(),
        "forty-five thirty-three twelve thirty-four fifty-six seventy-eight ninety twelve".split(),
        "double-four three-three one–two three four five six seven eight".split(),
        ["“4533", "1234”", "(5678", "9012…"],
        ["4533–1234–5678", "9012."],
        ["number:4533123456789012"],
    ],
)
def test_a_card_number_is_masked_however_it_is_spoken(card):
    heard = texts(said(["my", "card", "is", *card, "thank", "you"]))
    left = [text for text in heard if text != MASK]
    assert left[:3] == ["my", "card", "is"]
    assert left[-2:] == ["thank", "you"]
    assert not any(char.isdigit() for text in left for char in text)
    assert set(left) <= {"my", "card", "is", "um", "yeah", "thank", "you"}


def test_a_card_number_is_masked_across_the_agents_yes():
    words = said(CARD_EN[:8]) + said(["okay"], "agent", start=2600)
    words += said(CARD_EN[8:], start=3200)
    masked = mask_numbers(sorted(words, key=lambda word: word.start_ms))
    assert [word.text for word in masked.words if word.party == "agent"] == ["okay"]
    assert all(word.text == MASK for word in masked.words if word.party == "customer")


@pytest.mark.parametrize(
    "number",
    [
        "oh seven seven double oh nine hundred one two three".split(),
        list("一三八零零一三八零零零"),
        "twenty twenty four".split(),
        "i called two times and waited ten minutes".split(),
        "one moment please one of my colleagues will call you".split(),
    ],
)
def test_telephone_numbers_years_and_counts_stay(number):
    assert texts(said(number)) == number


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("could you tell me the security code please".split(), ["it's", "seven", "two", "nine"]),
        (list("请说一下验证码"), list("是八八二一六零")),
        ("and the three digits on the back".split(), ["729"]),
    ],
)
def test_a_code_is_masked_when_either_party_has_just_named_it(asked, answer):
    words = said(asked, "agent") + said(answer, start=4000)
    left = [text for text in texts(words)[len(asked) :] if text != MASK]
    assert set(left) <= {"it's", "是"}


def test_a_number_is_masked_where_nobody_can_say_whose_half_of_its_words_are():
    words = said(CARD_EN[:7]) + said(CARD_EN[7:], "mixed", start=2100)
    assert {word.text for word in mask_numbers(words).words} == {MASK}


def test_a_code_is_masked_when_its_name_follows_it_at_once():
    words = said(["seven", "two", "nine", "is", "the", "security", "code"])
    assert texts(words) == [MASK] * 3 + ["is", "the", "security", "code"]
    late = said(["two", "zero", "zero", "pounds", "please"]) + said(
        ["and", "the", "security", "code"], start=4000
    )
    assert MASK not in texts(late)


@pytest.mark.parametrize("said_so", ["one-time", "twenty-first", "part-two", "x-4-y"])
def test_a_word_that_is_a_number_in_part_is_a_word(said_so):
    words = said(["password", *[said_so] * 4])
    assert texts(words) == ["password", *[said_so] * 4]


def test_a_short_number_long_after_a_code_was_named_stays():
    words = said(["password"], "agent") + said(["seven", "two", "nine"], start=60_000)
    assert "seven" in texts(words)


def test_the_masked_places_are_listed_for_muting():
    words = said(["card", *CARD_EN], start=1000)
    assert mask_numbers(words).spans == (("customer", 1300, words[-1].end_ms),)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["agent", "customer"]),
            st.sampled_from(["four", "double", "forty", "hello", "二", "12", "", "密码", "pin"]),
        ),
        max_size=60,
    )
)
def test_masking_changes_texts_and_nothing_else(pairs):
    words = [Word(p, 300 * i, 300 * i + 200, t, 0.5) for i, (p, t) in enumerate(pairs)]  # type: ignore[arg-type]
    masked = mask_numbers(words)
    assert len(masked.words) == len(words)
    for before, after in zip(words, masked.words, strict=True):
        assert after.text in (before.text, MASK)
        assert (after.start_ms, after.end_ms, after.party) == (
            before.start_ms,
            before.end_ms,
            before.party,
        )
