"""What can go wrong: each error carries its facts, says them in one sentence and knows a way on.

PkgwidgetsError
├─ InvalidRequest        ├─ PackageNotFound       ├─ ProjectNotFound
├─ IndexUnavailable      ├─ EnvironmentRefused    ├─ EnvironmentBusy
├─ InstallerUnavailable  ├─ PlanImpossible        ├─ StillNeeded
├─ ResolutionFailed
└─ TransactionError
   ├─ StalePlan          ├─ StageFailed           ├─ InstallFailed
   ├─ VerificationFailed ├─ Cancelled             ├─ RollbackFailed
   ├─ DiskFailed         ├─ TooLate               └─ ApplierFailed

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from .redaction import redact

_SHOWN = 80
"""How much of a rejected text is shown back."""


def shown(text: object) -> str:
    """Return `text` as Python writes it, on one line and short: it may come from an attacker.

    What is no text is not quoted. Of a long path the end is kept: it has the file's name.
    """
    try:
        quoted = ascii(text) if isinstance(text, str) else ascii(repr(text))[1:-1]
    except ValueError:  # a number too long to be written
        quoted = f"<{type(text).__name__}>"
    if len(quoted) <= _SHOWN:
        return quoted
    if isinstance(text, str) and "/" in text and "://" not in text:
        return f"{quoted[0]}…{quoted[1 - _SHOWN :]}"
    return quoted[:_SHOWN] + "…"


def _redacted(value: object) -> object:
    """Return the same value where it says no secret, else what it may say, as text."""
    if isinstance(value, tuple):
        return tuple(map(_redacted, value))
    try:
        said = value if isinstance(value, str) else str(value)
    except ValueError:  # a number too long to be written
        return value
    kept = redact(said)
    return value if kept == said else kept


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for call, other in words.items():
        text = text.replace(call, other)
    return text


@dataclass(eq=False)
class PkgwidgetsError(Exception):
    """The root. `code` is stable and machine-readable; `hint` says what to do next.

    Its facts hold no credentials, whoever gave them: they go everywhere.
    """

    code: ClassVar[str] = "error"
    hint: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name, value in self.facts.items():
            setattr(self, name, _redacted(value))

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes that the sentence is made of."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def sentence(self) -> str:
        """Say what failed, on what."""
        return type(self).__doc__ or self.code

    def spoken(self, words: Mapping[str, str]) -> Self:
        """Let it name what its reader can do, where that is not the service: by `words`.

        They say for each call of the service that errors name what does the same.
        """
        vars(self)["hint"] = _replaced(self.hint, words)
        reason = getattr(self, "reason", None)
        if isinstance(reason, str):
            vars(self)["reason"] = _replaced(reason, words)
        return self

    def __str__(self) -> str:
        return f"{self.sentence()} {self.hint}".strip()

    def _render_traceback_(self) -> list[str]:
        """Tell IPython what to show in a cell: who reads it did not write the code below it."""
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self.facts.values())


@dataclass(eq=False)
class InvalidRequest(PkgwidgetsError):
    """A name, version, requirement or argument that is none. Nothing was done."""

    field: str
    value: object
    reason: str = ""
    code: ClassVar[str] = "invalid-request"
    hint: ClassVar[str] = "Nothing was done."

    def sentence(self) -> str:
        """Quote what was given; what was not given has only a reason."""
        if self.value is None and self.reason:
            return f"{self.reason[0].upper()}{self.reason[1:]}."
        why = f": {self.reason}" if self.reason else ""
        return f"{shown(self.value)} is not a valid {self.field}{why}."


@dataclass(eq=False)
class PackageNotFound(PkgwidgetsError):
    """The environment has no such distribution."""

    name: str
    code: ClassVar[str] = "package-not-found"
    hint: ClassVar[str] = "`get_packages()` lists what is installed."

    def sentence(self) -> str:
        """Name it."""
        return f"{self.name} is not installed."


@dataclass(eq=False)
class ProjectNotFound(PkgwidgetsError):
    """The index has no such project."""

    id: str
    index: str
    code: ClassVar[str] = "project-not-found"
    hint: ClassVar[str] = "Check the spelling, or which index is configured."

    def sentence(self) -> str:
        """Name the project and the index."""
        return f"{self.id} is not on {self.index}."


@dataclass(eq=False)
class IndexUnavailable(PkgwidgetsError):
    """The index gave no usable answer."""

    index: str
    reason: str
    code: ClassVar[str] = "index-unavailable"
    hint: ClassVar[str] = "Try again later, or check the network and the index's address."

    def sentence(self) -> str:
        """Name the index and the reason."""
        return f"{self.index} is not available: {self.reason}."


@dataclass(eq=False)
class EnvironmentRefused(PkgwidgetsError):
    """The environment, or one distribution in it, is not ours to change."""

    python: Path
    reason: str
    code: ClassVar[str] = "environment-refused"
    hint: ClassVar[str] = "Nothing was changed."

    def sentence(self) -> str:
        """Give the reason, which names what is refused."""
        return f"{self.reason}."


@dataclass(eq=False)
class EnvironmentBusy(PkgwidgetsError):
    """Another transaction holds the environment's lock."""

    holder: str
    code: ClassVar[str] = "environment-busy"
    hint: ClassVar[str] = "Wait until it has ended, then plan again."

    def sentence(self) -> str:
        """Name the holder."""
        return f"The environment is being changed by {self.holder}."


