"""A rule as a Chinese sentence; the sister of `speechqa.rulebook.sentence`.

Names of wordings and measures stay as the rulebook has them unless the caller knows better ones.
Team rules, which no page of a call shows, are told in English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from speechqa.rulebook import finders, rules
from speechqa.rulebook.quantities import BoundByLanguage, Ramp
from speechqa.rulebook.sentence import forms_text, rule_sentence

Named = Callable[[str], str]
"""From the name of a wording or a measure to what people call it."""
PARTIES = {"agent": "坐席", "customer": "客户", "any": "任一方", "mixed": "任一方"}
EVENTS = {
    "silence": "静默",
    "hold": "保持",
    "interruption": "打断",
    "overtalk": "抢话",
    "backchannel": "附和",
    "raised_voice": "提高嗓门",
    "fast": "语速过快",
    "slow": "语速过慢",
    "dead_air": "冷场",
    "long_silence": "长静默",
}
PER = {
    "minute": "每分钟",
    "minute_of_speech": "每分钟说话",
    "100_words": "每 100 词",
    "hour": "每小时",
}
LANGUAGE_NAMES = {"zh": "中文", "en": "英文"}
COMPARED = {"above": "高于", "below": "低于", "at_least": "不低于", "at_most": "不高于"}


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

    def rule(self, rule: Any) -> str:
        makers: dict[str, Callable[[Any], str]] = {
            "forbidden": self._forbidden,
            "required": self._required,
            "each": self._each,
            "limit": self._limit,
            "sequence": self._sequence,
        }
        made = makers[rule.kind](rule) + self._where(rule.where)
        when = " 且 ".join(self._finder(one) for one in rule.when or ())
        return f"当 {when} 时：{made}。" if when else f"{made}。"

    def _forbidden(self, rule: rules.Forbidden) -> str:
        most = f"超过 {rule.allow} 次" if rule.allow else ""
        spoken = all(isinstance(one, finders.Words | finders.Named) for one in rule.find)
        verb = "说" if spoken else "出现"
        return f"{PARTIES[rule.party]}不得{verb}{most}：{self._several(rule.find, '、')}"

    def _required(self, rule: rules.Required) -> str:
        party = PARTIES[rule.party]
        if len(rule.find) == 1:
            return f"{party}必须说：{self._finder(rule.find[0])}"
        needed = f"以下至少 {rule.at_least} 项" if rule.at_least else "以下全部"
        together = "（在同一话轮内）" if rule.together else ""
        return f"{party}必须说{needed}：{self._several(rule.find, '；')}{together}"

    def _each(self, rule: rules.Each) -> str:
        place = "随后" if rule.then else "事先" if rule.first else "同时"
        wanted = rule.then or rule.first or rule.with_ or ()
        limits = []
        if rule.within_s is not None:
            limits.append(f"{rule.within_s:g} 秒")
        if rule.within_turns is not None:
            limits.append(f"{rule.within_turns} 个话轮")
        within = f"（{'、'.join(limits)}内）" if limits else ""
        needed = f"以下至少 {rule.at_least} 项" if rule.at_least else ""
        return (
            f"每当出现 {self._finder(rule.each)}，{PARTIES[rule.party]}{place}必须说{needed}："
            f"{self._several(wanted, ' 及 ')}{within}"
        )

    def _limit(self, rule: rules.Limit) -> str:
        unit = "ms" if (rule.measure or "").endswith("_ms") else "秒" if rule.between else ""
        bounds = " 且 ".join(
            f"{word} {_bound(bound, unit)}"
            for word, bound in (("不低于", rule.at_least), ("不高于", rule.at_most))
            if bound is not None
        )
        return f"{self._figure(rule)}应{bounds}"

    def _figure(self, rule: rules.Limit) -> str:
        if rule.measure:
            return self._named(rule.measure)
        if rule.column:
            return f"元数据列 {rule.column} "
        if rule.between:
            first, last = rule.between
            return f"从 {self._finder(first)} 到 {self._finder(last)} 的时间"
        if rule.span and rule.each:
            return f"每次 {self._finder(rule.each)} 的 {rule.span} "
        if rule.distinct:
            return f"所说不同内容的种数（{self._several(rule.distinct, '；')}）"
        if rule.variants:
            return f"不同说法的种数（{self._several(rule.variants, '、')}）"
        per = f"{PER[rule.per]} " if rule.per in PER else ""
        of = f"每个 {self._finder(rule.of)} 对应的 " if rule.of else ""
        return f"{per}{of}{self._several(rule.count or (), ' 或 ')} 的次数"

    def _sequence(self, rule: rules.Sequence) -> str:
        steps = []
        for number, step in enumerate(rule.steps, 1):
            what = (
                f"{step.pause_s:g} 秒静默"
                if step.pause_s
                else self._several(step.find or (), " 且 ")
            )
            extra = [
                text.format(value)
                for text, value in (("{:g} 秒内", step.within_s), ("{:g} 秒后", step.after_s))
                if value is not None
            ]
            extra += ["可省略"] if step.optional else []
            steps.append(f"{number}. {what}" + (f"（{'，'.join(extra)}）" if extra else ""))
        start = f"在 {self._finder(rule.start)} 之后，" if rule.start else ""
        needed = f"以下至少 {rule.at_least} 项" if rule.at_least else "以下各项"
        return f"{start}应依次出现{needed}：{'，'.join(steps)}"

    def _several(self, items: Iterable[Any], glue: str) -> str:
        return glue.join(self._finder(item) for item in items)

    def _finder(self, finder: Any) -> str:
        who = f"{PARTIES[finder.party]}的 " if finder.party else ""
        return f"{who}{self._bare(finder)}{self._where(finder.where)}"

    def _bare(self, finder: Any) -> str:
        match finder:
            case finders.Named(use=use):
                return self._named(use)
            case finders.Words():
                lists = [finder.forms(lang) for lang in LANGUAGE_NAMES]
                return " / ".join(
                    forms_text(forms, glue="、", more="（另 {} 种）")
                    for forms in lists
                    if forms is not None
                )
            case finders.AnyOf(any=items):
                return f"（{self._several(items, ' 或 ')}）"
            case finders.AllOf(all=items):
                return f"（{self._several(items, ' 且 ')}）"
            case finders.AtLeast():
                return f"（以下至少 {finder.at_least} 项：{self._several(finder.of, '；')}）"
            case finders.NoneOf(none=items):
                return f"没有 {self._several(items, '，也没有 ')}"
            case finders.Event():
                return self._event(finder)
            case finders.TurnFinder():
                return f"{PARTIES[finder.turn]}的{'提问' if finder.question else '话轮'}"
            case finders.Digits():
                return f"连续 {finder.digits} 位数字"
            case finders.Repeats():
                return f"{PARTIES[finder.repeats]}重复的话轮"
            case finders.Measure():
                return f"{self._named(finder.measure)}{_compared(finder)}"
        return _metadata(finder)

    def _event(self, finder: finders.Event) -> str:
        low = f"至少 {finder.min_s:g} 秒的" if finder.min_s is not None else ""
        owner = f"属于{PARTIES[finder.owner]}的" if finder.owner else ""
        return f"{low}{owner}{EVENTS.get(finder.event, finder.event)}"

    def _where(self, where: finders.Where | None) -> str:
        if where is None:
            return ""
        parts = [
            text.format(value)
            for name, text in (
                ("first_s", "前 {:g} 秒内"),
                ("last_s", "最后 {:g} 秒内"),
                ("first_percent", "前 {:g} % 内"),
                ("last_percent", "最后 {:g} % 内"),
                ("first_turns", "前 {:g} 个话轮内"),
                ("last_turns", "最后 {:g} 个话轮内"),
            )
            if (value := getattr(where, name)) is not None
        ]
        limit = f" {where.within_s:g} 秒内" if where.within_s is not None else ""
        limit += f" {where.within_turns} 个话轮内" if where.within_turns else ""
        for name, text in (
            ("after", "在 {} 之后{}"),
            ("before", "在 {} 之前{}"),
            ("around", "在 {} 前后{}"),
            ("during", "在 {} 期间{}"),
            ("same_turn", "与 {} 同一话轮{}"),
            ("not_after", "但不在 {} 之后{}"),
            ("not_before", "但不在 {} 之前{}"),
            ("not_during", "但不在 {} 期间{}"),
        ):
            anchor = getattr(where, name)
            if anchor is not None:
                parts.append(text.format(self._finder(anchor), limit))
        return f"（{'，'.join(parts)}）"


def _metadata(finder: Any) -> str:
    """Return a condition on what is known of the call beside its sound."""
    match finder:
        case finders.Column():
            wanted = finder.is_ if finder.is_ is not None else finder.is_not
            if wanted is None:
                return f"元数据 {finder.column} 已给出"
            no = "不" if finder.is_ is None else ""
            return f"元数据 {finder.column} {no}为 {_values(wanted)}"
        case finders.OptionIs():
            return f"选项 {finder.option} 为 {_values(finder.is_)}"
        case finders.LangIs(lang=lang):
            names = (lang,) if isinstance(lang, str) else lang
            return f"语言为{'或'.join(LANGUAGE_NAMES.get(one, one) for one in names)}"
    return "？"


def _values(wanted: Any) -> str:
    return " 或 ".join(map(str, wanted)) if isinstance(wanted, tuple) else str(wanted)


def _compared(finder: Any) -> str:
    return " 且 ".join(
        f"{word} {value}"
        for name, word in COMPARED.items()
        if (value := getattr(finder, name)) is not None
    )


def _bound(bound: Any, unit: str) -> str:
    if isinstance(bound, BoundByLanguage):
        each = [(name, getattr(bound, lang)) for lang, name in LANGUAGE_NAMES.items()]
        return "、".join(f"{name} {_bound(one, unit)}" for name, one in each if one is not None)
    if isinstance(bound, Ramp):
        return f"{_value(bound.limit, unit)}（{_value(bound.target, unit)} 起得满分）"
    return _value(bound, unit)


def _value(value: Any, unit: str) -> str:
    return value if isinstance(value, str) else f"{value:g} {unit}".strip()
