"""The libraries of this interpreter on the path of a kernel in another environment."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import packaging

import pkgwidgets


def borrow_libraries(folder: Path, *, has_pkgwidgets: bool, without: Collection[str] = ()) -> Path:
    """Link what this interpreter has installed into a new folder; return the folder.

    Its name must not be site-packages, because the contents would count as installed. Of
    pkgwidgets, only this checkout is linked, never an installed copy. The names in `without` are
    left out.
    """
    own = Path(pkgwidgets.__file__).parent
    if not folder.exists():
        folder.mkdir()
        libraries = Path(packaging.__file__).parent.parent.iterdir()
        others = [path for path in libraries if not path.name.startswith(own.name)]
        others = [path for path in others if path.name not in without]
        for path in [*others, *([own] if has_pkgwidgets else [])]:
            (folder / path.name).symlink_to(path)
    return folder