@dataclass(eq=False)
class InstallerUnavailable(PkgwidgetsError):
    """No usable installer was found."""

    tried: tuple[str, ...]
    code: ClassVar[str] = "installer-unavailable"
    hint: ClassVar[str] = "Install it beside pkgwidgets: `pip install --upgrade uv`."

    def sentence(self) -> str:
        """List what was tried."""
        return f"No usable uv was found (tried {', '.join(self.tried) or 'nothing'})."


@dataclass(eq=False)
class PlanImpossible(PkgwidgetsError):
    """No set of versions satisfies the request and everything that is installed."""

    requirements: tuple[str, ...]
    explanation: str
    code: ClassVar[str] = "plan-impossible"
    hint: ClassVar[str] = 'Allow more to move with `allow="all"`, or ask for another version.'

    def sentence(self) -> str:
        """Give the resolver's explanation."""
        return f"There is no plan for {', '.join(self.requirements)}: {self.explanation}"


@dataclass(eq=False)
class ResolutionFailed(PkgwidgetsError):
    """The installer could not even look for an answer."""

    output: str
    code: ClassVar[str] = "resolution-failed"
    hint: ClassVar[str] = "Nothing was changed. Mend what it names, or try again later."

    def sentence(self) -> str:
        """Give its own words: the network, the index, or a file of the environment."""
        return f"uv could not plan: {self.output.rstrip('.') or 'it said nothing'}."


@dataclass(eq=False)
class StillNeeded(PkgwidgetsError):
    """What is to be removed is required by what would stay."""

    names: tuple[str, ...]
    needed_by: tuple[str, ...]
    code: ClassVar[str] = "still-needed"
    hint: ClassVar[str] = "Remove these too, or keep it. Nothing was changed."

    def sentence(self) -> str:
        """Name who needs what."""
        needs = "needs" if len(self.needed_by) == 1 else "need"
        return f"{', '.join(self.names)} cannot go: {', '.join(self.needed_by)} {needs} it."


@dataclass(eq=False)
class TransactionError(PkgwidgetsError):
    """A transaction did not end as planned."""

    transaction: str
    code: ClassVar[str] = "transaction-failed"
    hint: ClassVar[str] = "Everything is as it was."


