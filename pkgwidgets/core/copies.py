"""Copies of environments: what a copy will hold, and the copies that exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from .environment import Distribution, Interpreter
from .errors import DiskFailed, InvalidRequest
from .events import Event
from .text import count_noun

KERNEL_PREFIX = "pkgwidgets-"
"""How the names of the kernels of copies begin."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_MAX_NAME_CHARACTERS = 50
_KERNEL_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)


def checked_copy_name(name: object) -> str:
    """Return a name that can be a folder and a part of a kernel's name.

    Raises `InvalidRequest`.
    """
    if not isinstance(name, str):
        raise InvalidRequest("name of a copy", name, "give the name of a copy as a text")
    if not name:
        raise InvalidRequest("name of a copy", name, "it is empty")
    if len(name) > _MAX_NAME_CHARACTERS:
        reason = f"use at most {_MAX_NAME_CHARACTERS} characters"
        raise InvalidRequest("name of a copy", name, reason)
    if not _NAME.fullmatch(name):
        reason = "use lower-case letters, digits, '_' and '-', and begin and end without a sign"
        raise InvalidRequest("name of a copy", name, reason)
    return name


def known_kernel_name(name: object) -> str:
    """Return a name of a kernel that Jupyter can have; "" for anything else."""
    return name if isinstance(name, str) and _KERNEL_NAME.fullmatch(name) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiedPackage:
    """One package of a copy.

    Without `from_index`, the files here are copied, because the index does not have the release.
    """

    id: NormalizedName
    name: str
    version: Version
    requested: bool = True
    from_index: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyPlan:
    """A copy of an environment that is planned; nothing is made yet.

    `left_out` has the packages that are not copied, with the reasons. `notes` says what else will
    differ. `kernel` is the name of the kernel that Jupyter will offer; "" if there will be none.
    `return_to` is as in `EnvironmentCopy`.

    >>> plan = service.plan_copy("spring")
    >>> plan.name, len(plan.packages), dict(plan.left_out)
    ('spring', 11, {})
    """

    name: str
    folder: Path
    source: Path
    python: Path
    python_version: str
    packages: tuple[CopiedPackage, ...] = field(repr=False)
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    kernel: str
    return_to: str = ""

    def __str__(self) -> str:
        count = count_noun(len(self.packages), "package")
        lines = [
            f"The copy {self.name} will have {count} and Python {self.python_version}, "
            f"in {self.folder}."
        ]
        lines += [f"{name} is left out: {why}." for name, why in self.left_out.items()]
        return "\n".join([*lines, *(f"{note}." for note in self.notes)])


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentCopy:
    """A copy of an environment; `created` is its time in UTC, `packages` their number.

    `kernel` is the name of its kernel in Jupyter; "" without one. `notes` says what differs. `kept`
    is True once the user has chosen to keep it. `return_to` is the kernel of the notebook that the
    copy was made for, or "".

    >>> copy = service.copy_environment("spring")
    >>> copy.folder.name, copy.packages, copy.python.exists()
    ('spring', 11, True)
    """

    name: str
    folder: Path
    python: Path
    python_version: str
    source: Path
    packages: int
    kernel: str
    created: datetime
    notes: tuple[str, ...] = ()
    kept: bool = False
    return_to: str = ""

    def __str__(self) -> str:
        count = count_noun(self.packages, "package")
        kernel = f", kernel {self.kernel}" if self.kernel else ""
        lines = [f"{self.name}: {count}, Python {self.python_version}, {self.folder}{kernel}"]
        return "\n".join([*lines, *(f"{note}." for note in self.notes)])


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningProgram:
    """A process that runs in a copy, such as a kernel; it may be another user's.

    `name` is that of its notebook, else that of its program. `connection_file` is "" for what is
    no kernel. `started` is in UTC; None if it is unknown. `is_orphan` tells that the process which
    started it has ended, as a kernel leaves its helpers for a moment.
    """

    process: int
    name: str
    connection_file: str = ""
    started: datetime | None = None
    is_orphan: bool = False

    def __str__(self) -> str:
        return f"{self.name} (process {self.process})"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltCopy:
    """What a new copy holds: versions, the errors of imports, and packages with other files."""

    versions: Mapping[NormalizedName, Version]
    failures: Mapping[str, str]
    differing: tuple[NormalizedName, ...] = ()


