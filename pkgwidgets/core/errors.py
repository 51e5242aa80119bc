"""The errors: each has its facts, one sentence, advice, an HTTP status and an exit code.

A new error needs a class here, with `code`, `http_status`, `exit_code` and advice; a line in the
tree below; and an example in `tests/error_examples.py`. Advice that no error gave
before is a `Hint` in `core/hints.py`; `presentation/hints.py` has its texts where they differ.
A fact added to an old class is declared with `_added_later`: old journals have errors without it.

PkgwidgetsError
├─ InvalidRequest        ├─ PackageNotFound       ├─ ProjectNotFound
├─ IndexUnavailable      ├─ EnvironmentRefused    ├─ EnvironmentBusy
├─ InstallerUnavailable  ├─ PlanImpossible        ├─ StillNeeded
├─ ResolutionFailed      ├─ NotebookUntried       ├─ PolicyUnreadable
├─ NoAdvisorySource      ├─ SourceNotAgreed       ├─ AdvisoriesUnavailable
├─ LockUnreadable        ├─ CopyFailed           ├─ CopyInUse
└─ TransactionError
   ├─ StalePlan          ├─ StageFailed           ├─ InstallFailed
   ├─ VerificationFailed ├─ Cancelled             ├─ RollbackFailed
   ├─ DiskFailed         ├─ SavedFilesLost        ├─ TooLate
   ├─ OtherVersion
   └─ WorkerFailed

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import json
import re
import shlex
from copy import copy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from .hints import Hint
from .redaction import redact
from .text import capitalize_first, join_names

_MAX_SHOWN_CHARACTERS = 80
"""Characters of a rejected text that are shown."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_PYTHON_VERSION = re.compile(r"\bpython *[<>=!~]", re.IGNORECASE)
"""A requirement on Python, as resolvers write it: `Python>=4`."""
_EXACT = re.compile(r"([A-Za-z0-9._-]+(?:\[[^\]]*\])?)==([^,;*=]+)")
"""A requirement of one exact version."""
EVERYTHING = "everything"
"""The request of a plan that upgrades all packages."""
_DISK_FULL = re.compile(r"\bspace\b|\bquota\b")
"""What operating systems say when the disk is full."""
DISK_UNCHANGED = "unchanged"
"""The state after a `DiskFailed` error if nothing was changed, or all of it was rolled back."""
DISK_INTERRUPTED = "interrupted"
"""The state if a change was not completely rolled back, or this could not be recorded."""
_DENIED = re.compile(r"HTTP 40[13]\b|\(40[13] (?:Unauthorized|Forbidden)\)")
"""Matches a reason that names the status of a missing or wrong password."""
_FIELD_TEXTS = {
    "name": "package name",
    "allow": "value of allow",
    "sanitize": "file of rules",
    "seconds": "number of seconds",
}
"""What messages call a field if its name alone is unclear."""


def shown(text: object) -> str:
    """Return `text` as a Python literal, on one line and short: it may come from an attacker.

    A value that is no text is not quoted. Of a long path the end is kept, with the file name.
    """
    try:
        quoted = ascii(text) if isinstance(text, str) else ascii(repr(text))[1:-1]
    except ValueError:  # a number with too many digits
        quoted = f"<{type(text).__name__}>"
    if len(quoted) <= _MAX_SHOWN_CHARACTERS:
        return quoted
    if isinstance(text, str) and "/" in text and "://" not in text:
        return f"{quoted[0]}…{quoted[1 - _MAX_SHOWN_CHARACTERS :]}"
    return quoted[:_MAX_SHOWN_CHARACTERS] + "…"


def _redacted(value: object) -> object:
    """Return the value itself if it holds no secret, else its redacted text."""
    if isinstance(value, tuple):
        return tuple(map(_redacted, value))
    try:
        text = value if isinstance(value, str) else str(value)
    except ValueError:  # a number with too many digits
        return value
    redacted = redact(text)
    return value if redacted == text else redacted


def _added_later(default: Any) -> Any:
    """Declare a fact that was added to a class later; JSON omits it if it has its default."""
    return field(default=default, metadata={"added": True})


