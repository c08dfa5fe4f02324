"""Finding wording: against a slow oracle, across utterances, and what must not be found."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.fuzz import ratio

from speechqa.phrases import Heard, Lexicon, PatternError, Stream, WordList, tokens
from speechqa.phrases.normalise import negations
from speechqa.phrases.similar import SimilarIndex, SimilarPhrase
from speechqa.transcript import Word

VOCABULARY = ["i", "can", "can't", "help", "you", "not", "hold", "please", "call", "back", "the"]


def said(*lines: str, party: str = "agent", pause_ms: int = 1000, probability: float = 0.9):
    """One word each 300 ms; a pause between lines."""
    at, words = 0, []
    for line in lines:
        for text in line.split():
            words.append(Word(party, at, at + 300, text, probability))
            at += 300
        at += pause_ms
    return words


def quotes(words, lang="en", party="agent", drop_quoted=False, **lists):
    lexicon = Lexicon(lang, {"company": ("acme", "acme telecom"), "zh_company": ("安可",)})
    key = lexicon.add(WordList(**lists))
    heard = Heard(sorted(words, key=lambda word: word.start_ms), lang, lexicon)
    stream = heard.stream(party)
    found = heard.find(key, party, drop_quoted=drop_quoted)
    return [stream.quote(hit.first, hit.last) for hit in found.hits if not hit.near]


@given(
    st.lists(st.sampled_from(VOCABULARY), max_size=40),
    st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_a_phrase_is_found_wherever_its_words_stand_in_a_row(spoken, phrase):
    expected = []
    at = 0
    while at + len(phrase) <= len(spoken):
        if spoken[at : at + len(phrase)] == phrase:
            expected.append(" ".join(phrase))
            at += len(phrase)
        else:
            at += 1
    assert quotes(said(" ".join(spoken)), phrases=(" ".join(phrase),)) == expected


@given(st.lists(st.text(string.ascii_lowercase + " '，你好2①ﾊ", max_size=12), max_size=12))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_token_leads_back_to_its_word(lang, texts):
    words = [Word("agent", 500 * at, 500 * at + 900, text, 0.5) for at, text in enumerate(texts)]
    stream = Stream(words, "agent", lang)
    expected = [token for text in texts for token in tokens(text, lang)]
    assert stream.tokens == expected
    for text in (stream.utterances, stream.passages):
        assert [
            text.data[a:b].decode() for a, b in zip(text.starts, text.ends, strict=True)
        ] == expected
        for index in range(len(expected)):
            assert text.tokens_at(text.starts[index], text.ends[index]) == (index, index + 1)
    for index, token in enumerate(expected):
        assert token in tokens(stream.quote(index, index + 1), lang)


def slow_similar(parts, phrase, threshold):
    """Every window of every length near the phrase's, compared in full."""
    text = " ".join(phrase)
    hits = set()
    for first in range(len(parts)):
        for length in range(max(1, len(phrase) - 1), len(phrase) + 2):
            window = parts[first : first + length]
            fits = len(window) == length and negations(window) == negations(phrase)
            if fits and ratio(" ".join(window), text) >= threshold:
                hits.add((first, first + length))
    return hits


@given(
    st.lists(st.sampled_from([*VOCABULARY, "branch", "brunch", "again"]), max_size=25),
    st.lists(st.sampled_from(["branch", "again", "please", "call"]), min_size=3, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_a_fuzzy_hit_is_one_of_the_slow_search(spoken, phrase):
    wanted = SimilarPhrase(0, tuple(phrase), 85.0)
    slow = slow_similar(spoken, phrase, 85.0)
    fast = [hit for hit in SimilarIndex([wanted], "en").find(spoken) if not hit.near]
    assert {(hit.first, hit.last) for hit in fast} <= slow
    if any(spoken[first:last] == phrase for first, last in slow):
        assert fast, "an exact occurrence was missed"


def test_a_phrase_is_found_across_utterances_but_not_across_a_long_pause():
    assert quotes(said("I can't", "help you", pause_ms=2500), phrases=("can't help",))
    assert not quotes(said("I can't", "help you", pause_ms=3500), phrases=("can't help",))


def test_another_party_between_does_not_break_a_phrase():
    words = said("we will call", "you back", pause_ms=1500)
    words += [Word("customer", 1000, 1400, "okay", 0.9)]
    assert quotes(words, phrases=("call you back",)) == ["call you back"]


def test_anchors_mean_the_utterance():
    words = said("what", "what is your name", "so what")
    assert quotes(words, regex=("^what$",)) == ["what"]
    assert quotes(words, regex=("what$",)) == ["what", "what"]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("start now", "art"),
        ("I can't do it", "I can"),
        ("the cannon", "can"),
        ("we will hold", "hold the line"),
    ],
)
def test_only_whole_words_are_found(text, phrase):
    assert quotes(said(text), phrases=(phrase,)) == []


