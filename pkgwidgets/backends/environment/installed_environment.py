"""The distributions, owner and lock of one interpreter."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.backends.store import lock
from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.environment import Distribution, Interpreter, Unreadable
from pkgwidgets.core.text import short_hash

from .dist_info import DistInfoReader
from .externally_managed import marker_message, read_marker

DATA_FOLDER = ".pkgwidgets"
"""Our own folder in the prefix: same device as site-packages, outside of every RECORD."""
REHEARSAL_VARIABLE = "PKGWIDGETS_REHEARSED"
"""The variable that names, in a scratch kernel, the prefix that a rehearsal must leave alone."""
_CUSTOMIZED = ("sitecustomize.py", "usercustomize.py")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EOPNOTSUPP)


class InstalledEnvironment:
    """What one interpreter has installed, read from the disk each time that it is asked for."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.lock_descriptor: int | None = None
        self._distributions = DistInfoReader(interpreter)

    @property
    def place(self) -> Path:
        """Where transactions and their files are kept."""
        return self.interpreter.prefix / DATA_FOLDER

    def distributions(self) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read everything installed, now; what has not changed is not read again."""
        return self._distributions.read()

    def read_only_reason(self) -> str | None:
        """Say why nothing may be changed here: externally managed (PEP 668), or not writable."""
        interpreter = self.interpreter
        rehearsed = os.environ.get(REHEARSAL_VARIABLE)
        if rehearsed and os.path.realpath(rehearsed) == os.path.realpath(interpreter.prefix):
            return f"{interpreter.prefix} stays as it is while a notebook is rehearsed on it"
        marker = self._marker
        if marker is not None:
            refusal = (
                f"{interpreter.prefix} is managed by the operating system (PEP 668); "
                "use a virtual environment"
            )
            message = marker_message(marker)
            return f"{refusal}. Its owner says: {message}" if message else refusal
        if self._is_frozen():
            return f"{interpreter.prefix} is frozen by its owner"
        for folder in dict.fromkeys([interpreter.prefix, *interpreter.scheme.values()]):
            reason = _not_writable(folder)
            if reason is not None:
                return f"{folder} cannot be written to: {reason}"
        if not _has_locks(interpreter.prefix):
            return (
                f"{interpreter.prefix} lies on a file system without locks: "
                "nobody could be kept from changing it at the same time"
            )
        return None

    def fingerprints(self) -> Mapping[str, str]:
        """Return, for what is nobody's distribution, texts that differ if it was changed.

        The interpreter, the rights of the folders, and what runs at every start.
        """
        interpreter = self.interpreter
        folders = dict.fromkeys([interpreter.prefix, *interpreter.scheme.values()])
        own = sorted(self._own_folders)
        starts = [f"{file} {_stat_text(file)}" for folder in own for file in _starting(folder)]
        marked = self._marker is not None, self._is_frozen()
        return {
            "its interpreter": (
                f"{_stat_text(interpreter.python, inode=True)} {interpreter.version}"
            ),
            "whether it may be changed": str(marked),
            "the rights of its folders": " ".join(map(_rights, folders)),
            "what runs at every start": short_hash("\n".join(starts), 8),
        }

    def _is_frozen(self) -> bool:
        return (self.interpreter.prefix / "conda-meta" / "frozen").exists()

    @property
    def _marker(self) -> str | None:
        """The text of the PEP 668 marker; it may be newer than what the interpreter told."""
        interpreter = self.interpreter
        if interpreter.externally_managed is not None:
            return interpreter.externally_managed
        if interpreter.stdlib is None or interpreter.prefix != interpreter.base_prefix:
            return None
        return read_marker(interpreter.stdlib)

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Hold the environment alone; raises `EnvironmentBusy` at once if another holds it.

        The descriptor that holds it is inherited by installers.
        """
        with lock.hold_lock(self.place, holder) as descriptor:
            self.lock_descriptor = descriptor
            try:
                yield
            finally:
                self.lock_descriptor = None

    def holder(self) -> str | None:
        """Tell who holds the environment, without taking it from anybody; None if nobody does."""
        return lock.lock_holder(self.place)

    @cached_property
    def _own_folders(self) -> frozenset[Path]:
        return frozenset(self.interpreter.scheme[name] for name in ("purelib", "platlib"))


def _starting(folder: Path) -> list[str]:
    """Return the files of a folder that `site` reads or runs at every start."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name.endswith(".pth") or entry.name in _CUSTOMIZED
            )
    except OSError:
        return []


def _stat_text(path: str | Path, *, inode: bool = False) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116 - as `_stamp`
    except OSError:
        return "-"
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino if inode else ''}"


def _rights(folder: Path) -> str:
    try:
        found = folder.stat()
    except OSError:
        return "-"
    return f"{found.st_mode:o}:{found.st_uid}:{found.st_gid}"


def _has_locks(prefix: Path) -> bool:
    """Try to lock a file of its own: some network file systems have none, or only say so."""
    with tempfile.TemporaryFile(prefix=".pkgwidgets-", dir=prefix) as trial:
        try:
            fcntl.flock(trial.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _NO_LOCKS
    return True


def _not_writable(folder: Path) -> str | None:
    """Try what an installation does: create, link, rename, delete. A mode alone proves nothing."""
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".pkgwidgets-", dir=folder) as trial:
            old, new = Path(trial, "a"), Path(trial, "b")
            old.write_bytes(b"")
            old.rename(new)
    except OSError as error:
        return os_error_text(error)
    return None if stat.S_ISDIR(folder.stat().st_mode) else "it is no folder"