@dataclass(eq=False)
class PkgwidgetsError(Exception):
    """The root. `code` is stable and machine-readable; `hint` says what to do next.

    The server answers with `http_status`, the command line with `exit_code`: 2 if the request is
    impossible, 1 if it failed. Credentials are removed from all facts, because facts go everywhere.

    >>> from pkgwidgets import PkgwidgetsError
    >>> try:
    ...     service.get_package("sprinkler")
    ... except PkgwidgetsError as error:
    ...     error.code, error.name, error.exit_code
    ('package-not-found', 'sprinkler', 2)
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    default_advice: ClassVar[Hint | None] = None

    def __post_init__(self) -> None:
        self._hint: str | None = None
        for name, value in self.facts.items():
            setattr(self, name, _redacted(value))

    @property
    def advice(self) -> Hint | None:
        """What to do next; classes override it if facts decide. None if nothing helps."""
        return self.default_advice

    @property
    def hint(self) -> str:
        """The advice as a sentence, for users of Python; "" if nothing helps."""
        if self._hint is not None:
            return self._hint
        return "" if self.advice is None else self.fill(self.advice)

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes, by name, of which the sentence is made."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def sentence(self) -> str:
        """Say what failed, on what."""
        return type(self).__doc__ or self.code

    def clause(self) -> str:
        """Return the sentence as a clause, for texts that give it as a reason."""
        sentence = self.sentence().rstrip(".")
        return f"the {sentence[4:]}" if sentence.startswith("The ") else sentence

    def fill(self, text: str) -> str:
        """Return the text of a hint with each `{name}` replaced by that fact."""

        def fact(match: re.Match[str]) -> str:
            value = getattr(self, match[1])
            return join_names(value) if isinstance(value, tuple) else str(value)

        return _PLACEHOLDER.sub(fact, text)

    def with_hint(self, text: str) -> Self:
        """Return a copy with another hint, for places that show only the error itself."""
        worded = copy(self).with_traceback(self.__traceback__)
        worded._hint = text
        return worded

    def __str__(self) -> str:
        return f"{self.sentence()} {self.hint}".strip()

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows in a cell: no traceback of pkgwidgets' own code."""
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self.facts.values())


@dataclass(eq=False)
class InvalidRequest(PkgwidgetsError):
    """An invalid name, version, requirement or argument. Nothing was done."""

    field: str
    value: object
    reason: str = ""
    old_releases: tuple[str, ...] = _added_later(())
    """The releases (`pea==1.0`) that a transaction replaced, if it can no longer be undone."""
    new_names: tuple[str, ...] = _added_later(())
    """The packages that it installed, if it replaced none."""
    code: ClassVar[str] = "invalid-request"
    http_status: ClassVar[int] = 422
    exit_code: ClassVar[int] = 2

    @property
    def advice(self) -> Hint | None:
        """Only transactions can be listed to choose from."""
        if self.old_releases or self.new_names:
            return Hint.INSTALL_OLD if self.old_releases else Hint.UNINSTALL_NEW
        unknown = self.field == "transaction" and self.value is not None
        return Hint.LIST_TRANSACTIONS if unknown else Hint.UNCHANGED

    def sentence(self) -> str:
        """Quote the value; without a value, give only the reason."""
        if self.value is None and self.reason:
            return f"{capitalize_first(self.reason)}."
        why = f": {self.reason}" if self.reason else ""
        field = _FIELD_TEXTS.get(self.field, self.field)
        return f"{shown(self.value)} is not a valid {field}{why}."

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes; those of an undo only if there are any."""
        facts = super().facts
        if not self.old_releases and not self.new_names:
            del facts["old_releases"], facts["new_names"]
        return facts

    @property
    def old_releases_list(self) -> str:
        """The old releases as Python code, and as JSON."""
        return json.dumps(self.old_releases)

    @property
    def new_names_list(self) -> str:
        """The new packages as Python code, and as JSON."""
        return json.dumps(self.new_names)

    @property
    def old_releases_words(self) -> str:
        """The old releases as words of a command."""
        return shlex.join(self.old_releases)

    @property
    def new_names_words(self) -> str:
        """The new packages as words of a command."""
        return shlex.join(self.new_names)


@dataclass(eq=False)
class PackageNotFound(PkgwidgetsError):
    """The environment has no such distribution."""

    name: str
    code: ClassVar[str] = "package-not-found"
    http_status: ClassVar[int] = 404
    exit_code: ClassVar[int] = 2
    default_advice: ClassVar[Hint | None] = Hint.LIST_PACKAGES

    def sentence(self) -> str:
        """Name the package."""
        return f"{self.name} is not installed."


@dataclass(eq=False)
class ProjectNotFound(PkgwidgetsError):
    """The index has no such project."""

    id: str
    index: str
    near: tuple[str, ...] = _added_later(())
    """Projects whose names are near: one of them may be meant."""
    code: ClassVar[str] = "project-not-found"
    http_status: ClassVar[int] = 404
    exit_code: ClassVar[int] = 2

    @property
    def advice(self) -> Hint | None:
        """A project that exists may lack a version: `pea 9`."""
        return Hint.OTHER_VERSION if " " in self.id else Hint.CHECK_PROJECT

    def sentence(self) -> str:
        """Name the project and the index."""
        kind = "release" if " " in self.id else "project"
        near = f" Did you mean {join_names(self.near, 'or')}?" if self.near else ""
        return f"{capitalize_first(_index_text(self.index))} has no {kind} {self.id}.{near}"


@dataclass(eq=False)
class IndexUnavailable(PkgwidgetsError):
    """The index gave no usable answer for a project."""

    index: str
    reason: str
    project: str = _added_later("")
    """The project whose page or file cannot be used; "" if it is not one project's."""
    file: str = _added_later("")
    """The name of the file that cannot be used; "" for a page."""
    code: ClassVar[str] = "index-unavailable"
    http_status: ClassVar[int] = 502

    @property
    def advice(self) -> Hint | None:
        """Waiting does not help if a folder is missing, or a password is wrong."""
        if _DENIED.search(self.reason):
            return Hint.CHECK_LOGIN
        return Hint.CHECK_INDEX if self.index.startswith("file:") else Hint.RETRY_LATER

    def sentence(self) -> str:
        """Name the index, the project with its page or file, and the reason."""
        if not self.project:
            return f"{capitalize_first(_index_text(self.index))} is not available: {self.reason}."
        subject = f"file {self.file}" if self.file else "page"
        return f"The {subject} of {self.project} on {self.index} cannot be used: {self.reason}."