@dataclass(eq=False)
class StalePlan(TransactionError):
    """The environment changed after the plan was made. Nothing was done."""

    differences: tuple[str, ...] = ()
    code: ClassVar[str] = "stale-plan"
    hint: ClassVar[str] = "Nothing was done; plan again."

    def sentence(self) -> str:
        """Name what changed in between."""
        return (
            f"The environment is not the one that was planned for: {'; '.join(self.differences)}."
        )


@dataclass(eq=False)
class StageFailed(TransactionError):
    """What was fetched does not work beside the environment; nothing in it was touched."""

    problems: tuple[str, ...] = ()
    code: ClassVar[str] = "stage-failed"
    hint: ClassVar[str] = "Everything is as it was. Ask for another version, or mend what it names."

    def sentence(self) -> str:
        """List what could not be imported."""
        return f"{'; '.join(self.problems)}."


@dataclass(eq=False)
class InstallFailed(TransactionError):
    """The installer ended with an error; the environment was put back."""

    argv: tuple[str, ...] = ()
    returncode: int = 1
    output: str = ""
    code: ClassVar[str] = "install-failed"
    hint: ClassVar[str] = "Everything is as it was. Plan again, or ask for another version."

    def sentence(self) -> str:
        """Give the last of what the installer said."""
        said = self.output.strip()[-2000:] or "it said nothing"
        return f"The installer ended with code {self.returncode}: {said}."


@dataclass(eq=False)
class VerificationFailed(TransactionError):
    """The new environment is not what the plan said, or does not work; it was put back."""

    problems: tuple[str, ...] = ()
    code: ClassVar[str] = "verification-failed"
    hint: ClassVar[str] = "Everything is as it was. Plan again, or ask for another version."

    def sentence(self) -> str:
        """List the problems."""
        return f"The new environment was wrong: {'; '.join(self.problems)}."


@dataclass(eq=False)
class Cancelled(TransactionError):
    """It was cancelled; the environment is the old one."""

    code: ClassVar[str] = "cancelled"

    def sentence(self) -> str:
        """Say so."""
        return "Cancelled."


@dataclass(eq=False)
class RollbackFailed(TransactionError):
    """The old files could not all be put back; what was saved is kept."""

    differences: tuple[str, ...] = ()
    kept: str = ""
    code: ClassVar[str] = "rollback-failed"
    hint: ClassVar[str] = "Free what blocks these files, then start a new session: it tries again."

    def __post_init__(self) -> None:
        super().__post_init__()
        # Who can no longer start a session needs the exact command.
        if self.kept:
            tool = shlex.quote(f"{self.kept}/recover.pyz")
            vars(self)["hint"] = (
                f"Free what blocks these files, then run `python -I -S {tool}` "
                "or start a new session: it tries again."
            )

    def sentence(self) -> str:
        """Name the paths and where the old ones are."""
        return (
            f"Not put back: {'; '.join(self.differences)}. The old files are kept in {self.kept}."
        )


@dataclass(eq=False)
class DiskFailed(TransactionError):
    """The disk refused a file of ours: full, read-only, out of quota, broken."""

    path: str = ""
    reason: str = ""
    code: ClassVar[str] = "disk-failed"
    hint: ClassVar[str] = "Make room, or mend what it names; what was begun is put back."

    def sentence(self) -> str:
        """Name the file and the reason."""
        return f"Stopped at {self.path}: {self.reason}."


@dataclass(eq=False)
class TooLate(TransactionError):
    """It was done before it could be cancelled."""

    code: ClassVar[str] = "too-late"
    hint: ClassVar[str] = "`undo()` takes it back."

    def sentence(self) -> str:
        """Say so."""
        return "It was done before it could be cancelled."


@dataclass(eq=False)
class ApplierFailed(TransactionError):
    """The process that carried a plan out ended for a reason of its own; the old was put back."""

    reason: str = ""
    code: ClassVar[str] = "applier-failed"
    hint: ClassVar[str] = "Everything is as it was. Plan again; the transaction's log may say more."

    def sentence(self) -> str:
        """Give the reason."""
        return f"The process that makes the changes failed: {self.reason.rstrip('.')}."
