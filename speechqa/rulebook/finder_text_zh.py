"""What a finder looks for, and where, in Chinese words; the sister of `finder_text`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from speechqa.rulebook import finders
from speechqa.rulebook.wording import forms_text, kind_of, value_text

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
    "monologue": "长篇独白",
    "pause": "停顿",
    "start": "通话开始",
    "end": "通话结束",
}
PLACES = {"utterance": "同一句内", "turn": "同一话轮内", "call": "整通对话内"}
NTH = {"each": "", "first": "第一次", "last": "最后一次"}
LANGUAGE_NAMES = {"zh": "中文", "en": "英文"}
COMPARED = {"above": "高于", "below": "低于", "at_least": "不低于", "at_most": "不高于"}


class FinderTexts:
    """Tells finders; names stay as they are unless `named` knows better ones."""

    def __init__(self, named: Named) -> None:
        self._named = named

    def several(self, items: Iterable[Any], glue: str) -> str:
        """Return what several finders look for, joined by `glue`."""
        return glue.join(self.finder(item) for item in items)

    def finder(self, finder: Any) -> str:
        """Return what a finder looks for, whose it is, and where."""
        own = finder.party and kind_of(finder) != "holds"
        who = f"{PARTIES[finder.party]}的 " if own else ""
        return f"{who}{self._bare(finder)}{self.where(finder.where)}"

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
                return f"（{self.several(items, ' 或 ')}）"
            case finders.AllOf(all=items):
                return f"（{_together(finder)} {self.several(items, ' 且 ')}）"
            case finders.AtLeast():
                of = self.several(finder.of, "；")
                return f"（{_together(finder)}以下至少 {finder.at_least} 项：{of}）"
            case finders.NoneOf(none=items):
                return f"没有 {self.several(items, '，也没有 ')}"
            case finders.Event():
                return self._event(finder)
            case finders.TurnFinder():
                return self._turn(finder)
            case finders.Digits():
                most = f"至 {finder.max} 位" if finder.max else "位以上"
                return f"连续 {finder.digits} {most}数字"
            case finders.Repeats():
                return f"{PARTIES[finder.repeats]}重复的话轮"
            case finders.Measure():
                return f"{self._named(finder.measure)}{_compared(finder)}"
        return _metadata(finder)

    def _event(self, finder: finders.Event) -> str:
        owner = f"属于{PARTIES[finder.owner]}的" if finder.owner else ""
        before = f"{PARTIES[finder.before]}说完后的" if finder.before else ""
        announced = _told(finder.announced, "事先说明的", "未说明的")
        success = _told(finder.successful, "成功的", "未成功的")
        return f"{_length(finder)}{owner}{before}{announced}{success}{EVENTS[finder.event]}"

    def _turn(self, finder: finders.TurnFinder) -> str:
        words = f"至少 {finder.min_words} 个字词的" if finder.min_words else ""
        told = _told(finder.question, "提问", "非提问的话轮") or "话轮"
        contains = f"含 {self.finder(finder.contains)} 的" if finder.contains is not None else ""
        lacks = f"不含 {self.finder(finder.lacks)} 的" if finder.lacks is not None else ""
        return f"{PARTIES[finder.turn]}的{_length(finder)}{words}{contains}{lacks}{told}"

    def where(self, where: finders.Where | None) -> str:
        """Return in which part of the call, in brackets; empty for the whole call."""
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
        which = f"第 {where.nth} 次" if isinstance(where.nth, int) else NTH[where.nth]
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
                parts.append(text.format(which + self.finder(anchor), limit))
        return f"（{'，'.join(parts)}）"


def _together(finder: Any) -> str:
    if finder.within_s is not None:
        return f"{finder.within_s:g} 秒内"
    return PLACES[finder.within]


def _told(answer: bool | None, yes: str, no: str) -> str:
    return "" if answer is None else yes if answer else no


def _length(finder: Any) -> str:
    low, high = finder.min_s, finder.max_s
    if low is not None and high is not None:
        return f"{low:g} 至 {high:g} 秒的"
    if low is not None:
        return f"至少 {low:g} 秒的"
    return f"至多 {high:g} 秒的" if high is not None else ""


def _metadata(finder: Any) -> str:
    """Return a condition on what is known of the call beside its sound."""
    match finder:
        case finders.Column():
            return f"元数据“{finder.column}”{_column(finder)}"
        case finders.OptionIs():
            return f"选项“{finder.option}”为{_values(finder.is_)}"
        case finders.LangIs(lang=lang):
            names = (lang,) if isinstance(lang, str) else lang
            return f"语言为{'或'.join(LANGUAGE_NAMES.get(one, one) for one in names)}"
    return "？"


def _column(finder: finders.Column) -> str:
    checks = []
    if finder.is_ is not None:
        checks.append(f"为{_values(finder.is_)}")
    if finder.is_not is not None:
        checks.append(f"不为{_values(finder.is_not)}")
    if finder.contains is not None:
        checks.append(f"含“{finder.contains}”")
    if compared := _compared(finder):
        checks.append(compared)
    if finder.present is not None or not checks:
        checks.append("未给出" if finder.present is False else "已给出")
    return " 且 ".join(checks)


def _values(wanted: Any) -> str:
    return "或".join(f"“{one}”" for one in (wanted if isinstance(wanted, tuple) else (wanted,)))


def _compared(finder: Any) -> str:
    return " 且 ".join(
        f"{word} {value_text(value, '')}"
        for name, word in COMPARED.items()
        if (value := getattr(finder, name)) is not None
    )