@dataclass(eq=False)
class NoAdvisorySource(PkgwidgetsError):
    """No source of advisories is configured."""

    environment: str
    code: ClassVar[str] = "no-advisory-source"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2
    default_advice: ClassVar[Hint | None] = Hint.NAME_SOURCE

    def sentence(self) -> str:
        """Say what is missing."""
        return f"No source of advisories is configured for {self.environment}."


@dataclass(eq=False)
class SourceNotAgreed(PkgwidgetsError):
    """The user has not agreed yet that a source gets the names and versions of the packages."""

    source: str
    code: ClassVar[str] = "source-not-agreed"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2
    default_advice: ClassVar[Hint | None] = Hint.AGREE_TO_SOURCE

    def sentence(self) -> str:
        """Say what would be sent, and where."""
        return f"A check sends the names and versions of the packages to {self.source}."


@dataclass(eq=False)
class AdvisoriesUnavailable(PkgwidgetsError):
    """A source of advisories gave no usable answer."""

    source: str
    reason: str
    code: ClassVar[str] = "advisories-unavailable"
    http_status: ClassVar[int] = 502
    default_advice: ClassVar[Hint | None] = Hint.CHECK_SOURCE

    def sentence(self) -> str:
        """Name the source and the reason."""
        return f"The advisories of {self.source} are not available: {self.reason}."


@dataclass(eq=False)
class EnvironmentRefused(PkgwidgetsError):
    """The environment, or one distribution in it, must not be changed."""

    python: Path
    reason: str
    usable: bool = _added_later(True)
    """Whether the interpreter starts; if not, only another one helps."""
    is_whole: bool = _added_later(False)
    """Whether this user may change no package of the environment."""
    kernel: str = _added_later("")
    """A kernel whose environment this user may change; "" if none is known."""
    kernel_python: str = _added_later("")
    """The interpreter of that kernel."""
    code: ClassVar[str] = "environment-refused"
    http_status: ClassVar[int] = 403
    exit_code: ClassVar[int] = 2

    @property
    def advice(self) -> Hint | None:
        """Another interpreter helps only where this one does not start."""
        if not self.usable:
            return Hint.OTHER_INTERPRETER
        if not self.is_whole:
            return Hint.UNCHANGED
        return Hint.OTHER_KERNEL if self.kernel else Hint.OWN_ENVIRONMENT

    @property
    def way_on_text(self) -> str:
        """The kernel that this user may change, as a sentence without its end; "" without one."""
        if not self.kernel:
            return ""
        return f"The kernel {self.kernel} has an environment that you may change"

    def sentence(self) -> str:
        """Return the reason, which names what is refused."""
        return f"{self.reason}."


