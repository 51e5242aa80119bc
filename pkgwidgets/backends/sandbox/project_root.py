"""Find the folder that a rehearsed notebook needs around it: its project, or its own folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.errors import InvalidRequest

VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", ".jj"})
# The strongest marks first. A repository holds all of its packages, and a notebook may use any.
# A list of requirements may also lie beside a notebook, below the root: it counts last.
_MARKS = (
    VERSION_CONTROL,
    frozenset({"pyproject.toml", "setup.py", "setup.cfg"}),
    frozenset({"requirements.txt", "environment.yml", "environment.yaml", "Pipfile", ".here"}),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """A folder to copy; of a shared one only what is not hidden, or only the files in it."""

    folder: Path
    skip_hidden: bool = False
    skip_folders: bool = False


def candidate_roots(notebook: Path) -> Iterator[Root]:
    """Yield the folders that may be copied for a notebook, the best first, its own one last.

    They are nearest folders with a mark of a project, such as `.git` or `pyproject.toml`. The home
    folder, the temporary folder and those above them are no projects: they hold other things, too.
    """
    own = notebook.parent
    found = [Root(folder=folder) for folder in _marked_folders(own)]
    shared = is_shared(own)
    found.append(Root(folder=own, skip_hidden=shared, skip_folders=shared))
    yield from dict.fromkeys(found)


def given_root(root: Path, notebook: Path) -> Root:
    """Return the root that the user gave; of the home folder, what is hidden is not copied.

    Raises `InvalidRequest` if the notebook is not below it, or the home folder is.
    """
    folder = root.resolve()
    if not folder.is_dir():
        raise InvalidRequest("root", str(root), "it is not a folder")
    if not notebook.is_relative_to(folder):
        reason = f"{notebook.name} is not in it; give a folder above {notebook.parent}"
        raise InvalidRequest("root", str(root), reason)
    home = _home()
    if home is not None and home != folder and home.is_relative_to(folder):
        raise InvalidRequest("root", str(root), "it holds your home folder; give a folder below it")
    return Root(folder=folder, skip_hidden=folder == home)


def _marked_folders(own: Path) -> Iterator[Path]:
    """Yield the nearest folder for each group of marks."""
    folders = []
    for folder in (own, *own.parents):
        if is_shared(folder) or os.path.lexists(folder / "pyvenv.cfg"):
            break  # what is above a virtual environment is not its notebooks' project
        folders.append(folder)
    for marks in _MARKS:
        for folder in folders:
            if any(os.path.lexists(folder / mark) for mark in marks):
                yield folder
                break


def is_shared(folder: Path) -> bool:
    """Tell whether a folder is the home or the temporary folder, or above the home folder."""
    home = _home()
    if home is not None and home.is_relative_to(folder):
        return True
    return folder == Path(tempfile.gettempdir()).resolve()


def _home() -> Path | None:
    with suppress(RuntimeError, OSError):
        return Path.home().resolve()
    return None
