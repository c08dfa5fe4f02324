"""A call as a picture: both waveforms, who speaks when, what happened, and the words.

One lane per party, in rows of 30 s (longer for long calls). Speech is shaded in the party's
colour, silences are grey across the lanes, holds blue, overtalk purple; interruptions are marked
in red where they start, backchannels by a small dot. Needs matplotlib (extra ``plot``), loaded
only here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from speechqa.errors import UsageError
from speechqa.transcript import Party, Word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from speechqa.pipeline import Assessment, CallFacts

SUFFIXES = (".png", ".svg", ".pdf")
COLOURS = {"agent": "#0072B2", "customer": "#D55E00", "mixed": "#009E73"}
"""From the palette of Okabe and Ito, which colour-blind readers tell apart."""

_ACROSS = {
    "silence": ("#7f7f7f", 0.28, "silence"),
    "hold": ("#56B4E9", 0.35, "hold"),
    "overtalk": ("#CC79A7", 0.35, "overtalk"),
}
_ROW_MS, _MOST_ROWS, _LONGEST_ROW_WITH_WORDS_MS = 30_000, 40, 45_000
_WIDTH_IN, _LANE_IN = 16.0, 1.15
_WORD_LEVELS = 3
_HAN_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Microsoft YaHei",
    "PingFang SC",
)


@dataclass(frozen=True)
class Picture:
    """What is drawn of a call.

    Parameters
    ----------
    duration_ms
        Length of the recording.
    speech
        Party to talkspurts, ms, in the order of the lanes.
    waves
        Party to waveform peaks, evenly spread over the recording, 0 to 1.
    events
        As in ``show --json``.
    words
        Of all parties.
    title
        One line on top.
    """

    duration_ms: int
    speech: Mapping[Party, NDArray[np.int64]]
    waves: Mapping[Party, NDArray[np.float64]] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    words: Sequence[Word] = ()
    title: str = ""

    @property
    def row_ms(self) -> int:
        """Length of a row: 30 s, or longer so that there are at most 40 rows.

        >>> Picture(90_000, {}).row_ms, Picture(3_600_000, {}).row_ms
        (30000, 90000)
        """
        return max(_ROW_MS, -(-self.duration_ms // (_MOST_ROWS * 1000)) * 1000)


def plot_call(facts: CallFacts, judged: Assessment | None, path: str | Path) -> None:
    """Draw one stored call into a .png, .svg or .pdf file.

    Raises
    ------
    UsageError
        The file's ending is another, the call holds nothing to draw, or matplotlib is missing.
    """
    if not facts.measured or not facts.parties:
        raise UsageError(
            f"{facts.call_id}: nothing to draw, the call was {facts.status}",
            hint="speechqa show CALL tells why",
        )
    waves: dict[Party, NDArray[np.float64]] = {
        party: np.frombuffer(raw, dtype=np.uint8) / 255 for party, raw in facts.peaks.items()
    }
    score = (
        ""
        if judged is None or judged.score["percent"] is None
        else (f"   score {judged.score['percent']:.1f} %")
    )
    draw(
        Picture(
            duration_ms=facts.duration_ms,
            speech={party: facts.speech[party] for party in facts.parties},
            waves=waves,
            events=judged.events if judged else (),
            words=facts.words,
            title=f"{facts.call_id}   agent {facts.agent_id or 'unknown'}   "
            f"grade {facts.grade}{score}",
        ),
        path,
    )


def draw(picture: Picture, path: str | Path) -> None:
    """Draw `picture` into a file, whole or not at all."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{target}: cannot draw into this kind of file", hint=f"use {', '.join(SUFFIXES)}"
        )
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "drawing needs matplotlib, which is not installed",
            hint='pip install "speechqa[plot]"',
        ) from None
    han = _han_fonts()
    with rc_context({"font.family": ["DejaVu Sans", *han], "svg.fonttype": "none"}):
        figure = _figure(Figure, picture, readable=bool(han))
        handle, partial = tempfile.mkstemp(suffix=target.suffix, dir=target.parent or ".")
        os.close(handle)
        try:
            figure.savefig(partial, dpi=110)
            os.replace(partial, target)
        except BaseException:
            os.unlink(partial)
            raise


