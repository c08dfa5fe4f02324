"""Make a folder of calls from a folder of scripts.

``python -m speechqa.render`` makes the project's own fixtures again, byte for byte with the same
versions of the synthesisers (each truth names them under ``made_with``). Scripts whose written
file is faulty go to ``special/``, so that a run over the sound ones ends well.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from speechqa.errors import InputMissing
from speechqa.render.call import RenderedCall, render
from speechqa.render.script import Script, load_script

COLUMNS = ("file", "queue", "direction", "caller", "language", "answered_ms", "holds")
SPECIAL = "special"
TABLE_BEGIN, TABLE_END = "<!-- table: made from the scripts -->", "<!-- end of table -->"


def files_of(script: Script, *, audio_dir: Path, truth_dir: Path) -> tuple[Path, Path]:
    """Return where a script's audio and truth belong."""
    folder = audio_dir / SPECIAL if script.fault != "none" else audio_dir
    return folder / f"{script.stem}.wav", truth_dir / f"{script.stem}.json"


def render_file(script: Path, *, audio_dir: Path, truth_dir: Path) -> RenderedCall:
    """Render one script into its audio and truth files."""
    call = render(load_script(script))
    call.write(*files_of(call.script, audio_dir=audio_dir, truth_dir=truth_dir))
    return call


def metadata_csv(calls: Iterable[RenderedCall]) -> str:
    """Return a table of what a telephone system would know of the calls.

    Answer and holds only where the script says that the system tells them: elsewhere they must
    be inferred.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for call in calls:
        script, facts = call.script, _telephony(call)
        row = (script.queue, script.direction, script.caller, script.language)
        writer.writerow([f"{script.stem}.wav", *(cell or "" for cell in row), *facts.values()])
    return out.getvalue()


def metadata_json(call: RenderedCall) -> str:
    """Return the metadata of one call as the JSON that may lie beside its audio."""
    script = call.script
    facts: dict[str, Any] = {
        "call_id": script.call_id,
        "agent_id": script.agent,
        "started_at": script.started_at.isoformat() if script.started_at else None,
        "queue": script.queue,
        "direction": script.direction,
        "language": script.language,
        **_telephony(call),
    }
    if facts["answered_ms"]:
        facts["answered_ms"] = int(facts["answered_ms"])
    known = {key: value for key, value in facts.items() if value not in (None, "")}
    return json.dumps(known, ensure_ascii=False, indent=2) + "\n"


def _telephony(call: RenderedCall) -> dict[str, str]:
    if not call.script.telephony:
        return {"answered_ms": "", "holds": ""}
    lead_in = call.script.lead_in
    holds = [f"{hold['start_ms']}-{hold['end_ms']}" for hold in call.truth["holds"]]
    return {"answered_ms": str(lead_in.duration_ms if lead_in else 0), "holds": "; ".join(holds)}


def readme_table(scripts: Iterable[tuple[str, Script]], lengths_ms: Iterable[int]) -> str:
    """Return the table of a fixtures folder's README: one row a call, from its script."""
    rows = [
        "| script | agent | day | language | s | file | shows |",
        "|---|---|---|---|---:|---|---|",
    ]
    for (name, script), length_ms in zip(scripts, lengths_ms, strict=True):
        day = script.started_at.date().isoformat() if script.started_at else ""
        fault = "sound" if script.fault == "none" else script.fault
        rows.append(
            f"| `{name}` | {script.agent or ''} | {day} | {script.language} "
            f"| {round(length_ms / 1000)} | {fault} | {', '.join(script.shows)} |"
        )
    return "\n".join(rows)


def with_table(readme: str, table: str) -> str:
    """Return a README with the table between its two marks replaced.

    Examples
    --------
    >>> with_table(f"# A {TABLE_BEGIN} old {TABLE_END}", "new").split()[-6]
    'new'
    """
    head, _, rest = readme.partition(TABLE_BEGIN)
    _, mark, tail = rest.partition(TABLE_END)
    if not mark:
        return readme
    return f"{head}{TABLE_BEGIN}\n{table}\n{TABLE_END}{tail}"


def render_folder(root: Path, *, tell: Callable[[str], object] = print) -> int:
    """Render ``scripts/*.yaml`` of a folder into its ``audio/``, ``truth/`` and metadata.

    One call, the first with a ring before the answer, has its metadata in a JSON beside the
    audio; the others in ``metadata.csv``.

    Returns
    -------
    Number of calls.

    Raises
    ------
    InputMissing
        The folder holds no script.
    """
    scripts = sorted((root / "scripts").glob("*.yaml"))
    if not scripts:
        raise InputMissing(f"{root / 'scripts'}: no *.yaml script there", hint="check the path")
    places = {"audio_dir": root / "audio", "truth_dir": root / "truth"}
    calls = []
    for file in scripts:
        call = render_file(file, **places)
        tell(f"{call.duration_ms / 1000:6.1f} s  {file.name} -> {call.script.stem}.wav")
        calls.append(call)
    told = next((c for c in calls if c.script.lead_in and c.script.telephony), None)
    if told is not None:
        beside = files_of(told.script, **places)[0].with_suffix(".json")
        beside.write_text(metadata_json(told), encoding="utf-8")
    table = metadata_csv(call for call in calls if call is not told)
    (root / "metadata.csv").write_text(table, encoding="utf-8")
    readme = root / "README.md"
    if readme.exists():
        named = [(file.stem, call.script) for file, call in zip(scripts, calls, strict=True)]
        rows = readme_table(named, [call.duration_ms for call in calls])
        readme.write_text(with_table(readme.read_text("utf-8"), rows), encoding="utf-8")
    return len(calls)
