"""A rule as a Chinese sentence; the sister of `speechqa.rulebook.sentence`.

Names of wordings and measures stay as the rulebook has them unless the caller knows better ones.
Team rules, which no page of a call shows, are told in English.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speechqa.rulebook import rules
from speechqa.rulebook.finder_text_zh import LANGUAGE_NAMES, PARTIES, PLACES, FinderTexts, Named
from speechqa.rulebook.quantities import BoundByLanguage, Ramp
from speechqa.rulebook.sentence import rule_sentence
from speechqa.rulebook.wording import kind_of_all, unit_of, value_text

PER = {"minute": "每分钟", "minute_of_speech": "每分钟说话", "100_words": "每 100 词"}
SPANS = {
    "length_s": "时长",
    "gap_before_s": "之前的间隔",
    "gap_after_s": "之后的间隔",
    "units_per_min": "每分钟字词数",
    "digits_per_s": "每秒数字数",
    "words": "字词数",
    "overlap_words": "与对方用词的重合度",
}


def rule_sentence_zh(rule: Any, named: Named = str) -> str:
    """Return what a rule asks for, in one Chinese sentence.

    Examples
    --------
    >>> from speechqa.rulebook import load
    >>> rule_sentence_zh(load("starter").rule("complaint-apology"))
    '每当出现 complaint，坐席随后必须说：apology（2 个话轮内）。'
    """
    if rule.kind == "team":
        return rule_sentence(rule)
    return _Writer(named).rule(rule)


class _Writer:
    def __init__(self, named: Named) -> None:
        self._named = named
        self._of = FinderTexts(named)

    def rule(self, rule: Any) -> str:
        makers: dict[str, Callable[[Any], str]] = {
            "forbidden": self._forbidden,
            "required": self._required,
            "each": self._each,
            "limit": self._limit,
            "sequence": self._sequence,
        }
        made = makers[rule.kind](rule) + self._of.where(rule.where)
        when = " 且 ".join(self._of.finder(one) for one in rule.when or ())
        only = "、".join(LANGUAGE_NAMES.get(one, one) for one in rule.languages or ())
        asked = self._in_sequence(rule) if rule.kind == "sequence" else ""
        asked += f"仅限{only}。" if only else ""
        asked += "" if rule.needs_grade == "D" else f"证据等级至少为 {rule.needs_grade}。"
        return (f"当 {when} 时：{made}。" if when else f"{made}。") + asked

    def _forbidden(self, rule: rules.Forbidden) -> str:
        most = f"超过 {rule.allow} 次" if rule.allow else ""
        found = self._of.several(rule.find, "、")
        match kind_of_all(rule.find):
            case "said":
                return f"{PARTIES[rule.party]}不得说{most}：{found}"
            case "happens":
                return f"不得出现{most}：{found}"
        return f"不得有此情形：{found}"

    def _required(self, rule: rules.Required) -> str:
        must = self._must(rule.party, kind_of_all(rule.find))
        if len(rule.find) == 1:
            return f"{must}：{self._of.finder(rule.find[0])}"
        needed = f"以下至少 {rule.at_least} 项" if rule.at_least else "以下全部"
        together = f"（在{PLACES[rule.together]}）" if rule.together else ""
        return f"{must}{needed}：{self._of.several(rule.find, '；')}{together}"

    @staticmethod
    def _must(party: str, kind: str, place: str = "") -> str:
        if kind == "said":
            return f"{PARTIES[party]}{place}必须说"
        return f"{place}必须出现" if kind == "happens" else f"{place}必须满足"

    def _each(self, rule: rules.Each) -> str:
        place = "随后" if rule.then else "事先" if rule.first else "同时"
        wanted = rule.then or rule.first or rule.with_ or ()
        limits = [] if rule.within_s is None else [f"{rule.within_s:g} 秒"]
        turns = rule.within_turns or (None if limits or rule.with_ else 1)
        limits += [f"{turns} 个话轮"] if turns else []
        within = f"（{'、'.join(limits)}内）" if limits else ""
        needed = f"以下至少 {rule.at_least} 项" if rule.at_least else ""
        must = self._must(rule.party, kind_of_all(wanted), place)
        share = rule.at_least_share
        often = "每当" if share == 1 else f"至少 {100 * share:g} % 的情况下，凡"
        return (
            f"{often}出现 {self._of.finder(rule.each)}，{must}{needed}："
            f"{self._of.several(wanted, ' 及 ')}{within}"
        )

    def _limit(self, rule: rules.Limit) -> str:
        unit = unit_of(rule)
        unit = "秒" if unit == "s" else unit
        bounds = " 且 ".join(
            f"{word} {_bound(bound, unit, word)}"
            for word, bound in (("不低于", rule.at_least), ("不高于", rule.at_most))
            if bound is not None
        )
        return f"{self._figure(rule)}应{bounds}"

    def _figure(self, rule: rules.Limit) -> str:
        if rule.measure:
            return self._named(rule.measure)
        if rule.column:
            return f"元数据“{rule.column}”"
        if rule.between:
            first, last = rule.between
            return f"从 {self._of.finder(first)} 到 {self._of.finder(last)} 的时间"
        if rule.span and rule.each:
            return f"每次 {self._of.finder(rule.each)} 的{SPANS[rule.span]}"
        if rule.distinct:
            return f"所说不同内容的种数（{self._of.several(rule.distinct, '；')}）"
        if rule.variants:
            return f"不同说法的种数（{self._of.several(rule.variants, '、')}）"
        per = f"{PER[rule.per]} " if rule.per in PER else ""
        of = f"每个 {self._of.finder(rule.of)} 对应的 " if rule.of else ""
        least = f"（至少有 {rule.least_count} 个时）" if rule.least_count > 1 else ""
        return f"{per}{of}{self._of.several(rule.count or (), ' 或 ')} 的次数{least}"

    def _sequence(self, rule: rules.Sequence) -> str:
        steps = []
        for number, step in enumerate(rule.steps, 1):
            what = (
                f"{step.pause_s:g} 秒静默"
                if step.pause_s
                else self._of.several(step.find or (), " 且 ")
            )
            extra = [
                text.format(value)
                for text, value in (("{:g} 秒内", step.within_s), ("{:g} 秒后", step.after_s))
                if value is not None
            ]
            extra += ["可省略"] if step.optional else []
            steps.append(f"{number}. {what}" + (f"（{'，'.join(extra)}）" if extra else ""))
        start = f"在 {self._of.finder(rule.start)} 之后，" if rule.start else ""
        needed = f"以下至少 {rule.at_least} 项" if rule.at_least else "以下各项"
        return f"{start}应依次出现{needed}：{'，'.join(steps)}"

    def _in_sequence(self, rule: rules.Sequence) -> str:
        slack = f"时间可差 {rule.tolerance_s:g} 秒。" if rule.tolerance_s else ""
        broken = "缺一步即止。" if rule.first_breaks else ""
        void = f"出现 {self._of.finder(rule.abort)} 时不作评判。" if rule.abort else ""
        return slack + broken + void


def _bound(bound: Any, unit: str, word: str) -> str:
    if isinstance(bound, BoundByLanguage):
        each = [(name, getattr(bound, lang)) for lang, name in LANGUAGE_NAMES.items()]
        texts = (f"{name} {_bound(one, unit, word)}" for name, one in each if one is not None)
        return "、".join(texts)
    if isinstance(bound, Ramp):
        limit, target = value_text(bound.limit, unit), value_text(bound.target, unit)
        return f"{limit}（{word} {target} 得满分）"
    return value_text(bound, unit)