@dataclass(eq=False)
class EnvironmentBusy(PkgwidgetsError):
    """Another transaction holds the environment's lock."""

    holder: str
    code: ClassVar[str] = "environment-busy"
    http_status: ClassVar[int] = 409
    default_advice: ClassVar[Hint | None] = Hint.WAIT

    def sentence(self) -> str:
        """Name the holder."""
        return f"The environment is being changed by {self.holder}."


@dataclass(eq=False)
class InstallerUnavailable(PkgwidgetsError):
    """No usable installer was found."""

    tried: tuple[str, ...]
    code: ClassVar[str] = "installer-unavailable"
    http_status: ClassVar[int] = 503
    default_advice: ClassVar[Hint | None] = Hint.INSTALL_UV

    def sentence(self) -> str:
        """List the places that were tried."""
        tried = f" (tried {join_names(self.tried)})" if self.tried else ""
        return f"No usable uv was found{tried}."


@dataclass(eq=False)
class PlanImpossible(PkgwidgetsError):
    """No set of versions satisfies the request and everything that is installed."""

    requirements: tuple[str, ...]
    explanation: str
    blockers: tuple[str, ...] = _added_later(())
    """Installed packages that the explanation names and that `allow` kept unchanged."""
    has_no_release: bool = _added_later(False)
    """Whether no release of a project meets the request; the explanation is the whole sentence."""
    reasons: tuple[str, ...] = _added_later(())
    """What kept packages require instead of the requested version; () if that is not known."""
    how_to_unblock: str = _added_later("")
    """The version that `allow="all"` gives and the other changes; "" if that would not help."""
    alternative: str = _added_later("")
    """The newest release that the kept packages allow, with its project; "" if unknown."""
    code: ClassVar[str] = "plan-impossible"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2

    @property
    def advice(self) -> Hint | None:
        """`allow="all"` helps only if packages were kept, and never against Requires-Python."""
        if _PYTHON_VERSION.search(self.explanation):
            return Hint.OTHER_PYTHON
        if self.reasons:
            return self._advice_for_blocked_version()
        return Hint.ALLOW_ALL if self.blockers else Hint.OTHER_VERSION

    def _advice_for_blocked_version(self) -> Hint:
        if not self.how_to_unblock:
            return Hint.CHOOSE_ALTERNATIVE if self.alternative else Hint.OTHER_VERSION
        return Hint.UNBLOCK_OR_ALTERNATIVE if self.alternative else Hint.UNBLOCK

    def sentence(self) -> str:
        """Name the request and give the explanation."""
        if self.has_no_release:
            return self.explanation
        names = join_names([_EXACT.sub(r"\1 \2", text) for text in self.requirements])
        if self.reasons:
            return f"{names} cannot be installed: {'; '.join(self.reasons)}."
        if self.requirements == (EVERYTHING,):
            return f"The packages cannot be upgraded together: {self.explanation}"
        return f"{names} cannot be installed together with what you have: {self.explanation}"


@dataclass(eq=False)
class ResolutionFailed(PkgwidgetsError):
    """The installer failed before it could resolve."""

    output: str
    code: ClassVar[str] = "resolution-failed"
    http_status: ClassVar[int] = 502
    default_advice: ClassVar[Hint | None] = Hint.FIX_AND_RETRY

    def sentence(self) -> str:
        """Quote its output: about the network, the index, or a file of the environment."""
        output = self.output.strip().rstrip(".")
        if not output:
            return "uv failed without an error message."
        return f"uv, which chooses the versions, failed: {output}."


@dataclass(eq=False)
class PolicyUnreadable(PkgwidgetsError):
    """The file of holds and of the minimum age cannot be used."""

    file: Path
    line: int
    reason: str
    code: ClassVar[str] = "policy-unreadable"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2
    default_advice: ClassVar[Hint | None] = Hint.FIX_AND_RETRY

    def sentence(self) -> str:
        """Name the file, its line if that is known, and the reason."""
        line = f", line {self.line}" if self.line else ""
        return f"{self.file}{line} cannot be used: {self.reason.rstrip('.')}."


