"""Makes the report: asks the pages, makes them still, writes the folder beside and renames it.

Memory does not grow with the store: one agent's file is written at a time, and whole calls are read
for a few agents together, in one sweep over the store.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from speechqa.errors import UsageError
from speechqa.export.place import file_name
from speechqa.report.clips import Clip, clip_at, cut
from speechqa.report.folder import MARK, beside, private
from speechqa.report.frame import Frame, View, write_file
from speechqa.report.links import Resolve, figures_of, key_of, view_name
from speechqa.report.reader import HOST, Reader
from speechqa.report.still import links_of, main_of, still
from speechqa.report.terms import sums, terms
from speechqa.report.wanted import Report, Written
from speechqa.rulebook import Rulebook
from speechqa.scorecard import NOBODY
from speechqa.settings import Settings
from speechqa.store import Store
from speechqa.store.disk import writing
from speechqa.web import create_app
from speechqa.web.access import Access, AccessLog, Person
from speechqa.web.desk import Desk
from speechqa.web.languages import Speaker
from speechqa.web.rows import Listed
from speechqa.web.sound import Sounds

KEPT_BYTES = 128 << 20
"""Memory for rows of each table that pages over many calls read."""
AT_ONCE = 400
"""Whole calls in memory."""
BOSS = Person("supervisor", "report")


Advance = Callable[[str, int], None]
"""Told what is being made and how many agents are to come."""


def write_report(
    store: Store,
    settings: Settings,
    book: Rulebook,
    report: Report,
    target: Path,
    *,
    force: bool = False,
    advance: Advance = lambda what, left: None,
) -> Written:
    """Write a report into the folder `target`.

    Raises
    ------
    UsageError
        There is something already that is no report, or `force` is false; or no call fits.
    InputMissing
        The folder around does not exist.
    """
    with beside(target, force=force) as folder:
        maker = _Maker(store, settings, book, report, folder)
        maker.write(advance)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        done = Written(
            str(target), maker.files, maker.calls, maker.clips, maker.without_sound, size
        )
        with open(folder / MARK, "w", encoding="utf-8", opener=private) as file:
            json.dump(asdict(done) | {"report": asdict(report)}, file)
    return done


@dataclass(frozen=True)
class _Plan:
    """An agent's file before it is written: whose eyes it is for, its first page, its calls."""

    agent: str
    reader: Reader
    page: str
    keys: tuple[str, ...]