def _figure(make: type[Figure], picture: Picture, *, readable: bool) -> Figure:
    lanes = list(picture.speech)
    rows = max(1, -(-picture.duration_ms // picture.row_ms))
    height = 0.9 + rows * (len(lanes) * _LANE_IN + 0.35)
    figure = make(figsize=(_WIDTH_IN, height))
    grid = figure.add_gridspec(
        rows,
        1,
        hspace=0.32 / (len(lanes) * _LANE_IN),
        left=0.055,
        right=0.99,
        top=1 - 0.75 / height,
        bottom=0.35 / height,
    )
    words = _drawable(picture, readable)
    for row in range(rows):
        inner = grid[row].subgridspec(len(lanes), 1, hspace=0.0)
        start = row * picture.row_ms
        for k, party in enumerate(lanes):
            axes = figure.add_subplot(inner[k])
            _lane(axes, picture, party, start, words.get(party, []), last=k == len(lanes) - 1)
            _events(axes, picture, party, start, named=k == 0)
    hidden = (
        ""
        if readable or len(words) == len(picture.speech)
        else ("   (no font with Chinese characters here: words left out)")
    )
    figure.suptitle(
        picture.title + hidden, x=0.055, y=1 - 0.12 / height, ha="left", va="top", fontsize=11
    )
    _legend(figure, lanes, height)
    return figure


def _drawable(picture: Picture, readable: bool) -> dict[str, list[Word]]:
    """Return the words that can be drawn legibly, by party."""
    found: dict[str, list[Word]] = {party: [] for party in picture.speech}
    if picture.row_ms > _LONGEST_ROW_WITH_WORDS_MS:
        return found
    for word in sorted(picture.words, key=lambda w: w.start_ms):
        if word.party in found and (readable or word.text.isascii()):
            found[word.party].append(word)
    return found


def _lane(
    axes: Axes, picture: Picture, party: Party, start: int, words: Sequence[Word], *, last: bool
) -> None:
    end = start + picture.row_ms
    colour = COLOURS.get(party, "black")
    for a, b in picture.speech[party].tolist():
        if a < end and b > start:
            axes.axvspan(a / 1000, b / 1000, color=colour, alpha=0.22, lw=0)
    peaks = picture.waves.get(party)
    if peaks is not None and len(peaks):
        at = (np.arange(len(peaks)) + 0.5) * picture.duration_ms / len(peaks)
        inside = (at >= start - 1000) & (at < end + 1000)
        # The square root shows soft sounds too: -40 dB is a tenth of the height.
        high = np.sqrt(peaks[inside])
        axes.fill_between(at[inside] / 1000, -high, high, color=colour, lw=0)
    for k, word in enumerate(words):
        if start <= word.start_ms < end:
            axes.text(
                word.start_ms / 1000,
                -1.32 - 0.3 * (k % _WORD_LEVELS),
                word.text,
                fontsize=5.5,
                va="center",
                color="#999999" if word.flag else "black",
                clip_on=True,
                parse_math=False,
            )
    axes.set_xlim(start / 1000, end / 1000)
    axes.set_ylim(-2.2 if words or picture.words else -1.2, 1.2)
    axes.set_yticks([0], [party], fontsize=8)
    axes.tick_params(axis="y", length=0)
    seconds = np.arange(start // 1000, end // 1000 + 1, 5 if picture.row_ms <= 60_000 else 30)
    labels = [f"{s // 60}:{s % 60:02d}" for s in seconds] if last else [""] * len(seconds)
    axes.set_xticks(seconds, labels, fontsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _events(axes: Axes, picture: Picture, party: Party, start: int, *, named: bool) -> None:
    end = start + picture.row_ms
    for event in picture.events:
        a, b, kind = event["start_ms"], event["end_ms"], event["kind"]
        if a >= end or b <= start:
            continue
        if kind in _ACROSS:
            colour, alpha, name = _ACROSS[kind]
            axes.axvspan(a / 1000, b / 1000, color=colour, alpha=alpha, lw=0)
            if named:
                middle = (max(a, start) + min(b, end)) / 2000
                axes.text(
                    middle,
                    1.02,
                    f"{name} {(b - a) / 1000:.1f} s",
                    fontsize=6,
                    ha="center",
                    va="bottom",
                    clip_on=False,
                )
        elif kind == "interruption" and event["party"] == party and a >= start:
            axes.plot([a / 1000], [0.95], marker="v", color="red", ms=7, clip_on=False)
            axes.plot([a / 1000, b / 1000], [0.95, 0.95], color="red", lw=1.5)
            axes.axvline(a / 1000, color="red", lw=0.7, ls=":")
        elif kind == "backchannel" and event["party"] == party and a >= start:
            axes.plot([(a + b) / 2000], [0.95], marker="o", color="black", ms=3, clip_on=False)


def _legend(figure: Figure, lanes: Sequence[str], height: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=COLOURS.get(p, "black"), alpha=0.22, label=f"{p} speaks") for p in lanes
    ]
    handles += [Patch(color=c, alpha=alpha, label=name) for c, alpha, name in _ACROSS.values()]
    handles += [
        Line2D([], [], marker="v", color="red", ls="", label="interruption"),
        Line2D([], [], marker="o", color="black", ms=3, ls="", label="backchannel"),
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        ncols=len(handles),
        fontsize=7.5,
        frameon=False,
        bbox_to_anchor=(0.05, 1 - 0.32 / height),
    )


def _han_fonts() -> list[str]:
    from matplotlib import font_manager

    known = set(font_manager.get_font_names())
    return [name for name in _HAN_FONTS if name in known]