@dataclass(eq=False)
class LockUnreadable(PkgwidgetsError):
    """A lock, a requirements file or the lock of a notebook cannot be used. Nothing was done."""

    source: str
    reason: str
    code: ClassVar[str] = "lock-unreadable"
    http_status: ClassVar[int] = 422
    exit_code: ClassVar[int] = 2
    default_advice: ClassVar[Hint | None] = Hint.UNCHANGED

    def sentence(self) -> str:
        """Name the lock and the reason."""
        return f"{self.source} cannot be used: {self.reason.rstrip('.')}."


@dataclass(eq=False)
class CopyFailed(PkgwidgetsError):
    """The copy of an environment could not be made, and nothing is left of it."""

    name: str
    problems: tuple[str, ...]
    code: ClassVar[str] = "copy-failed"
    http_status: ClassVar[int] = 409
    default_advice: ClassVar[Hint | None] = Hint.UNCHANGED

    def sentence(self) -> str:
        """List the problems."""
        problems = "; ".join(problem.rstrip(".") for problem in self.problems)
        return f"The copy {self.name} was not made: {problems}."


@dataclass(eq=False)
class CopyInUse(PkgwidgetsError):
    """The copy of an environment was not removed, because programs run in it.

    `programs` has a text for each one, such as `plot.ipynb (process 4211)`.
    """

    name: str
    programs: tuple[str, ...]
    code: ClassVar[str] = "copy-in-use"
    http_status: ClassVar[int] = 409
    default_advice: ClassVar[Hint | None] = Hint.END_PROGRAMS

    def sentence(self) -> str:
        """Name the programs."""
        verb = "runs" if len(self.programs) == 1 else "run"
        users = join_names(self.programs)
        return f"The copy {self.name} was not removed, because {users} {verb} in it."


@dataclass(eq=False)
class StillNeeded(PkgwidgetsError):
    """Packages that would be uninstalled or changed are required by packages that are kept."""

    names: tuple[str, ...]
    needed_by: tuple[str, ...]
    requirements: tuple[str, ...] = _added_later(())
    """What the kept packages require (`bean requires pea>=2`), if no package is uninstalled."""
    code: ClassVar[str] = "still-needed"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2

    @property
    def advice(self) -> Hint | None:
        """A package that only changes can be kept in its version."""
        return Hint.UNINSTALL_FIRST if self.requirements else Hint.UNINSTALL_TOO

    def sentence(self) -> str:
        """Name the packages and those that require them."""
        names, owners = join_names(self.names), join_names(self.needed_by)
        if self.requirements:
            return f"Cannot change {names}: {join_names(self.requirements)}."
        requires = "requires" if len(self.needed_by) == 1 else "require"
        return f"Cannot uninstall {names}: {owners} {requires} {_it_or_them(self.names)}."


@dataclass(eq=False)
class NotebookUntried(PkgwidgetsError):
    """A notebook fails without a plan, too, so that no plan can be tried on it."""

    cells: tuple[str, ...]
    """Each cell, with its error: `cell 3 of story.ipynb (NameError: name 'x' is not defined)`."""
    code: ClassVar[str] = "notebook-untried"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2

    @property
    def advice(self) -> Hint | None:
        """A missing file or module may lie in a project that has no mark."""
        missing = ("(FileNotFoundError", "(ModuleNotFoundError")
        is_missing = any(name in cell for cell in self.cells for name in missing)
        return Hint.GIVE_ROOT if is_missing else Hint.FIX_CELL

    def sentence(self) -> str:
        """Name the cells."""
        fails = "fails" if len(self.cells) == 1 else "fail"
        return (
            f"No upgrade can be tried: {join_names(self.cells)} {fails} with the current versions."
        )


@dataclass(eq=False)
class TransactionError(PkgwidgetsError):
    """A transaction did not end as planned."""

    transaction: str
    code: ClassVar[str] = "transaction-failed"
    default_advice: ClassVar[Hint | None] = Hint.RESTORED


class ReleasesAtFault:
    """What the errors that new releases cause have in common: which releases these are."""

    breakages: tuple[str, ...]
    named: bool

    @property
    def can_skip(self) -> bool:
        """Whether the next plan for everything leaves out the releases at fault."""
        return bool(self.breakages) and not self.named

    @property
    def kept(self) -> tuple[str, ...]:
        """The packages that the next plan for everything keeps."""
        return tuple(dict.fromkeys(text.partition("==")[0] for text in self.breakages))