class _Maker:
    """Writes one report into an empty folder."""

    def __init__(
        self, store: Store, settings: Settings, book: Rulebook, report: Report, folder: Path
    ) -> None:
        self._store, self._report, self._folder = store, report, folder
        self._access = Access()
        self._app = create_app(
            store,
            settings,
            book,
            access=self._access,
            hosts=[HOST],
            look_s=float("inf"),
            kept_bytes=KEPT_BYTES,
        )
        self._desk: Desk = self._app.state.desk
        self._log = AccessLog(None if store.local is None else store.local / "access.jsonl")
        self._sounds = Sounds(settings.audio, kept_bytes=0)
        self._boss = self._reader(BOSS)
        self._say = Speaker(report.language)
        self._terms = terms(self._desk, self._say)
        self._names: dict[str, str] = {}
        self.files = self.calls = self.clips = self.without_sound = 0

    def write(self, advance: Advance) -> None:
        report, query = self._report, self._report.query
        (self._folder / "agents").mkdir(mode=0o700)
        team = self._asked(self._boss, "/" + query)
        agents = self._agents(team)
        taken: set[str] = set()
        self._names = {agent: file_name(agent, ".html", taken=taken) for agent in agents}
        index = self._index_views(team, query) if report.agent is None else []
        wanted = self._named_calls(index)
        shown_calls: dict[str, str] = {}
        waiting: list[_Plan] = []
        for place, agent in enumerate(agents, 1):
            waiting.append(self._plan(agent, query, wanted.get(agent, [])))
            if place == len(agents) or sum(len(plan.keys) for plan in waiting) >= AT_ONCE:
                self._hold(key for plan in waiting for key in plan.keys)
                for at, plan in enumerate(waiting):
                    advance(plan.agent, len(agents) - place + len(waiting) - at)
                    shown_calls |= dict.fromkeys(self._agent_file(plan), plan.agent)
                waiting = []
        if index:
            self._index_file(index, shown_calls)

    def _agents(self, team: str) -> list[str]:
        """Return the agents of the report, in the order of the team's page."""
        listed = [
            unquote(urlsplit(link).path.removeprefix("/agents/"))
            for link in links_of(team)
            if link.startswith("/agents/")
        ]
        agents = list(dict.fromkeys(listed))
        if self._report.agent is not None:
            agents = [agent for agent in agents if agent == self._report.agent]
        if not agents:
            raise UsageError(
                f"{self._store.uri}: no judged call fits",
                hint="look at `speechqa status`, or widen --agent, --queue, --since, --until",
            )
        return agents

    def _reader(self, person: Person) -> Reader:
        return Reader(self._app, self._access, person, self._report.language)

    def _asked(self, reader: Reader, url: str) -> str:
        page = reader.page(url)
        return "" if page is None else page

    def _call(self, key: str) -> Listed | None:
        return self._desk.archive.snapshot().by_key.get(key)

    def _hold(self, keys: Iterable[str]) -> None:
        found = (self._call(key) for key in keys)
        self._desk.archive.hold(call for call in found if call is not None)

    def _index_views(self, team: str, query: str) -> list[tuple[str, str, str]]:
        """Return the index's pages: name in the file, title, served HTML."""
        pages = [("", *main_of(team))]
        rules = self._asked(self._boss, "/rules" + query)
        more = [link for link in links_of(team) if link.startswith("/attention/")]
        more += [link for link in links_of(rules) if link.startswith("/rules/")]
        pages += [("rules", *main_of(rules))]
        pages += [("night", *main_of(self._asked(self._boss, "/night")))]
        for link in dict.fromkeys(more):
            found = self._boss.page(link)
            if found is not None:
                pages.append((view_name(link), *main_of(found)))
        return pages

    def _named_calls(self, pages: Iterable[tuple[str, str, str]]) -> dict[str, list[str]]:
        """Return agent to the calls that the index links to, but for the long lists."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, _, html in pages:
            if name == "" or name.startswith("rules/"):
                for link in links_of(html):
                    if call := self._call(key_of(link)):
                        found[call.agent or NOBODY].append(call.recorded.key)
        return found

    def _plan(self, agent: str, query: str, wanted: Sequence[str]) -> _Plan:
        """Ask an agent's page, and choose which of its calls are shown in full."""
        reader = self._reader(BOSS if agent == NOBODY else Person("agent", agent))
        page = self._asked(reader, f"/agents/{quote(agent, safe='')}{query}")
        links = [link for link in links_of(main_of(page)[1]) if key_of(link)]
        moments = [key_of(link) for link in links if "#t=" in link]
        must = list(dict.fromkeys([*moments, *wanted]))
        keys = list(dict.fromkeys([*must, *(key_of(link) for link in links)]))
        most = max(self._report.calls, len(must)) if self._report.calls else 0
        return _Plan(agent, reader, page, tuple(keys[:most]))

    def _agent_file(self, plan: _Plan) -> list[str]:
        """Write one agent's file and return the calls it shows in full."""
        pages = {key: page for key in plan.keys if (page := plan.reader.page(f"/calls/{key}"))}
        clips = self._cut(pages) if self._report.audio else {}
        title, html = main_of(plan.page)
        resolve = Resolve(set(pages), None, {})

        def sound(key: str, ms: int) -> str | None:
            return clip_at(clips.get(key, []), ms)

        views = [View("", title, still(html, resolve, sound))]
        for key, page in pages.items():
            name, inside = main_of(page)
            own = partial(_own_sound, clips.get(key, []))
            views.append(View(f"call/{key}", name, self._call_view(key, inside, set(pages), own)))
        views.append(self._terms)
        all_clips = [clip for found in clips.values() for clip in found]
        note = " · ".join(one for one in (plan.agent, self._report.chosen) if one)
        frame = Frame(self._report.language, {}, note)
        self._put(self._folder / "agents" / self._names[plan.agent], frame, views, all_clips)
        self._log.note(BOSS, "report", f"agent {plan.agent}")
        self.calls += len(pages)
        self.clips += len(all_clips)
        return list(pages)

    def _call_view(
        self, key: str, html: str, inside: set[str], sound: Callable[[str, int], str | None]
    ) -> str:
        """Return a call's page with the arithmetic of its measures and broken rules."""
        call = self._call(key)
        assert call is not None
        broken = call.judged.violated if call.judged else ()
        asked = figures_of(links_of(html), key)
        wanted = [name for name in asked if name in broken or self._desk.rule(name) is None]
        text, told = sums(self._desk, call, wanted, self._say)
        return still(html + text, Resolve(inside, None, {}, {key: set(told)}), sound)

    def _cut(self, keys: Iterable[str]) -> dict[str, list[Clip]]:
        """Return the clips of calls, by key."""
        found: dict[str, list[Clip]] = {}
        for key in keys:
            call = self._call(key)
            facts = call and self._desk.archive.facts(call)
            judged = call and self._desk.archive.assessment(call)
            places = _places(judged.hits) if judged else []
            if facts and places:
                found[key] = cut(facts, places, self._sounds)
                self.without_sound += not found[key]
        return found

    def _index_file(self, pages: Sequence[tuple[str, str, str]], calls: Mapping[str, str]) -> None:
        """Write the index; `calls` are those that agents' files show in full, with the agent."""
        agents = {name: f"agents/{quote(file)}" for name, file in self._names.items()}
        places = {key: agents[agent] for key, agent in calls.items()}
        resolve = Resolve(set(), places, agents)
        views = [
            View(n, title, still(html, resolve, lambda key, ms: None)) for n, title, html in pages
        ]
        views.append(self._terms)
        links = {views[0].title.partition(" ·")[0]: "#"}
        links |= {view.title.partition(" ·")[0]: f"#{view.name}" for view in views[1:3]}
        frame = Frame(self._report.language, links, self._report.chosen)
        self._put(self._folder / "index.html", frame, views, [])
        self._log.note(BOSS, "report", "index")

    def _put(self, path: Path, frame: Frame, views: list[View], clips: list[Clip]) -> None:
        with writing(path), open(path, "wb", opener=private) as file:
            write_file(file, frame, views, clips)
        self.files += 1


def _own_sound(clips: Sequence[Clip], key: str, ms: int) -> str | None:
    """Return the sound of an instant on a call's own page, which does not name its call."""
    del key
    return clip_at(clips, ms)


def _places(hits: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return where the findings of a call are, and the kept rules that were said, in that order."""
    kinds: dict[str, list[tuple[int, int]]] = {"violated": [], "met": []}
    for hit in hits:
        if hit["start_ms"] is not None and str(hit["outcome"]) in kinds:
            kinds[str(hit["outcome"])].append((hit["start_ms"], hit["end_ms"] or hit["start_ms"]))
    return kinds["violated"] + kinds["met"]
