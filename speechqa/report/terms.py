"""What is told beside the pages: definitions of measures and rules, the arithmetic of a call."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from speechqa.report.frame import View
from speechqa.timing import MEASURES
from speechqa.web.desk import Desk
from speechqa.web.explaining import explained
from speechqa.web.formats import coded, plain
from speechqa.web.languages import Speaker
from speechqa.web.rows import Listed


def terms(desk: Desk, say: Speaker) -> View:
    """Return the definitions of measures and rules, which findings and figures link to."""
    rows = [
        f'<dt id="term/{name}">{escape(say(plain(name)))}</dt>'
        f'<dd class="definition">{coded(say.definition(name))}</dd>'
        for name in MEASURES
    ]
    rows += [
        f'<dt id="term/{escape(rule.id)}">{escape(say.title(rule.title or rule.id))}</dt>'
        f"<dd>{escape(desk.sentence(rule.id, say.language))}</dd>"
        for rule in desk.book.call_rules
    ]
    return View("terms", "speechqa", f'<dl class="terms">{"".join(rows)}</dl>')


def sums(desk: Desk, call: Listed, names: Sequence[str], say: Speaker) -> tuple[str, list[str]]:
    """Return how figures and verdicts of a call came about, as HTML, and whose it tells.

    Parameters
    ----------
    names
        Measures and rules; those that cannot be explained on this call are left out.
    """
    facts, judged = desk.archive.facts(call), desk.archive.assessment(call)
    if facts is None or not facts.measured or not names:
        return "", []
    told = explained(desk, facts, judged, names, say)
    page = desk.templates.get_template("_sums.html")
    return page.render(t=say, told=told, key=call.recorded.key), list(told)
