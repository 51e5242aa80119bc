"""Remove the files that an import check made modules create in the environment.

Some packages write into their own folder at their first import. A check is not the user's import:
without a removal, an undo would find files that no RECORD lists.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time_ns

from pkgwidgets.backends.store import filesystem

_NOTES = "new-files"
"""The file of the notes; `scripts/note_new_files.py` writes it."""


@contextmanager
def new_files_removed(folder: Path, prefix: Path) -> Iterator[None]:
    """Remove at the end what the processes of this block noted in `folder`, also after an error."""
    started_ns = time_ns()
    try:
        yield
    finally:
        _remove_new_files(_noted_paths(folder / _NOTES), prefix, started_ns)


def _noted_paths(notes: Path) -> list[str]:
    """Return the noted paths, without those that cannot be read: the packages' code can write."""
    paths = []
    with suppress(OSError):
        for line in notes.read_bytes().splitlines():
            with suppress(ValueError):
                path = json.loads(line)
                paths += [path] if isinstance(path, str) and "\0" not in path else []
    return paths


def _remove_new_files(paths: Collection[str], prefix: Path, started_ns: int) -> None:
    """Remove the noted paths below `prefix` that are not older than the check.

    The notes come from a process that runs the packages' code, so each path is checked. A folder
    is removed only if it is empty.
    """
    root = prefix.resolve()
    for path in sorted(map(Path, paths), reverse=True):  # a folder after its content
        status = filesystem.find(path)
        is_inside = root in path.parents and path.parent.resolve() == path.parent
        if status is None or not is_inside or status.st_ctime_ns < started_ns:
            continue
        with suppress(OSError):
            if filesystem.is_folder(path):
                filesystem.remove_folder(path)
            else:
                filesystem.remove(path)
