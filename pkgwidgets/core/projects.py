"""The project that an environment belongs to, and what a plan changes in its files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from .errors import InvalidRequest
from .lock import Lock
from .text import join_names
from .text_edits import LineEdit, apply_edits, edits_between, reverse_edits


@dataclass(frozen=True, kw_only=True, slots=True)
class OwningProject:
    """A project whose tool makes the environment; `command` is the one that restores it.

    >>> service.project() is None
    True
    """

    tool: str
    file: Path
    command: str

    @property
    def can_change(self) -> bool:
        """Whether a plan can change the project as well, not only its environment."""
        return self.tool == "uv"

    @property
    def warning(self) -> str:
        """What the user should know before a plan is applied."""
        text = (
            f"this environment belongs to the {self.tool} project {self.file}:"
            f" its next `{self.command}` will revert the change"
        )
        return f"{text}, unless the plan changes the project, too" if self.can_change else text


@dataclass(frozen=True, kw_only=True, slots=True)
class FileEdit:
    """The edits of one file of a project, with the SHA-256 of its content before and after."""

    path: Path
    before: str
    after: str
    edits: tuple[LineEdit, ...]

    @classmethod
    def between(cls, path: Path, old: str, new: str) -> FileEdit:
        """Return the edits that make `new` of `old`."""
        return cls(path=path, before=digest(old), after=digest(new), edits=edits_between(old, new))

    def apply_to(self, text: str) -> str:
        """Return the edited text; raise ValueError if `text` is not the one before."""
        if digest(text) != self.before:
            raise ValueError(f"{self.path.name} was edited")
        edited = apply_edits(text, self.edits)
        if digest(edited) != self.after:
            raise ValueError(f"the edits of {self.path.name} are damaged")
        return edited

    def reversed(self) -> FileEdit:
        """Return the edits that bring the old content back."""
        edits = reverse_edits(self.edits)
        return replace(self, before=self.after, after=self.before, edits=edits)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectChange:
    """What a plan changes in the files of a project, besides its environment.

    `commands` are those of the project's tool that make the same change of the files.
    """

    name: str
    files: tuple[FileEdit, ...]
    commands: tuple[str, ...] = ()

    def reversed(self) -> ProjectChange:
        """Return the change that brings the old files back."""
        return replace(self, files=tuple(file.reversed() for file in self.files), commands=())

    def __str__(self) -> str:
        return f"{join_names(tuple(file.path.name for file in self.files))} of {self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectRequest:
    """What to change in a project. `upgrade` and `add` are requirements, `remove` are names.

    With `everything`, all packages of the lock are upgraded as far as the project allows.
    """

    upgrade: tuple[str, ...] = ()
    everything: bool = False
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedProject:
    """The lock that a project would have, and its change; None if its files stay the same.

    `lock` has the packages that the project's tool installs. `optional` are those that it installs
    only if they are requested: of extras and groups.
    """

    change: ProjectChange | None
    lock: Lock
    optional: Lock


class ProjectFiles(Protocol):
    """The files of the project of one environment: read, locked again and replaced."""

    def lock_again(self, project: OwningProject, request: ProjectRequest) -> LockedProject:
        """Return what a request changes, computed in a copy of the project's files.

        Raises `EnvironmentRefused` if this user may not replace the files, `PlanImpossible` with
        the explanation of the project's tool, and `ResolutionFailed`.
        """

    def refusal(self, change: ProjectChange) -> str | None:
        """Return why the files may not be replaced, as a clause; None if they may."""

    def edited(self, change: ProjectChange) -> tuple[str, ...]:
        """Return which files no longer have the content before a change, one clause each."""

    def write(self, change: ProjectChange) -> None:
        """Replace the files, each in one step, durably.

        Raises `StalePlan` if one has another content, and `DiskFailed`.
        """


class NoProjectFiles:
    """No project can be changed."""

    def lock_again(self, project: OwningProject, request: ProjectRequest) -> LockedProject:
        """Raise `InvalidRequest`."""
        raise InvalidRequest("project", True, "projects cannot be changed here")

    def refusal(self, change: ProjectChange) -> str | None:
        """Return that no project can be changed."""
        return "projects cannot be changed here"

    def edited(self, change: ProjectChange) -> tuple[str, ...]:
        """Return nothing: no file is known."""
        return ()

    def write(self, change: ProjectChange) -> None:
        """Raise `InvalidRequest`."""
        raise InvalidRequest("project", True, "projects cannot be changed here")


NO_PROJECT_FILES = NoProjectFiles()


def digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return sha256(text.encode()).hexdigest()
