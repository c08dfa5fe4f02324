"""Errors, one class for each thing a user can do about it, each with its exit code.

A message says what happened, where, and what was found; the hint says what to do next. Messages
never quote a transcript: they go to logs.
"""

from __future__ import annotations

from typing import Literal

CallStatus = Literal["scored", "damaged", "refused", "quarantined", "deferred"]
"""How a call's processing ended. Each recording found ends in exactly one of these."""


class SpeechqaError(Exception):
    """Something the user can act on.

    Parameters
    ----------
    message
        What happened, where, and what was found.
    hint
        What to do next; printed on a line of its own.

    Examples
    --------
    >>> str(SpeechqaError("calls/: no such folder", hint="check the path"))
    'calls/: no such folder'
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SpeechqaError):
    """The command line asks for something that does not exist: another word is needed."""

    exit_code = 2


class SettingsError(SpeechqaError):
    """A setting has a value it cannot have: the settings file or the flag must change."""

    exit_code = 4


class RulebookError(SpeechqaError):
    """A rulebook cannot be used as written: the rulebook file must change."""

    exit_code = 4


class ModelError(SpeechqaError):
    """A recognition model is missing or broken: another folder or a pull is needed."""

    exit_code = 5


class InputMissing(SpeechqaError):
    """An input path does not exist or holds no recording: another path is needed."""

    exit_code = 5


class StoreError(SpeechqaError):
    """The store cannot be read or written: the folder, its owner or the disk must change."""

    exit_code = 1


class CallError(SpeechqaError):
    """One call cannot be processed; the night goes on without it.

    Parameters
    ----------
    reason_code
        Stable kebab-case name of the reason, e.g. ``"not-audio"``; reports group by it.
    message
        What was found in this recording.
    status
        How the call is accounted for.
    hint
        What to do next.

    Examples
    --------
    >>> CallError("zero-bytes", "the file has 0 bytes").status
    'refused'
    """

    exit_code = 3

    def __init__(
        self,
        reason_code: str,
        message: str,
        *,
        status: CallStatus = "refused",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason_code = reason_code
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_call_error, (self.reason_code, self.message, self.status, self.hint))


def _rebuild_call_error(
    reason_code: str, message: str, status: CallStatus, hint: str | None
) -> CallError:
    return CallError(reason_code, message, status=status, hint=hint)
