"""Sums over a picture's columns: cards, days, sections, how often each rule is broken.

Numerators and denominators are pooled, as in `speechqa.scorecard`; a figure that no call can give
is None. A filter is a mask over the calls, so any choice costs the same few sweeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.scorecard import NOBODY
from speechqa.web.columns import KINDS, Codes, Columns, Floats
from speechqa.web.figures import Card, Choice, Corrected, Day, ranked
from speechqa.web.pooling import Pools, pool_groups
from speechqa.web.rows import Listed

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


class Sums:
    """Figures of groups of calls, summed over a picture's columns.

    Parameters
    ----------
    columns
        The calls' figures.
    corrected
        Points with people's verdicts, of the calls that these change.
    """

    def __init__(self, columns: Columns, corrected: Corrected) -> None:
        self._all = columns
        self._corrected = corrected

    def mask(self, choice: Choice) -> Mask:
        """Return which calls are chosen."""
        chosen = np.ones(len(self._all.calls), dtype=bool)
        for wanted, (codes, names) in (
            (choice.queue, self._all.queues),
            (choice.language, self._all.languages),
            (choice.agent, self._all.agents),
        ):
            if wanted:
                chosen &= codes == (names.index(wanted) if wanted in names else -1)
        if choice.since or choice.until:
            codes, names = self._all.days
            fits = [
                bool(day) and day >= choice.since and (not choice.until or day <= choice.until)
                for day in names
            ]
            chosen &= np.array(fits, dtype=bool)[codes]
        return chosen

    def cards(self, mask: Mask) -> list[Card]:
        """Return one card per agent, best rank first, then the unranked by name."""
        codes, names = self._all.agents
        made = self._grouped(mask, codes, [name or NOBODY for name in names])
        return ranked(made)

    def card(self, name: str, mask: Mask) -> Card:
        """Return the card of all chosen calls together."""
        nobody = np.zeros(len(self._all.calls), dtype=np.int32)
        found = self._grouped(mask, nobody, [name], keep_empty=True)
        return found[0]

    def heat(self, mask: Mask) -> dict[str, dict[str, float | None]]:
        """Return day to section to pooled percent, days in order."""
        codes, names = self._all.days
        made = self._sections(mask, codes, len(names))
        return {name: one for name, one in zip(names, made, strict=True) if name and one}

    def rule_counts(self, mask: Mask) -> dict[str, Counter[str]]:
        """Return rule to the number of calls on which it was violated, met, unknown, fragile."""
        call, rule, kind = self._all.answers
        names = self._all.rule_names
        taken = mask[call]
        counts = np.bincount(
            rule[taken] * len(KINDS) + kind[taken], minlength=len(names) * len(KINDS)
        ).reshape(-1, len(KINDS))
        return {
            names[at]: Counter(dict(zip(KINDS, counts[at].tolist(), strict=True)))
            for at in np.flatnonzero(counts.sum(axis=1)).tolist()
        }

    def answered(self, rule: str, kind: str) -> Mask:
        """Return on which calls a rule was answered so, one of `KINDS`."""
        call, rules, kinds = self._all.answers
        found = np.zeros(len(self._all.calls), dtype=bool)
        if rule in self._all.rule_names:
            code = self._all.rule_names.index(rule)
            found[call[(rules == code) & (kinds == KINDS.index(kind))]] = True
        return found

    def _grouped(
        self, mask: Mask, codes: Codes, names: Sequence[str], *, keep_empty: bool = False
    ) -> list[Card]:
        rows = np.flatnonzero(mask & self._all.is_judged)
        group, count = codes[rows], len(names)
        calls = np.bincount(group, minlength=count)
        plain = self._plain(rows, group, count)
        pools, reviewed = self._pools(rows, group, count)
        sections = self._sections(mask, codes, count)
        violations = self._violations(mask, codes, count)
        days = self._days(rows, codes, count)
        return [
            Card(
                name=name,
                calls=int(calls[at]),
                judged=int(pools.n[at]),
                percent=known(pools.percent[at]),
                low=known(pools.low[at]),
                high=known(pools.high[at]),
                reviewed=reviewed[at],
                rank=None,
                sections=sections[at],
                violations=violations[at],
                days=days[at],
                **plain[at],
            )
            for at, name in enumerate(names)
            if keep_empty or calls[at]
        ]

    def _plain(self, rows: Rows, group: Codes, count: int) -> list[dict[str, Any]]:
        """Return the figures that are a sum, or one sum over another."""
        values = {name: column[rows] for name, column in self._all.fields.items()}

        def total(taken: Mask, figures: Floats | Mask) -> Floats:
            sums = np.bincount(group[taken], figures[taken].astype(np.float64), count)
            return sums.astype(np.float64)

        agent, customer = values["agent_talk_ms"], values["customer_talk_ms"]
        both = ~np.isnan(agent) & ~np.isnan(customer)
        quiet = ~np.isnan(values["silence_ms"]) & (values["live_ms"] > 0)
        heard = ~np.isnan(values["interruptions"])
        paced = ~np.isnan(values["rate"]) & (agent > 0)
        tongues, named = self._all.languages
        spoken = np.zeros((count, len(named)), dtype=bool)
        spoken[group, tongues[rows]] = True
        rates = self._rates(rows[paced], group[paced], count)
        every = np.ones(len(rows), dtype=bool)
        audio = total(every, self._all.audio_ms[rows])
        failed = total(every, values["failed"])
        shares = {
            "talk_share": _ratios(total(both, agent), total(both, agent + customer)),
            "silence_share": _ratios(
                total(quiet, values["silence_ms"]), total(quiet, values["live_ms"])
            ),
            "interruptions": _ratios(total(heard, values["interruptions"]), total(heard, every)),
        }
        return [
            {name: known(figures[at]) for name, figures in shares.items()}
            | {
                "audio_ms": int(audio[at]),
                "rate": rates[at][0][1] if len(rates[at]) == 1 else None,
                "rates": rates[at],
                "failed": int(failed[at]),
                "languages": tuple(
                    name for name, has in zip(named, spoken[at], strict=True) if has and name
                ),
            }
            for at in range(count)
        ]

    def _rates(self, rows: Rows, group: Codes, count: int) -> list[tuple[tuple[str, float], ...]]:
        """Return each group's speech rate per language, of calls that have one."""
        tongues, named = self._all.languages
        cell, size = group * len(named) + tongues[rows], count * len(named)
        units = np.bincount(cell, self._all.fields["units"][rows], size)
        spoken_ms = np.bincount(cell, self._all.fields["agent_talk_ms"][rows], size)
        made: list[list[tuple[str, float]]] = [[] for _ in range(count)]
        for at in np.flatnonzero(spoken_ms).tolist():
            rate = float(60_000 * units[at] / spoken_ms[at])
            made[at // len(named)].append((named[at % len(named)], rate))
        return [tuple(one) for one in made]

    def _pools(self, rows: Rows, group: Codes, count: int) -> tuple[Pools, list[float | None]]:
        """Return each group's pooled score, and the one with people's verdicts where it differs."""
        percent = self._all.fields["percent"][rows]
        scored = rows[~np.isnan(percent)]
        own = group[~np.isnan(percent)]
        points, potential = (self._all.fields[name][scored] for name in ("points", "potential"))
        pools = pool_groups(points, potential, own, count)
        reviewed: list[float | None] = [None] * count
        place = {int(row): at for at, row in enumerate(scored)}
        changed = [
            (place[at], self._corrected[call.recorded.key])
            for at, call in self._changed
            if at in place
        ]
        for at, pair in changed:
            points[at], potential[at] = pair
        if changed:
            new = pool_groups(points, potential, own, count)
            for at in {int(own[at]) for at, _ in changed}:
                reviewed[at] = known(new.percent[at])
        return pools, reviewed

    @cached_property
    def _changed(self) -> list[tuple[int, Listed]]:
        if not self._corrected:
            return []
        return [
            (at, call)
            for at, call in enumerate(self._all.calls)
            if call.recorded.key in self._corrected
        ]

    def _sections(self, mask: Mask, codes: Codes, count: int) -> list[dict[str, float | None]]:
        """Return each group's sections: points over potential; None where nothing applied."""
        call, section, points, potential = self._all.sections
        names = self._all.section_names
        taken = mask[call]
        cell = codes[call[taken]] * len(names) + section[taken]
        size = count * len(names)
        shape = (count, len(names))
        seen = np.bincount(cell, minlength=size).reshape(shape)
        top = np.bincount(cell, points[taken], size).reshape(shape)
        due = np.bincount(cell, potential[taken], size).reshape(shape)
        return [
            {
                names[at]: _percent(float(top[row, at]), float(due[row, at]))
                for at in np.flatnonzero(seen[row]).tolist()
            }
            for row in range(count)
        ]

    def _violations(
        self, mask: Mask, codes: Codes, count: int
    ) -> list[tuple[tuple[str, int], ...]]:
        call, rule, kind = self._all.answers
        names = self._all.rule_names
        taken = mask[call] & (kind == KINDS.index("violated"))
        counts = np.bincount(
            codes[call[taken]] * len(names) + rule[taken], minlength=count * len(names)
        ).reshape(count, len(names))
        return [
            tuple(
                sorted(
                    ((names[at], int(row[at])) for at in np.flatnonzero(row).tolist()),
                    key=lambda one: (-one[1], one[0]),
                )
            )
            for row in counts
        ]

    def _days(self, rows: Rows, codes: Codes, count: int) -> list[tuple[Day, ...]]:
        """Return each group's score per day; calls without a day are left out."""
        days, names = self._all.days
        rows = rows[np.array([bool(name) for name in names], dtype=bool)[days[rows]]]
        cell = codes[rows] * len(names) + days[rows]
        size = count * len(names)
        calls = np.bincount(cell, minlength=size)
        has = ~np.isnan(self._all.fields["percent"][rows])
        scored = rows[has]
        pools = pool_groups(
            self._all.fields["points"][scored],
            self._all.fields["potential"][scored],
            cell[has],
            size,
        )
        made: list[list[Day]] = [[] for _ in range(count)]
        for at in np.flatnonzero(calls):
            made[at // len(names)].append(
                Day(
                    names[at % len(names)],
                    int(calls[at]),
                    known(pools.percent[at]),
                    known(pools.low[at]),
                    known(pools.high[at]),
                )
            )
        return [tuple(one) for one in made]


def known(value: float) -> float | None:
    """Return a figure as a plain number, None for NaN."""
    return None if np.isnan(value) else float(value)


def _ratios(top: Floats, bottom: Floats) -> Floats:
    made: Floats = np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
    return made


def _percent(points: float, potential: float) -> float | None:
    return 100 * points / potential if potential > 1e-9 else None
