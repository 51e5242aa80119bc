"""The distributions, owner and lock of one interpreter."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pkgwidgets.backends.store import lock, trial
from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.text import short_hash

from . import permissions
from .dist_info import DistInfoReader
from .environment_stat_key import EnvironmentStatKey
from .externally_managed import marker_message, read_marker
from .temporary_environment import temporary_reason

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from pkgwidgets.core.environment import Distribution, Interpreter, Unreadable

DATA_FOLDER = ".pkgwidgets"
"""The folder of pkgwidgets in the prefix: on the device of site-packages, in no RECORD."""
REHEARSAL_VARIABLE = "PKGWIDGETS_REHEARSED"
"""Set in a scratch kernel to the prefix that a rehearsal must not change."""
DEMO_VARIABLE = "PKGWIDGETS_DEMO"
"""Set in a demo to the prefix that it runs from: it promises to change nothing there."""
_STARTUP_MODULES = ("sitecustomize.py", "usercustomize.py")


class InstalledEnvironment:
    """What one interpreter has installed, read from the disk at every call."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.lock_descriptor: int | None = None
        self._distributions = DistInfoReader(interpreter)
        self._stat_key = EnvironmentStatKey(interpreter, self._distributions)

    @property
    def place(self) -> Path:
        """The folder that holds transactions and their files."""
        return self.interpreter.prefix / DATA_FOLDER

    def distributions(self) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read everything installed, now; unchanged distributions are not read again."""
        return self._distributions.read()

    def stat_key(self) -> str:
        """Return a text that changes with each distribution; "" if a change could be missed.

        That is the case for two seconds after a change, because the times of files have steps.
        """
        return self._stat_key.now()

    def one_look(self) -> AbstractContextManager[None]:
        """Look at the folders once in a block: `stat_key` and `distributions` then agree.

        Only for this thread; a change in the block is seen after it.
        """
        return self._distributions.one_look()

    def likely_versions(self) -> Mapping[NormalizedName, Version]:
        """Return the likely versions of what came from an index, before METADATA is read.

        What was installed from a URL, a repository or a folder is never among them.
        """
        return self._distributions.likely_versions()

    def protected_reason(self) -> str | None:
        """Return why no user may change anything, such as PEP 668; None without such a reason.

        One reason is that this user may write to the environment, but not read its data folder.
        """
        interpreter = self.interpreter
        if not interpreter.prefix.is_dir():
            return (
                f"{interpreter.prefix} does not exist: the environment was moved, renamed or "
                "deleted. Start a new session in the environment's new place"
            )
        if self._is_named_by(REHEARSAL_VARIABLE):
            return f"{interpreter.prefix} must not change while a notebook is rehearsed on it"
        if self._is_named_by(DEMO_VARIABLE):
            return (
                f"{interpreter.prefix} runs the demo, which changes no package of yours. "
                "Its notebooks change environments that are thrown away"
            )
        temporary = temporary_reason(interpreter.prefix)
        if temporary is not None:
            return temporary
        marker = self._marker
        if marker is not None:
            refusal = (
                f"{interpreter.prefix} is managed by the operating system (PEP 668); "
                "use a virtual environment"
            )
            message = marker_message(marker)
            return f"{refusal}. The system says: {message.rstrip('.')}" if message else refusal
        if self._is_frozen():
            return f"{interpreter.prefix} was frozen by its owner, so nothing may be changed"
        if self._write_refusal() is not None:
            return None
        return self._missing_locks_reason() or permissions.closed_reason(self.place)

    def _is_named_by(self, variable: str) -> bool:
        named = os.environ.get(variable)
        if not named:
            return False
        return os.path.realpath(named) == os.path.realpath(self.interpreter.prefix)

    def read_only_reason(self) -> str | None:
        """Return why this user may change nothing, and who may; None if this user may."""
        return self.protected_reason() or self._write_refusal()

    def _write_refusal(self) -> str | None:
        interpreter = self.interpreter
        for folder in dict.fromkeys([interpreter.prefix, *interpreter.scheme.values()]):
            refusal = permissions.write_refusal(folder)
            if refusal is not None:
                return refusal
        return None

    def _missing_locks_reason(self) -> str | None:
        prefix = self.interpreter.prefix
        try:
            if trial.supports_locks(prefix):
                return None
        except OSError as error:
            return f"{prefix} cannot be written to: {os_error_text(error)}"
        return (
            f"{prefix} is on a file system without locks, "
            "so two programs could change it at the same time"
        )

    def fingerprints(self) -> Mapping[str, str]:
        """Return fingerprints of what no distribution owns: a text changes when its subject does.

        The subjects are the interpreter, whether changes are allowed, the permissions of the
        folders, and the files that run at every start of Python.
        """
        interpreter = self.interpreter
        folders = dict.fromkeys([interpreter.prefix, *interpreter.scheme.values()])
        # The same files for a plan that was made through a link.
        package_folders = sorted({Path(os.path.realpath(path)) for path in self._package_folders})
        startup_files = [file for folder in package_folders for file in _startup_files(folder)]
        markers = self._marker is not None, self._is_frozen()
        return {
            "the interpreter": (
                f"{_stat_text(interpreter.python, inode=True)} {interpreter.version}"
            ),
            "the protection against changes": str(markers),
            "the permissions of a folder": " ".join(map(_permissions_text, folders)),
            "a file that runs each time Python starts": short_hash(
                "\n".join(f"{file} {_stat_text(file)}" for file in startup_files), 8
            ),
        }

    def _is_frozen(self) -> bool:
        return (self.interpreter.prefix / "conda-meta" / "frozen").exists()

    @property
    def _marker(self) -> str | None:
        """The text of the PEP 668 marker; it may be newer than the interpreter's description."""
        interpreter = self.interpreter
        if interpreter.externally_managed is not None:
            return interpreter.externally_managed
        if interpreter.stdlib is None or interpreter.prefix != interpreter.base_prefix:
            return None
        return read_marker(interpreter.stdlib)

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Lock the environment; raise `EnvironmentBusy` at once if another process has the lock.

        Installers inherit the descriptor that holds the lock.
        """
        with lock.hold_lock(self.place, holder) as descriptor:
            self.lock_descriptor = descriptor
            try:
                yield
            finally:
                self.lock_descriptor = None

    def foreign_owner(self) -> str | None:
        """Return the name of the other user who owns the environment; None if it is this one's."""
        return permissions.foreign_owner(self.interpreter.prefix)

    def other_writers(self) -> str | None:
        """Return who else may change the environment by its modes; None if only its owner may."""
        return permissions.other_writers((self.interpreter.prefix, *sorted(self._package_folders)))

    def hidden_reason(self) -> str | None:
        """Return that this user may not read what pkgwidgets did here; None if it can be read."""
        if not permissions.is_unreadable(self.place):
            return None
        owner = permissions.owner_name(self.place)
        return f"{self.place} belongs to {owner} and is closed to you, so past changes are unknown"

    def holder(self) -> str | None:
        """Return who holds the lock, without taking it from anyone; None if it is free."""
        return lock.lock_holder(self.place)

    @cached_property
    def _package_folders(self) -> frozenset[Path]:
        return frozenset(self.interpreter.scheme[name] for name in ("purelib", "platlib"))


def _startup_files(folder: Path) -> list[str]:
    """Return the files of a folder that `site` reads or runs at every start (also PEP 829)."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name.endswith((".pth", ".start")) or entry.name in _STARTUP_MODULES
            )
    except OSError:
        return []


def _stat_text(path: str | Path, *, inode: bool = False) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116 - called for many files
    except OSError:
        return "-"
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino if inode else ''}"


def _permissions_text(folder: Path) -> str:
    try:
        status = folder.stat()
    except OSError:
        return "-"
    return f"{status.st_mode:o}:{status.st_uid}:{status.st_gid}"