def test_wildcards_gaps_alternatives_and_slots():
    words = said("for technical reasons we call you straight back from Acme Telecom")
    assert quotes(words, phrases=("for * reasons",)) == ["for technical reasons"]
    assert quotes(words, phrases=("call ... back",)) == ["call you straight back"]
    assert quotes(words, phrases=("(ring|call) you",)) == ["call you"]
    assert quotes(words, phrases=("from {company}",))[0].startswith("from Acme")


def test_digits_are_matched_as_they_are_spoken():
    assert quotes(said("dial 10086 now"), phrases=("one zero zero eight six",)) == ["10086"]
    assert quotes(said("in 3 days"), regex=(r"in \d+ days",)) == ["in 3 days"]
    assert quotes(said("请 拨 10086"), "zh", regex=(r"拨\d{5}",)) == ["拨 10086"]


@pytest.mark.parametrize(
    ("lang", "phrase", "text", "found"),
    [
        (
            "en",
            "within {duration}",
            "we answer within three working days",
            "within three working days",
        ),
        ("en", "within {duration}", "we answer within 48 hours", "within 48 hours"),
        ("en", "within {duration}", "we answer within reason", None),
        ("en", "costs {money}", "it costs twenty five pounds a month", "costs twenty five pounds"),
        ("en", "costs {money}", "it costs 30 euros", "costs 30 euros"),
        ("en", "costs {money}", "it costs a lot of pounds", None),
        ("en", "call you {day}", "I will call you tomorrow morning", "call you tomorrow morning"),
        ("en", "call you {day}", "I will call you the 3rd of May", None),
        ("en", "{number} items", "you have one hundred and two items", "one hundred and two items"),
        ("zh", "{duration}内", "我们 五个工作日内 回复", "五个工作日内"),
        ("zh", "{duration}内", "我们 48小时内 回复", "48小时内"),
        ("zh", "每月{money}", "每月三十九元", "每月三十九元"),
        ("zh", "{day}给您回电", "下周三给您回电", "下周三给您回电"),
        ("zh", "{day}给您回电", "尽快给您回电", None),
    ],
)
def test_entities_are_found_as_people_say_them(lang, phrase, text, found):
    words = said(text)
    assert quotes(words, lang=lang, phrases=(phrase,)) == ([] if found is None else [found])


def test_traditional_characters_and_punctuation_do_not_matter():
    assert quotes(said("請 您 稍 等，"), "zh", phrases=("请您稍等",)) == ["請您稍等，"]


def test_unless_drops_what_it_overlaps_and_unless_said_the_utterance():
    words = said("there is nothing but trouble", "but wait", "please speak louder", "louder")
    assert quotes(words, regex=(r"\bbut\b",), unless=("nothing but",)) == ["but"]
    assert quotes(words, regex=("louder",), unless_said=(r"\bplease\b",)) == ["louder"]


def test_negated_hits_are_dropped_when_asked():
    words = said("I will not cancel it", "I will cancel it")
    assert len(quotes(words, phrases=("cancel",))) == 2
    assert len(quotes(words, phrases=("cancel",), drop_negated=True)) == 1
    zh = said("没 有 投 诉", "我 要 投 诉")
    assert len(quotes(zh, "zh", phrases=("投诉",), drop_negated=True)) == 1


@pytest.mark.parametrize(
    "text",
    ["you said you can't log in", "the customer told me you can't log in", "she says you can't"],
)
def test_reported_speech_is_dropped(text):
    assert quotes(said(text), phrases=("you can't",), drop_quoted=True) == []
    assert quotes(said(text), phrases=("you can't",)) == ["you can't"]


def test_the_customers_own_sentence_repeated_is_reported_speech():
    customer = [
        Word("customer", 200 * at, 200 * at + 190, text, 0.9)
        for at, text in enumerate("my router has no light at all".split())
    ]
    agent = [
        Word("agent", 3000 + 200 * at, 3190 + 200 * at, text, 0.9)
        for at, text in enumerate("your router has no light at all".split())
    ]
    wanted = {"phrases": ("router has no light at all",), "drop_quoted": True}
    assert quotes(customer + agent, **wanted) == []
    later = [Word("agent", w.start_ms + 60_000, w.end_ms + 60_000, w.text, 0.9) for w in agent]
    assert len(quotes(customer + later, **wanted)) == 1