@dataclass(eq=False)
class StalePlan(TransactionError):
    """The environment changed after the plan was made. Nothing was done."""

    differences: tuple[str, ...] = ()
    code: ClassVar[str] = "stale-plan"
    http_status: ClassVar[int] = 409
    default_advice: ClassVar[Hint | None] = Hint.PLAN_AGAIN

    def sentence(self) -> str:
        """Name what changed."""
        return (
            "This plan was not applied, because the environment has changed since: "
            f"{'; '.join(self.differences)}."
        )


@dataclass(eq=False)
class StageFailed(ReleasesAtFault, TransactionError):
    """The staged packages do not work; the environment was not touched."""

    problems: tuple[str, ...] = ()
    breakages: tuple[str, ...] = _added_later(())
    """The new versions that a plan for everything leaves out next: `a==2 breaks b==1: …`."""
    named: bool = _added_later(False)
    """Whether the plan was for packages that the user named, not for everything."""
    code: ClassVar[str] = "stage-failed"
    http_status: ClassVar[int] = 409

    @property
    def advice(self) -> Hint | None:
        """The next plan for everything leaves out what broke a package."""
        return Hint.PLAN_WITHOUT if self.can_skip else Hint.OTHER_VERSION_OR_FIX

    def sentence(self) -> str:
        """List the problems."""
        return f"The new packages failed the check before installing: {'; '.join(self.problems)}."


@dataclass(eq=False)
class InstallFailed(ReleasesAtFault, TransactionError):
    """The installer ended with an error; the environment was rolled back."""

    argv: tuple[str, ...] = ()
    returncode: int = 1
    output: str = ""
    breakages: tuple[str, ...] = _added_later(())
    """The new versions that a plan for everything leaves out next."""
    named: bool = _added_later(False)
    """Whether the plan was for packages that the user named, not for everything."""
    code: ClassVar[str] = "install-failed"
    http_status: ClassVar[int] = 409

    @property
    def advice(self) -> Hint | None:
        """Another version does not help if a password is wrong."""
        if _DENIED.search(self.output):
            return Hint.CHECK_LOGIN
        return Hint.PLAN_WITHOUT if self.can_skip else Hint.RETRY_OTHER_VERSION

    def sentence(self) -> str:
        """Quote the end of the installer's output."""
        output = self.output.strip().rstrip(".")[-2000:]
        if not output:
            return f"uv failed without an error message (exit code {self.returncode})."
        return f"uv failed (exit code {self.returncode}): {output}."


@dataclass(eq=False)
class VerificationFailed(ReleasesAtFault, TransactionError):
    """The new environment differs from the plan or does not work; it was rolled back."""

    problems: tuple[str, ...] = ()
    breakages: tuple[str, ...] = _added_later(())
    """The new versions that a plan for everything leaves out next."""
    named: bool = _added_later(False)
    """Whether the plan was for packages that the user named, not for everything."""
    code: ClassVar[str] = "verification-failed"
    http_status: ClassVar[int] = 409

    @property
    def advice(self) -> Hint | None:
        """The next plan for everything leaves out what is at fault."""
        return Hint.PLAN_WITHOUT if self.can_skip else Hint.RESTORED_PLAN_AGAIN

    def sentence(self) -> str:
        """List the problems."""
        return f"The new packages failed the check after installing: {'; '.join(self.problems)}."


@dataclass(eq=False)
class Cancelled(TransactionError):
    """The transaction was cancelled; the environment is unchanged."""

    code: ClassVar[str] = "cancelled"
    http_status: ClassVar[int] = 409

    def sentence(self) -> str:
        """Return a fixed sentence."""
        return "Cancelled."


@dataclass(eq=False)
class RollbackFailed(TransactionError):
    """The old files could not all be restored; the save point is kept."""

    differences: tuple[str, ...] = ()
    kept: str = ""
    paths: tuple[str, ...] = _added_later(())
    """The paths that differ. A change that touches none of them is possible; without paths none is.
    """
    code: ClassVar[str] = "rollback-failed"

    @property
    def advice(self) -> Hint | None:
        """A user who cannot start a session any more needs the exact command."""
        return Hint.RECOVER if self.kept else Hint.NEW_SESSION

    @property
    def command(self) -> str:
        """The terminal command that tries again, without pkgwidgets."""
        return f"python -I -S {shlex.quote(f'{self.kept}/recover.pyz')}"

    def sentence(self) -> str:
        """Name the paths and the folder of the old files."""
        kept = f" The old files are in {self.kept} (keep this folder)." if self.kept else ""
        return (
            "The rollback is incomplete, and the environment has old and new files: "
            f"{'; '.join(self.differences)}. "
            f"Do not use the environment before the rollback is complete.{kept}"
        )


