"""An import check that found nothing wrong is not run again: the same files import alike.

The bytecode of each proven check is kept with it, so that the first import stays fast.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import time

from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import ImportCheck, ImportChecker, Report, no_report
from pkgwidgets.core.preparations import BYTECODE_FOLDER

from . import probes
from .combination import FileSets, combination_key, read_file_sets

PROVEN_TEXT = "the same files were imported before"
_MAX_AGE_SECONDS = 7 * 86_400.0
_NEW = "new-"
"""How the name of a file begins that is not complete."""
_MAX_FILES = 8
_MAX_BYTES = 64 << 20
"""Of the bytecode of one check; the first import after a larger one compiles again."""
_SCRIPT = sha256(probes.IMPORT_CHECK.encode()).hexdigest()[:16]
_DAMAGED = (OSError, zipfile.BadZipFile, EOFError, ValueError)


class ProvenImports:
    """The proven checks of this user, one zip file of bytecode each, in a folder of the cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def restore(self, key: str, stage: Path) -> bool:
        """Return whether a check was proven; its bytecode is then in the stage.

        A damaged file counts as missing, and nothing of it stays in the stage.
        """
        file = self._file(key)
        try:
            if time() - file.stat().st_mtime > _MAX_AGE_SECONDS:
                return False
            with zipfile.ZipFile(file) as kept:  # it compares each member with its checksum
                kept.extractall(stage / BYTECODE_FOLDER)
        except _DAMAGED:
            with suppress(OSError):
                shutil.rmtree(stage / BYTECODE_FOLDER)
            return False
        return True

    def keep(self, key: str, stage: Path) -> None:
        """Keep a check as proven, with the bytecode in the stage; the oldest ones are deleted."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=_NEW)
            os.close(descriptor)
            _write_bytecode(name, stage / BYTECODE_FOLDER)
            Path(name).replace(self._file(key))
            self._delete_old()

    def _file(self, key: str) -> Path:
        return self._folder / f"{_SCRIPT}-{key}.zip"

    def _delete_old(self) -> None:
        """Delete all but the newest ones, and what a killed process left unfinished."""
        files = sorted(self._folder.iterdir(), key=lambda file: -file.stat().st_mtime)
        complete = [file for file in files if not file.name.startswith(_NEW)]
        late = time() - _MAX_AGE_SECONDS
        for file in files:
            if file in complete[_MAX_FILES:] or file.stat().st_mtime < late:
                file.unlink(missing_ok=True)


class ProvenImportChecker:
    """An import checker that runs no check of a stage that it has proven before.

    Only a check without any error counts, in which no module read a file at a place that changes.
    What is skipped is so because all files are the same; `combination_key` says which count.
    """

    def __init__(
        self,
        inner: ImportChecker,
        interpreter: Interpreter,
        proven: ProvenImports,
        variables: Callable[[], Mapping[str, str]],
    ) -> None:
        self._inner = inner
        self._interpreter = interpreter
        self._proven = proven
        self._variables = variables

    def check(
        self,
        modules: Sequence[str],
        report: Report = no_report,
        *,
        optional: Sequence[str] = (),
        staged: Path | None = None,
        masked: Collection[Path] = (),
        watched: Collection[Path] = (),
    ) -> ImportCheck:
        """Import modules as `ImportChecker.check` does, or remember that they import."""
        if staged is None:
            return self._inner.check(
                modules, report, optional=optional, masked=masked, watched=watched
            )

        def tick() -> None:
            report(Event(stage=Stage.CHECKING))

        files = self._files(staged, tick)
        key = self._key([*modules, "", *optional], files, staged, masked, tick)
        if key is not None and self._proven.restore(key, staged):
            report(Event(stage=Stage.CHECKING, text=PROVEN_TEXT))
            return ImportCheck(errors={}, depends_on_place=False)
        check = self._inner.check(
            modules, report, optional=optional, staged=staged, masked=masked, watched=watched
        )
        is_fine = not check.errors and not check.depends_on_place
        # Another program may have changed files meanwhile: then nothing is proven.
        if key is not None and is_fine and self._files(staged, tick) == files:
            self._proven.keep(key, staged)
        return check

    def kernel(
        self,
        report: Report = no_report,
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> str | None:
        """Start a kernel, always: it also needs ports and processes of this moment."""
        return self._inner.kernel(report, staged=staged, masked=masked)

    def keep_bytecode(self, stage: Path) -> None:
        """Move the bytecode in the stage to the installed sources."""
        self._inner.keep_bytecode(stage)

    def _files(self, staged: Path, tick: Callable[[], None]) -> FileSets | None:
        with suppress(OSError):
            return read_file_sets(self._interpreter, staged, tick)
        return None

    def _key(
        self,
        modules: Sequence[str],
        files: FileSets | None,
        staged: Path,
        masked: Collection[Path],
        tick: Callable[[], None],
    ) -> str | None:
        """Return the key of a check; None if what it depends on is not known."""
        variables = self._variables()
        with suppress(OSError):
            if files is not None:
                return combination_key(
                    self._interpreter, files, staged, modules, masked, variables, tick
                )
        return None


def _write_bytecode(target: str, folder: Path) -> None:
    files = [file for file in folder.rglob("*.pyc") if file.is_file()]
    is_small = sum(file.stat().st_size for file in files) <= _MAX_BYTES
    with zipfile.ZipFile(target, "w") as kept:
        for file in files if is_small else ():
            kept.write(file, file.relative_to(folder))
