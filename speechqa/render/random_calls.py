"""Random scripts: varied calls for measuring, one for each seed.

The texts are ordinary sentences in no particular order; what varies is what timing measures see:
pauses, silences, interruptions, short answers, words put in, voices, speeds and levels. Knows
nothing of rulebooks: for calls with planted phrases write scripts.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from speechqa.render.script import Script, Step, Voice, Voices

# Without variants that echo (f2 to f5, m2): their sound goes on after their last phone.
VOICES: dict[str, tuple[str, ...]] = {
    "en": (
        "flite:slt",
        "flite:rms",
        "flite:awb",
        "espeak:en-us+m3",
        "espeak:en-us+f1",
        "espeak:en-us+m7",
        "espeak:gmw/en+m1",
        "espeak:en-gb-x-rp+f1",
        "espeak:en-us+steph2",
        "espeak:gmw/en+steph",
    ),
    "zh": (
        "espeak:cmn-latn-pinyin+f1",
        "espeak:cmn-latn-pinyin+m1",
        "espeak:cmn-latn-pinyin+m3",
        "espeak:cmn-latn-pinyin+belinda",
        "espeak:cmn-latn-pinyin+steph",
        "espeak:cmn-latn-pinyin+m7",
    ),
}

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": (
        "I am calling about the parcel that was sent to my old address.",
        "Let me look at your account and see what happened last week.",
        "The engineer came on Tuesday morning and changed the small box in the hall.",
        "Could you tell me how long the repair will take?",
        "Yes, I can see the order here, it left our store this morning.",
        "We moved house in April and the new number does not work yet.",
        "Please read me the last four numbers on the back of the card.",
        "Nobody told me that the price would change after the first year.",
        "Thank you for your patience, I have found the right page now.",
        "I would like to pay the rest at the end of the month.",
        "The light on the front is green, and the other one is red.",
        "Sure, give me a minute to find my glasses and a pen.",
        "You can bring it back to any of our shops with the receipt.",
        "My daughter uses the same plan and she pays much less than I do.",
        "It rained all night and now the phone makes a strange noise.",
        "I will write that down and pass it on to my colleague in the office.",
        "Is it possible to change the date to next Friday afternoon?",
        "That is right, the letter came on Monday.",
        "We have sent the money back to your bank, it takes about three days.",
        "I tried that twice and it did not help at all.",
        "Open the window, press the round button and wait until it stops.",
        "Our records show that the contract began in September.",
        "Fine.",
        "No, it was in the morning, just before nine.",
        "Two people in my street have the very same trouble.",
        "The new one is a little bigger, and it is quiet when it runs.",
        "So what do I have to do now?",
        "I have sent you an email with the form, please sign it and send it back.",
        "All right, that sounds good to me.",
        "The bill says forty two, and I think it should be thirty.",
    ),
    "zh": (
        "我想问一下上个月的账单为什么比平时多。",
        "好的，我帮您看一下账户里的记录。",
        "师傅星期二上午来过，换了门口的小盒子。",
        "请问修好大概要多长时间？",
        "我看到您的订单了，今天早上已经从仓库发出来了。",
        "我们四月份搬了家，新的号码还不能用。",
        "麻烦您念一下卡后面的最后四个数字。",
        "没有人告诉我第二年价格会变。",
        "谢谢您的耐心，我已经找到那一页了。",
        "剩下的钱我想月底再付。",
        "前面的灯是绿色的，另外一个是红色的。",
        "可以，等我一分钟，我去找一下眼镜和笔。",
        "您可以带着发票到我们任何一家店里去换。",
        "我女儿用的也是这个套餐，她付的钱少得多。",
        "昨天晚上下了一夜的雨，现在电话里有奇怪的声音。",
        "我把这件事记下来，转给办公室的同事。",
        "能不能改到下个星期五下午？",
        "对，信是星期一收到的。",
        "我们已经把钱退到您的银行卡里了，大概三天能到。",
        "我试了两次，一点用也没有。",
        "打开窗户，按一下圆的按钮，等它停下来。",
        "记录上写的是九月份开始的合同。",
        "行。",
        "不是，是早上，快九点的时候。",
        "我们这条街上还有两家也是这样。",
        "新的稍微大一点，用起来很安静。",
        "那我现在应该怎么做？",
        "我给您发了一封邮件，请您填好表格再发回来。",
        "好，听起来不错。",
        "账单上写的是四十二元，我觉得应该是三十元。",
    ),
}

NODS: dict[str, tuple[str, ...]] = {
    "en": ("Yes.", "Right.", "I see.", "Okay.", "Sure."),
    "zh": ("嗯。", "对。", "好的。", "是的。", "明白。"),
}

Language = Literal["en", "zh"]


def random_script(seed: int, *, language: Language | None = None, turns: int = 22) -> Script:
    """Return a call of about `turns` turns; the same seed always gives the same script.

    Of the turns about one in eight interrupts, one in ten starts in the other's last half
    second, one in ten is a word put in, one in ten follows a silence of 3 to 9 s; some parties
    go on after a pause of their own. Calls of even seeds are English unless `language` says so.

    Examples
    --------
    >>> random_script(7) == random_script(7), random_script(7).language
    (True, 'zh')
    """
    rng = np.random.default_rng([seed, 3])
    lang: Language = language or ("zh" if seed % 2 else "en")
    names = rng.choice(VOICES[lang], size=2, replace=False)
    voices = Voices(agent=_voice(rng, names[0]), customer=_voice(rng, names[1]))
    lines = rng.permutation(SENTENCES[lang])
    steps: list[Step] = []
    party, before = "agent", ""
    for number in range(turns):
        text = str(lines[number % len(lines)])
        if number and rng.random() < 0.3:
            text += ("" if lang == "zh" else " ") + str(rng.choice(lines))
        start: dict[str, int] = {}
        if number and rng.random() < 0.1:
            steps.append(Step(silence_ms=int(rng.integers(3000, 9000))))
        else:
            start = _start(rng, may_overlap=before not in ("", party))
        steps.append(Step.model_validate({party: text, **start}))
        other = "customer" if party == "agent" else "agent"
        long = len(text) > (15 if lang == "zh" else 50)
        if rng.random() < 0.1 and long and "overlap_ms" not in start:
            nod = str(rng.choice(NODS[lang]))
            # Early in a long turn, which surely goes on for longer than the word.
            steps.append(
                Step.model_validate({other: nod, "during_ms": int(rng.integers(500, 1500))})
            )
        # After a turn inside the other's, an overlap could fall on the party's own words.
        before = "" if "overlap_ms" in start else party
        party = party if rng.random() < 0.15 else other
    return Script(
        call_id=f"random-{seed:04d}", language=lang, seed=seed, voices=voices, turns=tuple(steps)
    )


def _voice(rng: np.random.Generator, name: Any) -> Voice:
    pitch = None if name.startswith("flite") else float(rng.integers(35, 66))
    return Voice(voice=str(name), rate_wpm=float(rng.integers(165, 231)), pitch=pitch)


def _start(rng: np.random.Generator, *, may_overlap: bool) -> dict[str, int]:
    kind = rng.random()
    if may_overlap and kind < 0.12:
        gives_way = {"gives_way_ms": int(rng.integers(300, 900))} if rng.random() < 0.6 else {}
        return {"overlap_ms": int(rng.integers(700, 2500)), **gives_way}
    if may_overlap and kind < 0.22:
        return {"overlap_ms": int(rng.integers(80, 480))}
    return {"pause_ms": int(np.clip(rng.lognormal(6.1, 0.7), 60, 2900))}