@dataclass(eq=False)
class OtherVersion(TransactionError):
    """Another version of pkgwidgets began a change, and only that version can finish it."""

    kept: str = ""
    can_finish: bool = False
    """Whether that version left a program that finishes it."""
    code: ClassVar[str] = "other-version"
    http_status: ClassVar[int] = 409

    @property
    def advice(self) -> Hint | None:
        """The program that the version left needs no pkgwidgets."""
        return Hint.RUN_RECOVERY if self.can_finish else Hint.INSTALL_OTHER_VERSION

    @property
    def command(self) -> str:
        """The terminal command that finishes it, without pkgwidgets."""
        return f"python -I -S {shlex.quote(f'{self.kept}/recover.pyz')}"

    def sentence(self) -> str:
        """Name the transaction."""
        return (
            f"Another version of pkgwidgets began the change {self.transaction} and did not "
            "finish it. This version leaves it alone, and changes nothing before it is finished."
        )


@dataclass(eq=False)
class DiskFailed(TransactionError):
    """The disk refused a file of pkgwidgets: full, read-only, out of quota, damaged."""

    path: str = ""
    reason: str = ""
    state: str = _added_later("")
    """What is known of the environment: `unchanged`, or `interrupted` before it was rolled back."""
    code: ClassVar[str] = "disk-failed"
    http_status: ClassVar[int] = 507

    @property
    def advice(self) -> Hint | None:
        """More space helps only if the disk is full; recovery only if something is left to do."""
        is_full = _DISK_FULL.search(self.reason) is not None
        if self.state == DISK_UNCHANGED:
            return Hint.FREE_DISK_AND_RETRY if is_full else Hint.FIX_PATH_AND_RETRY
        if self.state == DISK_INTERRUPTED:
            return Hint.FREE_DISK_AND_RECOVER if is_full else Hint.FIX_PATH_AND_RECOVER
        return Hint.FREE_DISK if is_full else Hint.FIX_PATH

    def sentence(self) -> str:
        """Name the file and the reason."""
        return f"Cannot read or write {self.path}: {self.reason}."


@dataclass(eq=False)
class SavedFilesLost(TransactionError):
    """The folder with the saved files was deleted during the change: nothing can be rolled back."""

    kept: str = ""
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What of the new packages is missing or different; () if they are complete."""
    command: str = ""
    """The terminal command that installs the new packages again."""
    code: ClassVar[str] = "saved-files-lost"

    @property
    def advice(self) -> Hint | None:
        """A complete change needs no repair, but cannot be undone."""
        return Hint.REINSTALL if self.problems else Hint.UNDO_BY_HAND

    def sentence(self) -> str:
        """Say what was deleted, and what the environment has now."""
        lost = f"{self.kept} was deleted during the change. So it could not be rolled back"
        changes = join_names(self.changes)
        if not self.problems:
            return f"{lost}. It is complete: {changes}."
        return f"{lost}, and it is not complete ({changes}): {'; '.join(self.problems)}."


@dataclass(eq=False)
class TooLate(TransactionError):
    """The transaction was committed before it could be cancelled."""

    code: ClassVar[str] = "too-late"
    http_status: ClassVar[int] = 409
    default_advice: ClassVar[Hint | None] = Hint.UNDO

    def sentence(self) -> str:
        """Return a fixed sentence."""
        return "The change was complete before it could be cancelled."


@dataclass(eq=False)
class WorkerFailed(TransactionError):
    """The worker failed for a reason of its own; the environment was rolled back."""

    reason: str = ""
    code: ClassVar[str] = "applier-failed"

    @property
    def advice(self) -> Hint | None:
        """Without a transaction id there is no log."""
        return Hint.READ_LOG if self.transaction else Hint.TRY_AGAIN

    def sentence(self) -> str:
        """Return the reason."""
        return f"The background process that applies changes failed: {self.reason.rstrip('.')}."


def _index_text(index: str) -> str:
    """Return how a sentence names an index; a tool or its configuration is no index."""
    return f"the index {index}" if "://" in index else index


def _it_or_them(names: tuple[str, ...]) -> str:
    return "it" if len(names) == 1 else "them"