def test_zh_reported_speech_is_dropped():
    assert (
        quotes(said("您 刚 才 说 我 做 不 到"), "zh", phrases=("做不到",), drop_quoted=True) == []
    )


def test_fuzzy_matching_bridges_a_slip_but_never_a_negation():
    similar = {"similar": ("I know how to solve your problem",)}
    assert quotes(said("I know how to solved your problem"), **similar)
    assert not quotes(said("I don't know how to solve your problem"), **similar)
    assert not quotes(said("我 不 知 道 怎 么 处 理"), "zh", similar=("我知道怎么处理",))
    assert quotes(said("我 知 道 怎 么 除 理"), "zh", similar=("我知道怎么处理",))


def test_short_phrases_are_never_fuzzy():
    assert quotes(said("hang op"), similar=("hang up",)) == []
    assert quotes(said("hang up"), similar=("hang up",)) == ["hang up"]


def test_wording_is_found_by_its_sound():
    assert quotes(said("我 的 公 号 是"), "zh", sounds_like=("工号",)) == ["公号"]
    assert quotes(said("welcome to akme"), sounds_like=("{company}",)) == ["akme"]
    assert quotes(said("我 的 名 字 是"), "zh", sounds_like=("工号",)) == []


def test_fuzzy_chinese_hears_homophones_but_no_lost_negation():
    assert quotes(said("请 您 哨 等 片 刻"), "zh", similar=("请您稍等片刻",)) == ["请您哨等片刻"]
    assert quotes(said("亲 宁 少 灯"), "zh", similar=("请您稍等",)) == []
    assert quotes(said("青 您 少 等"), "zh", similar=("请您稍等",)) == ["青您少等"]
    assert quotes(said("我 部 知 道"), "zh", similar=("我不知道",)) == []


def test_flagged_words_never_fire():
    words = [Word("agent", 0, 300, "hang", 0.9, "loop"), Word("agent", 300, 600, "up", 0.9, "loop")]
    assert quotes(words, phrases=("hang up",)) == []


def test_prescribed_wording_is_masked():
    lexicon = Lexicon("en", {})
    lexicon.allow("I'm sorry, I'm afraid I can't help you", 3)
    heard = Heard(said("well I'm sorry I'm afraid I can't help you today"), "en", lexicon)
    assert heard.allowed("agent", frozenset({3})) == [(1, 9)]
    assert heard.allowed("agent", frozenset({4})) == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(?=b)", "look-around"),
        (r"(a)\1", "back-references"),
        ("A", "lower case"),
        ("(a", "missing"),
        ("a*", "empty text"),
        ("{nobody}", "unknown slot"),
    ],
)
def test_an_unusable_pattern_says_why(pattern, message):
    with pytest.raises(PatternError, match=message):
        Lexicon("en", {}).add(WordList(regex=(pattern,)))


@given(st.lists(st.sampled_from([*VOCABULARY, "um", "sorry"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_the_prefilter_loses_no_hit(spoken):
    lists = [
        WordList(phrases=("can't help", "call back")),
        WordList(regex=(r"\b(um|uh)\b", r"hold (the|please)")),
        WordList(regex=("^please", "you$")),
        WordList(phrases=("not ... you",)),
    ]
    lexicon = Lexicon("en", {})
    keys = [lexicon.add(one) for one in lists]
    heard = Heard(said(" ".join(spoken)), "en", lexicon)
    side = heard.side("agent")
    for key in keys:
        alone = [hit for n in lexicon.lists[key].patterns for hit in side.run(lexicon.patterns[n])]
        assert sorted((h.first, h.last) for h in heard.find(key, "agent").hits) == sorted(
            (h.first, h.last) for h in alone
        )


def test_wording_never_runs_across_a_turn_of_the_other_party():
    def said(party, text, start):
        return [
            Word(party, start + 200 * i, start + 200 * i + 150, t, 0.9)
            for i, t in enumerate(text.split())
        ]

    agent = said("agent", "can you", 0) + said("agent", "help me", 2500)
    nod = said("customer", "mm yes", 700)
    turn = said("customer", "i want to cancel it", 700)
    ordered = lambda words: sorted(words, key=lambda word: word.start_ms)  # noqa: E731
    assert Stream(ordered(agent + nod), "agent", "en").passages.data == b"can you help me"
    assert Stream(ordered(agent + turn), "agent", "en").passages.data == b"can you\nhelp me"
