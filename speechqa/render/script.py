"""The script of a call: who says what, when, on what kind of line.

A script is YAML (or JSON, which is YAML). It knows nothing of samples: `call.render` performs it.
Times are integer milliseconds and every key that holds one ends in ``_ms``. Unknown keys, wrong
values and impossible orders are errors that name file, line and place.
"""

from __future__ import annotations

import difflib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from speechqa.errors import InputMissing, UsageError

Party = Literal["agent", "customer"]
Channels = Literal["agent", "customer", "both"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Voice(_Part):
    """How one party sounds."""

    voice: str = Field(description="espeak:LANGUAGE+VARIANT or flite:NAME")
    rate_wpm: float | None = Field(None, gt=50, lt=500, description="words or characters a minute")
    pitch: float | None = Field(None, description="espeak: 0 to 99; flite: mean in Hz")
    pitch_range: float = Field(50, ge=0, le=99, description="espeak only; 0 is monotone")


def _voice(given: object) -> object:
    return {"voice": given} if isinstance(given, str) else given


AnyVoice = Annotated[Voice, BeforeValidator(_voice)]


class Voices(_Part):
    """The voices of both parties; a plain string is a voice with its ordinary rate and pitch."""

    agent: AnyVoice
    customer: AnyVoice


class Line(_Part):
    """What the line does to the speech, in this order."""

    agent_gain_db: float = 0.0
    customer_gain_db: float = 0.0
    band_hz: tuple[float, float] | None = Field((200.0, 3600.0), description="null: unlimited")
    band_slope_hz: float = Field(40.0, gt=0, description="width of the filter's edges")
    leak_db: float | None = Field(None, lt=0, description="other channel's level in this one")
    leak_delay_ms: int = Field(0, ge=0, le=500)
    noise_snr_db: float | None = Field(None, description="noise below each channel's own speech")
    noise_floor_dbfs: float | None = Field(None, le=0, description="noise of the same level")
    noise: Literal["white", "pink", "hum"] = "white"
    drive_db: float | None = Field(None, description="amplified into the limits: clipping")
    dc: float = Field(0.0, ge=-1, le=1, description="constant, as a share of full scale")


class LeadIn(_Part):
    """What is heard before the first turn."""

    sound: Literal["ringback", "dial-tone", "none"] = "ringback"
    duration_ms: int = Field(ge=0, le=600_000)
    channel: Channels = "both"


class Plant(_Part):
    """A phrase put into a turn on purpose, with what a rulebook should say about it."""

    rule: str
    text: str = Field(min_length=1, description="the words, exactly as in the turn")
    outcome: Literal["violated", "met"] = "violated"


class Step(_Part):
    """One thing that happens: a turn of a party, a silence, a hold, or keys pressed."""

    agent: str | None = Field(None, description="what the agent says")
    customer: str | None = Field(None, description="what the customer says")
    silence_ms: int | None = Field(None, gt=0, description="nobody speaks until the next turn")
    hold_ms: int | None = Field(None, gt=0, description="the customer waits, nobody speaks")
    keys: str | None = Field(None, pattern=r"^[0-9A-Da-d*#]+$", description="keys pressed")

    pause_ms: int | None = Field(None, ge=0, description="after the end of the last turn")
    at_ms: int | None = Field(None, ge=0, description="start, from the start of the call")
    overlap_ms: int | None = Field(None, gt=0, description="starts so long before that end")
    during_ms: int | None = Field(
        None, gt=0, description="starts so long after the start of the last turn, which goes on"
    )
    gives_way_ms: int | None = Field(
        None, ge=0, description="the last turn stops at the first word's end after so long"
    )
    rate_wpm: float | None = Field(None, gt=50, lt=500)
    pitch: float | None = None
    gain_db: float = 0.0
    plant: tuple[Plant, ...] = ()

    announced: bool | None = Field(None, description="of a silence or hold: the agent asked")
    music: Channels | None = Field(None, description="of a hold: channels with music")

    @property
    def party(self) -> Party | None:
        """Who speaks, or None for silences, holds and keys."""
        if self.agent is not None:
            return "agent"
        return "customer" if self.customer is not None else None

    @property
    def text(self) -> str:
        """What is said."""
        return self.agent or self.customer or ""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        things = {
            name: getattr(self, name)
            for name in ("agent", "customer", "silence_ms", "hold_ms", "keys")
            if getattr(self, name) is not None
        }
        if len(things) != 1:
            raise ValueError(
                "a step holds exactly one of agent, customer, silence_ms, hold_ms and keys; "
                f"this one holds {', '.join(things) or 'none'}"
            )
        starts = [
            name
            for name in ("pause_ms", "at_ms", "overlap_ms", "during_ms")
            if getattr(self, name) is not None
        ]
        if len(starts) > 1:
            raise ValueError(f"{' and '.join(starts)} both say when it starts; keep one")
        if starts and self.party is None and starts != ["pause_ms"]:
            raise ValueError(f"{starts[0]} is only for what a party says")
        if self.gives_way_ms is not None and self.overlap_ms is None:
            raise ValueError("gives_way_ms needs overlap_ms: only an interrupted turn gives way")
        for plant in self.plant:
            if plant.text not in self.text:
                raise ValueError(f"planted phrase {plant.text!r} is not in the turn's text")
        return self


class Script(_Part):
    """A whole call."""

    call_id: str = Field(pattern=r"^[\w.-]+$", description="letters, digits, dash, dot")
    site: str = Field("call", pattern=r"^[\w.-]+$", description="first part of the file name")
    agent: str | None = None
    queue: str | None = None
    direction: Literal["inbound", "outbound"] = "inbound"
    caller: str | None = None
    started_at: datetime | None = None
    language: Literal["en", "zh"] = "en"
    telephony: bool = Field(
        False, description="the call's metadata tells when it was answered and held"
    )
    fault: Literal["none", "mono", "fake-stereo", "swapped", "truncated"] = Field(
        "none", description="what is wrong with the file that is written"
    )
    shows: tuple[str, ...] = Field((), description="what the call is an example of")
    seed: int = 0
    voices: Voices
    line: Line = Line()
    lead_in: LeadIn | None = None
    turns: tuple[Step, ...] = Field(min_length=1)
    tail_ms: int = Field(800, ge=0, description="after the last turn")

    @property
    def stem(self) -> str:
        """Name of the files made from it, without ending; told by agent and time if known."""
        if self.agent is None or self.started_at is None:
            return self.call_id
        when = self.started_at.strftime("%Y-%m-%dT%H-%M-%S")
        return f"{self.site}_GUID_{self.call_id}_AGENT_{self.agent}_DT_{when}"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not any(step.party for step in self.turns):
            raise ValueError("nobody says anything: give at least one agent or customer turn")
        spoken = False
        for number, step in enumerate(self.turns, 1):
            if not spoken and (step.overlap_ms or step.during_ms):
                raise ValueError(f"turn {number} overlaps the turn before it, and there is none")
            spoken = spoken or step.party is not None
        return self


def load_script(path: str | Path) -> Script:
    """Read and check a script.

    Raises
    ------
    InputMissing
        The file does not exist.
    UsageError
        Not YAML, or not a script; names file, line and place.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputMissing(f"{file}: no such script", hint="check the path") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file}: cannot be read as text: {problem}") from None
    return parse_script(text, name=str(file))


def parse_script(text: str, *, name: str = "script") -> Script:
    """Check the text of a script; `name` stands for the file in messages.

    Examples
    --------
    >>> parse_script('''
    ... call_id: hello
    ... voices: {agent: "flite:slt", customer: "flite:rms"}
    ... turns: [{agent: Good morning.}, {customer: Hello., pause_ms: 300}]
    ... ''').turns[1].pause_ms
    300
    """
    try:
        data = YAML().load(text)
    except MarkedYAMLError as problem:
        line = f", line {problem.problem_mark.line + 1}" if problem.problem_mark else ""
        raise UsageError(f"{name}{line}: not YAML: {problem.problem}") from None
    except YAMLError as problem:
        raise UsageError(f"{name}: not YAML: {problem}") from None
    if not isinstance(data, dict):
        raise UsageError(
            f"{name}: a script is a mapping with call_id, voices and turns; "
            f"this is {type(data).__name__}"
        )
    try:
        return Script.model_validate(data)
    except ValidationError as problem:
        errors = problem.errors()
        # A list whose items are wrong also counts as empty; that would only confuse.
        inside = {error["loc"][:1] for error in errors if len(error["loc"]) > 1}
        lines = [_sentence(data, name, e) for e in errors if e["loc"] not in inside]
        raise UsageError("\n".join(lines), hint="see docs/render.md for every key") from None


def _sentence(data: Any, name: str, error: Any) -> str:
    """Write one pydantic error as file, line, place: what, got what."""
    place: list[str] = []
    line = data.lc.line
    at: Any = data
    for key in error["loc"]:
        place.append(f"[{key + 1}]" if isinstance(key, int) else f".{key}")
        line, at = _enter(at, key, line)
    where = f"{name}, line {line + 1}"
    if place:
        where += f", {''.join(place).removeprefix('.')}"
    if error["type"] == "extra_forbidden":
        wrong = str(error["loc"][-1])
        near = difflib.get_close_matches(wrong, _known_keys(), n=1)
        return f"{where}: unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    message = error["msg"].removeprefix("Value error, ")
    got = error["input"]
    shown = f"; got {got!r}" if isinstance(got, (str, int, float, bool)) else ""
    return f"{where}: {message[0].lower()}{message[1:]}{shown}"


def _enter(at: Any, key: str | int, line: int) -> tuple[int, Any]:
    """Return where `key` stands and what it holds; the place before where it is missing."""
    marks = getattr(at, "lc", None)
    if marks is None:
        return line, at
    if isinstance(key, int):
        return (marks.item(key)[0], at[key]) if key < len(at) else (line, at)
    return (marks.key(key)[0], at[key]) if key in at else (line, at)


def _known_keys() -> list[str]:
    parts: tuple[type[_Part], ...] = (Script, Step, Line, LeadIn, Voices, Voice, Plant)
    return sorted({name for part in parts for name in part.model_fields})
