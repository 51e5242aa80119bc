"""The edition of pkgwidgets that this process runs: to the last module, whatever became of it.

A plan may replace our own files, from here or from another notebook of the same environment. What
is imported after that is of another edition and need not fit what is loaded, and neither need the
process that carries out the next plan, which may be the undo.
"""

from __future__ import annotations

import os
import shutil
import sys
import weakref
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from types import ModuleType

from pkgwidgets.backends.store.filesystem import change_key

_NAME = __name__.partition(".")[0]
_PACKAGE = sys.modules[_NAME]
"""The package that this module was loaded with; importing it here would be an import circle."""


class CodeSnapshot:
    """The files of our package as they were when this was made, and a copy once there is need."""

    def __init__(self, installed: Path) -> None:
        self.installed = installed
        self._files = {path.relative_to(installed): path.read_bytes() for path in _files(installed)}
        self._looks = {name: change_key(installed / name) for name in self._files}
        self._guard = Lock()
        self._folder: Path | None = None

    def content(self, name: str) -> bytes:
        """Return what a file of it holds; raises KeyError if there is no such file."""
        return self._files[Path(name)]

    def modules(self, place: str) -> list[str]:
        """Return the modules in a folder, its `__init__` left out, or the one that is named.

        As `content` takes them; a folder ends in a slash.
        """
        if not place.endswith("/"):
            return [place]
        names = (name for name in self._files if name.parent == Path(place))
        modules = (name for name in names if name.suffix == ".py" and name.stem != "__init__")
        return sorted(name.as_posix() for name in modules)

    def package(self) -> Path:
        """Return the installed package, or a copy of this edition if that is of another now.

        Raises OSError if the copy cannot be written.
        """
        if all(self._is_there(name) for name in self._files):
            return self.installed
        with self._guard:
            return self._copied()

    def _is_there(self, name: Path) -> bool:
        path = self.installed / name
        # Put back by an undo it is the same again, and may look otherwise.
        return change_key(path) == self._looks[name] or _content(path) == self._files[name]

    def _copied(self) -> Path:
        """Write the copy; of one that was written before, what was cleared away since."""
        if self._folder is None or not self._folder.is_dir():
            self._folder = Path(mkdtemp(prefix="pkgwidgets-edition-"))
            # When this process ends at the latest.
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        copy = self._folder / _NAME
        for name, content in self._files.items():
            if _content(copy / name) != content:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (copy / name).write_bytes(content)
        return copy


class _Finder:
    """Finds those of our modules that are imported late."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Look in the copy, if there is need of one; who reloads a module wants what is new."""
        if not name.startswith(f"{_NAME}.") or not _is_ours():
            return None
        found = CURRENT.package() if target is None else CURRENT.installed
        if target is None and found == CURRENT.installed:
            return None
        return PathFinder.find_spec(name, [str(found.joinpath(*name.split(".")[1:-1]))])


def _is_ours() -> bool:
    """Tell whether we are the one that is loaded, and were not dropped for another edition."""
    return sys.modules.get(_NAME) is _PACKAGE


def _files(package: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(folder, name) for name in names)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


CURRENT = CodeSnapshot(Path(__file__).parents[2])
"""Read when this is imported: as near as can be to when the other modules were."""


@cache
def install_finder() -> None:
    """See to it that whatever of us is imported from now on is of this edition."""
    sys.meta_path.insert(0, _Finder)