Report = Callable[[Event], None]
"""As in `core/interfaces.py`, which imports this module."""


class EnvironmentCopies(Protocol):
    """This user's copies of environments, in one folder."""

    def folder(self, name: str) -> Path:
        """Return the folder of a copy, which may not exist."""

    def find_python(self, python: str | None) -> Interpreter:
        """Return the Python for a copy: a path, a version such as `3.12`, or None for this one.

        Raises `EnvironmentRefused` if there is none.
        """

    def kernel_folder(self, name: str) -> Path | None:
        """Return the folder of the kernel of a copy; None if Jupyter is not installed here."""

    def foreign(self, name: str) -> Path | None:
        """Return the folder that a copy needs and that is not of a copy; None without one."""

    def locked(self, holder: str) -> AbstractContextManager[None]:
        """Let no other process make or remove a copy in a block; raise `EnvironmentBusy`."""

    def recover(self) -> None:
        """Finish or remove what was interrupted. Needs the lock."""

    def listed(self) -> Sequence[EnvironmentCopy]:
        """Return the complete copies, by name."""

    def unpackable_reason(self, distribution: Distribution) -> str | None:
        """Return why the files of an installed distribution cannot be copied; None if they can."""

    def build(self, plan: CopyPlan, report: Report) -> None:
        """Make the environment of a plan, without offering it. Raises `CopyFailed`."""

    def inspect(self, plan: CopyPlan, report: Report) -> BuiltCopy:
        """Read what was built, and import its modules."""

    def complete(self, plan: CopyPlan, notes: Sequence[str]) -> EnvironmentCopy:
        """Offer what was built, durably, with its kernel."""

    def running_in(self, name: str) -> Sequence[RunningProgram]:
        """Return what runs in a copy, as far as this user may see it; not this process."""

    def keep(self, name: str) -> None:
        """Note durably that a complete copy is to stay. Needs the lock."""

    def remove(self, name: str) -> None:
        """Remove a copy, complete or not, with its kernel; no other files."""


class NoCopies:
    """No copies can be made."""

    def folder(self, name: str) -> Path:
        """Return no folder."""
        return Path(name)

    def find_python(self, python: str | None) -> Interpreter:
        """Raise `DiskFailed`."""
        raise DiskFailed("", "", "copies cannot be made here")

    def kernel_folder(self, name: str) -> Path | None:
        """Return None."""
        return None

    def foreign(self, name: str) -> Path | None:
        """Return None."""
        return None

    def locked(self, holder: str) -> AbstractContextManager[None]:
        """Hold nothing."""
        return nullcontext()

    def recover(self) -> None:
        """Recover nothing."""

    def listed(self) -> Sequence[EnvironmentCopy]:
        """Return no copies."""
        return ()

    def unpackable_reason(self, distribution: Distribution) -> str | None:
        """Return None."""
        return None

    def build(self, plan: CopyPlan, report: Report) -> None:
        """Raise `DiskFailed`."""
        raise DiskFailed("", str(plan.folder), "copies cannot be made here")

    def inspect(self, plan: CopyPlan, report: Report) -> BuiltCopy:
        """Return nothing."""
        return BuiltCopy(versions={}, failures={})

    def complete(self, plan: CopyPlan, notes: Sequence[str]) -> EnvironmentCopy:
        """Raise `DiskFailed`."""
        raise DiskFailed("", str(plan.folder), "copies cannot be made here")

    def running_in(self, name: str) -> Sequence[RunningProgram]:
        """Return nothing."""
        return ()

    def keep(self, name: str) -> None:
        """Keep nothing."""

    def remove(self, name: str) -> None:
        """Remove nothing."""


NO_COPIES = NoCopies()
