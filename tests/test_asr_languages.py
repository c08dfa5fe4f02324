"""Which language a channel speaks, from a few of its windows."""

from __future__ import annotations

import numpy as np
import pytest

from speechqa.asr.interface import SpeechJob
from speechqa.asr.languages import LanguageChoice, choose_languages, probed


def job(key: str, call: str = "", language: str | None = None) -> SpeechJob:
    nothing = np.zeros((0, 2), np.int64)
    return SpeechJob(key, np.zeros(0), 8000, nothing, nothing, language, call)


def choose(jobs, evidence, allowed=()):
    return choose_languages(jobs, evidence, allowed=allowed, uncertain=0.7)


def test_the_longest_windows_are_asked_until_there_is_enough_speech():
    windows = [(0, 0, 3000), (1, 0, 9000), (2, 0, 12_000), (3, 0, 8000)]
    assert probed([job("a")], windows) == [1, 2]


def test_at_most_three_windows_are_asked_and_none_where_the_language_is_given():
    windows = [(n, n // 5, 1000 + n) for n in range(10)]
    assert probed([job("a"), job("b", language="zh")], windows) == [2, 3, 4]


def test_answers_count_by_seconds_of_speech():
    evidence = [[(1000, {"en": 0.9, "zh": 0.1}), (9000, {"en": 0.2, "zh": 0.8})]]
    assert choose([job("a")], evidence) == [LanguageChoice("zh", pytest.approx(0.73))]


def test_an_unsure_channel_takes_the_language_of_its_call():
    jobs = [job("a", "call"), job("b", "call"), job("c", "other")]
    unsure = [(500, {"de": 0.5, "en": 0.4, "zh": 0.1})]
    evidence = [[(20_000, {"en": 0.99, "de": 0.01})], unsure, unsure]
    assert [choice.language for choice in choose(jobs, evidence)] == ["en", "en", "de"]


def test_a_sure_channel_keeps_its_own_language_in_a_mixed_call():
    jobs = [job("a", "call"), job("b", "call")]
    evidence = [[(20_000, {"en": 0.99, "zh": 0.01})], [(2000, {"zh": 0.9, "en": 0.1})]]
    assert [choice.language for choice in choose(jobs, evidence)] == ["en", "zh"]


def test_a_language_the_model_does_not_know_is_never_chosen_and_leaves_it_unsure():
    evidence = [[(9000, {"de": 0.9, "en": 0.08, "zh": 0.02})]]
    (choice,) = choose([job("a")], evidence, allowed=("en", "zh"))
    assert choice.language == "en"
    assert choice.probability == pytest.approx(0.08)


def test_a_given_language_is_certain():
    assert choose([job("a", language="zh")], [[]]) == [LanguageChoice("zh", 1.0)]


def test_a_channel_without_evidence_is_unsure():
    assert choose([job("a")], [[]])[0].probability == 0.0


def test_the_order_of_the_evidence_does_not_matter():
    rows = [(700, {"en": 0.3, "zh": 0.7}), (900, {"en": 0.6, "zh": 0.4}), (700, {"en": 1.0})]
    assert choose([job("a")], [rows]) == choose([job("a")], [rows[::-1]])
