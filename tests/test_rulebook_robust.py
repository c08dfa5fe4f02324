"""The shipped rulebooks answer on any call: odd words, odd times, missing facts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.rulebook import CallView, evaluate, load
from speechqa.rulebook.view import RuleResult
from speechqa.score import score_call
from speechqa.transcript import Word

STANDARD, STARTER = load("standard"), load("starter")
SAID = [
    text
    for rule in STANDARD.call_rules
    for lang in ("en", "zh")
    for text in (*rule.examples.hit.of(lang), *rule.examples.miss.of(lang))
]
TEXTS = st.one_of(
    st.sampled_from(SAID),
    st.sampled_from(["", "。", "10086", "-", "'", "ok", "嗯", "\x00", "a" * 300, "你好 hello 3"]),
    st.text(max_size=10),
)
TIMES = st.integers(0, 60_000)


@st.composite
def words(draw):
    start = draw(TIMES)
    return Word(
        draw(st.sampled_from(["agent", "customer", "mixed"])),
        start,
        start + draw(st.integers(0, 3000)),
        draw(TEXTS),
        draw(st.floats(0, 1)),
        draw(st.sampled_from(["", "", "", "loop", "no-speech"])),
    )


@st.composite
def spans(draw):
    edges = sorted(draw(st.lists(TIMES, max_size=10, unique=True)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def events(draw):
    start = draw(TIMES)
    kinds = ["silence", "hold", "interruption", "overtalk", "raised_voice", "fast", "backchannel"]
    return {
        "kind": draw(st.sampled_from(kinds)),
        "party": draw(st.sampled_from(["agent", "customer", None])),
        "start_ms": start,
        "end_ms": start + draw(st.integers(0, 20_000)),
        "detail": draw(st.sampled_from([{}, {"owner": "agent", "before": "customer"}])),
    }


@st.composite
def calls(draw):
    measures = {"agent": {"articulation_rate": draw(st.none() | st.floats(0, 500))}}
    return CallView(
        call_id="odd",
        lang=draw(st.sampled_from(["en", "zh", "fr", ""])),
        grade=draw(st.sampled_from("ABCD")),
        duration_ms=draw(TIMES),
        conversation=(draw(TIMES), draw(TIMES)),
        words=draw(st.lists(words(), max_size=15)),
        speech=draw(st.sampled_from([{}, {"agent": draw(spans()), "customer": draw(spans())}])),
        measures=draw(st.sampled_from([{}, measures])),
        events=draw(st.lists(events(), max_size=4)),
        metadata=draw(
            st.dictionaries(
                st.sampled_from(["direction", "queue", "release_side", "call_type"]),
                st.text(max_size=8),
            )
        ),
    )


@given(calls())
@settings(max_examples=150, deadline=None)
def test_every_rule_answers_on_any_call(view):
    for book in (STANDARD, STARTER):
        results = evaluate(book, [view])[0]
        assert [result.rule for result in results] == [rule.id for rule in book.call_rules]
        for result in results:
            assert isinstance(result, RuleResult)
            assert 0 <= result.earned <= 1
            assert 0 <= result.met <= max(result.due, result.met)
            if result.outcome in {"not_applicable", "unknown"}:
                assert result.reason, result.rule
            for hit in result.hits:
                assert hit["start_ms"] is not None
                assert hit["end_ms"] is not None
        score = score_call(book, results)
        if score.percent is not None:
            assert 0 <= score.percent <= 100
            assert score.points <= score.potential + 1e-6
