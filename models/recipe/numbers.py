"""Numbers, dates, times and amounts as people say them, in English and Mandarin."""

from __future__ import annotations

import random

ONES = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
HAN_DIGITS = "零一二三四五六七八九"


def english(n: int) -> str:
    """An integer below one million in words.

    >>> english(421)
    'four hundred and twenty one'
    """
    if n < 10:
        return ONES[n]
    if n < 20:
        return TEENS[n - 10]
    if n < 100:
        return TENS[n // 10 - 2] + (f" {ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" and {english(n % 100)}" if n % 100 else "")
    return f"{english(n // 1000)} thousand" + (f" {english(n % 1000)}" if n % 1000 else "")


def chinese(n: int) -> str:
    """An integer below ten thousand in Han characters.

    >>> chinese(15), chinese(305), chinese(1200)
    ('十五', '三百零五', '一千二百')
    """
    if n < 10:
        return HAN_DIGITS[n]
    if n < 20:
        return "十" + (HAN_DIGITS[n % 10] if n % 10 else "")
    for unit, name in ((1000, "千"), (100, "百"), (10, "十")):
        if n >= unit:
            head, rest = HAN_DIGITS[n // unit] + name, n % unit
            if not rest:
                return head
            gap = "零" if rest < unit // 10 else ""
            tail = HAN_DIGITS[rest // 10] + chinese(rest)[-2:] if 10 <= rest < 20 else ""
            if tail:
                tail = "一十" + (HAN_DIGITS[rest % 10] if rest % 10 else "")
            return head + gap + (tail or chinese(rest))
    raise AssertionError("unreachable")


def digits(rng: random.Random, lang: str) -> str:
    """A short run of digits, as of an account number."""
    run = [rng.randrange(10) for _ in range(rng.choice((3, 4, 4, 5, 6, 7, 8)))]
    if lang == "zh":
        return "".join(rng.choice("一幺") if d == 1 else HAN_DIGITS[d] for d in run)
    return " ".join(rng.choice(("zero", "oh")) if d == 0 else ONES[d] for d in run)


def amount(rng: random.Random, lang: str) -> str:
    """Money."""
    n = rng.choice((rng.randint(2, 99), rng.randint(100, 999), rng.randint(1, 9) * 1000))
    if lang == "zh":
        return chinese(n) + rng.choice(("元", "块钱", "块", "元五角"))
    unit, cent = rng.choice((("dollars", "cents"), ("pounds", "pence"), ("dollars", "cents")))
    tail = f" and {english(rng.randint(2, 99))} {cent}" if rng.random() < 0.3 else ""
    return f"{english(n)} {unit}{tail}"


def ordinal(rng: random.Random) -> str:
    """An ordinal up to thirty first."""
    n = rng.randint(1, 31)
    if n <= 20:
        return ORDINALS[n - 1]
    return "thirtieth" if n == 30 else f"{TENS[n // 10 - 2]} {ORDINALS[n % 10 - 1]}"


def clock(rng: random.Random, lang: str) -> str:
    """A time of day."""
    hour = rng.randint(1, 12)
    if lang == "zh":
        return chinese(hour).replace("二", "两", hour == 2) + rng.choice(("点", "点半", "点整"))
    tail = rng.choice(("", " o'clock", " thirty", " fifteen", " forty five", " a m", " p m"))
    return english(hour) + tail
