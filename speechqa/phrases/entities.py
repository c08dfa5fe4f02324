"""Entities that patterns may name: a digit, number, amount of money, duration or day in braces.

They are found as they stand in normalised text, where digits are spoken one by one ("50 pounds"
is ``five zero pounds``) and number words are left as they are. Not known: amounts whose currency
was written as a sign, dates in digits.
"""

from __future__ import annotations

from speechqa.phrases.normalise import DIGIT_PATTERN

_EN_NUMBER = (
    "(?:oh|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    "fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    "ninety|hundred|thousand|million|dozen|half|point)"
)
_EN = {
    "number": f"(?:{_EN_NUMBER}(?: (?:and )?{_EN_NUMBER}){{0,11}})",
    "money": "(?:pounds?|quid|pence|dollars?|bucks|cents?|euros?|yuan|francs?|rupees?)",
    "duration": "(?:seconds?|minutes?|hours?|(?:working |business )?days?|weeks?|months?|years?)",
}
_EN_DAY = (
    "(?:today|tonight|tomorrow(?: morning| afternoon| evening)?|yesterday|"
    "(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    "(?:(?:the )?[a-z]+(?:st|nd|rd|th) (?:of )?)?(?:january|february|march|april|june|july|august|"
    "september|october|november|december))"
)
_ZH_NUMBER = "[零一二三四五六七八九十百千万亿两半几点幺]{1,12}"
_ZH = {
    "number": _ZH_NUMBER,
    "money": "(?:元|块|毛|角|分钱|美元|欧元|港币|人民币)",
    "duration": "(?:秒|分钟|个?小时|个?钟头|个?工作日|天|日|周|个?星期|个?月|年)",
}
_ZH_DAY = (
    "(?:今天|今晚|明天|明早|后天|昨天|(?:下|本|这)?(?:个)?(?:周|星期|礼拜)[一二三四五六日天]|"
    "[一二三四五六七八九十零]{1,3}月(?:[一二三四五六七八九十零]{1,3}[日号])?)"
)

ENTITIES = ("digit", "number", "money", "duration", "day")


def entity_source(name: str, lang: str) -> str | None:
    r"""Return the regex of an entity in a language; None for a name that is none.

    English and Chinese are known; elsewhere the English words are looked for.

    Examples
    --------
    >>> import re
    >>> pattern = entity_source("money", "en")
    >>> re.search(pattern, "that is twenty five pounds a month").group()
    'twenty five pounds'
    >>> re.search(entity_source("duration", "zh"), "我们三到五个工作日处理").group()
    '五个工作日'
    >>> entity_source("planet", "en") is None
    True
    """
    chinese = lang == "zh"
    if name == "digit":
        return DIGIT_PATTERN["zh" if chinese else "en"]
    if name == "day":
        return _ZH_DAY if chinese else _EN_DAY
    parts = _ZH if chinese else _EN
    if name not in parts:
        return None
    if name == "number":
        return parts["number"]
    glue = "" if chinese else " "
    return f"(?:{parts['number']}{glue}{parts[name]})"
