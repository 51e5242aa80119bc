"""Keep the code of pkgwidgets that this process runs, after its files were replaced.

A plan may replace the files of pkgwidgets, from this process or from another notebook of the same
environment. Modules imported later would be of another version and might not fit the loaded ones.
The same goes for the worker of the next plan, which may be the undo.
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

_PACKAGE_NAME = __name__.partition(".")[0]
_PACKAGE = sys.modules[_PACKAGE_NAME]
"""The package that loaded this module; an import here would be circular."""


class CodeSnapshot:
    """The files of pkgwidgets, read at creation; copied to a folder when needed.

    With `places`, as `modules` names them, only those files.
    """

    def __init__(self, installed: Path, places: Sequence[str] | None = None) -> None:
        self.installed = installed
        paths = _walk_files(installed) if places is None else _files_at(installed, places)
        self._files = {path.relative_to(installed): path.read_bytes() for path in paths}
        # Texts, because all are looked at before each late import.
        self._paths = {name: str(installed / name) for name in self._files}
        self._change_keys = {name: change_key(path) for name, path in self._paths.items()}
        self._lock = Lock()
        self._copy_folder: Path | None = None

    def content(self, name: str) -> bytes:
        """Return the bytes of a file by its path in the package; raise KeyError without one."""
        return self._files[Path(name)]

    def modules(self, place: str) -> list[str]:
        """Return the modules in a folder without its `__init__`, or the one module named.

        `place` is a path in the package, and that of a folder ends in a slash. The returned paths
        fit `content`.
        """
        if not place.endswith("/"):
            return [place]
        names = (name for name in self._files if name.parent == Path(place))
        modules = (name for name in names if name.suffix == ".py" and name.stem != "__init__")
        return sorted(name.as_posix() for name in modules)

    def is_folder(self, parts: Sequence[str]) -> bool:
        """Tell whether a place in the package is a folder of modules."""
        return Path(*parts, "__init__.py") in self._files

    def package(self, folder: str = "") -> Path:
        """Return the folder of the installed package, or of a copy if its files have changed.

        With a `folder` of the package only the files below it count. Raises OSError if the copy
        cannot be written.
        """
        if all(self._is_unchanged(name) for name in self._below(folder)):
            return self.installed
        with self._lock:
            return self._write_copy()

    def _below(self, folder: str) -> Iterator[Path]:
        start = os.path.join(self.installed, folder, "")  # noqa: PTH118 - at each late import
        return (name for name, path in self._paths.items() if path.startswith(start))

    def _is_unchanged(self, name: Path) -> bool:
        path = self._paths[name]
        # An undo restores the content, but perhaps another change key.
        return (
            change_key(path) == self._change_keys[name]
            or _read_or_none(Path(path)) == self._files[name]
        )

    def _write_copy(self) -> Path:
        """Write the copy, or those of its files that were deleted or edited since."""
        if self._copy_folder is None or not self._copy_folder.is_dir():
            self._copy_folder = Path(mkdtemp(prefix="pkgwidgets-code-"))
            # Delete it when this process ends, at the latest.
            weakref.finalize(self, shutil.rmtree, self._copy_folder, ignore_errors=True)
        copy = self._copy_folder / _PACKAGE_NAME
        for name, content in self._files.items():
            if _read_or_none(copy / name) != content:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (copy / name).write_bytes(content)
        return copy


class _Finder:
    """Finds the modules of pkgwidgets that are imported late."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Search in the copy if there is one; a reload gets the installed module."""
        if not name.startswith(f"{_PACKAGE_NAME}.") or not _is_current_package():
            return None
        *folders, last = name.split(".")[1:]
        # A module reads files in its folder and below: what else has changed does not matter.
        own = "/".join([*folders, last] if current().is_folder([*folders, last]) else folders)
        package = current().package(own) if target is None else _INSTALLED
        if target is None and package == _INSTALLED:
            return None
        return PathFinder.find_spec(name, [str(package.joinpath(*folders))])


def _is_current_package() -> bool:
    """Tell whether this package is the one in `sys.modules`, and not another version."""
    return sys.modules.get(_PACKAGE_NAME) is _PACKAGE


def _walk_files(package: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(folder, name) for name in names)


def _files_at(package: Path, places: Sequence[str]) -> Iterator[Path]:
    for place in places:
        path = package / place
        yield from path.glob("*.py") if place.endswith("/") else [path]


def _read_or_none(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


_INSTALLED = Path(__file__).parents[2]


@cache
def current() -> CodeSnapshot:
    """Return all files as at the first call: call it when a process starts."""
    return CodeSnapshot(_INSTALLED)


@cache
def current_files(places: tuple[str, ...]) -> CodeSnapshot:
    """Return the files at some places, as at the first call of this or of `current`.

    A worker needs few files: it reads a tenth of all.
    """
    is_kept = current.cache_info().currsize > 0
    return current() if is_kept else CodeSnapshot(_INSTALLED, places)


@cache
def install_finder() -> None:
    """Make later imports of pkgwidgets modules use the code of this process."""
    current()
    sys.meta_path.insert(0, _Finder)
