import numpy as np

from speechqa.pipeline import CallFacts
from speechqa.pipeline.transcribe import with_parties_checked
from speechqa.transcript import Party, Word


def facts(greeter: Party) -> CallFacts:
    texts = "thank you for calling how can i help you".split()
    other: Party = "customer" if greeter == "agent" else "agent"
    words = [Word(greeter, 300 * i, 300 * i + 250, text, 0.9) for i, text in enumerate(texts)]
    words.append(Word(other, 4000, 4300, "hi", 0.9))
    return CallFacts(
        key="k",
        call_id="c",
        path="c.wav",
        size_bytes=1,
        mtime_ns=1,
        audio_sha256="a",
        config="c",
        status="scored",
        channels=2,
        words=tuple(words),
        masked=((greeter, 0, 100),),
        speech={greeter: np.array([[0, 3000]]), other: np.array([[4000, 4300]])},
        levels={greeter: {"level_dbfs": -20.0}, other: {"level_dbfs": -30.0}},
        peaks={greeter: b"g", other: b"o"},
    )


def test_a_greeting_on_the_agents_side_changes_nothing():
    assert with_parties_checked(facts("agent"), decide=False).checks == ()
    assert with_parties_checked(facts("agent"), decide=True).checks == ()


def test_a_greeting_on_the_customers_side_is_named_and_nothing_is_repaired():
    found = with_parties_checked(facts("customer"), decide=False)
    assert [check["name"] for check in found.checks] == ["swapped-parties"]
    assert found.words == facts("customer").words


def test_when_told_to_decide_the_parties_change_places_everywhere_and_that_is_noted():
    found = with_parties_checked(facts("customer"), decide=True)
    right = facts("agent")
    assert found.words == right.words
    assert found.masked == right.masked
    assert (found.levels, found.peaks) == (right.levels, right.peaks)
    assert all((found.speech[p] == right.speech[p]).all() for p in right.speech)
    assert [check["name"] for check in found.checks] == ["agent-channel"]
