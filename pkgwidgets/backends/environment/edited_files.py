"""Files of distributions that were edited after they were installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pkgwidgets.backends.store import filesystem

from . import record

_SAVED_SUFFIX = ".pkgwidgets-saved"
"""The end of the name under which an edited file is kept; no program reads such a name."""
_CONFIGURATION_FOLDERS = ("etc", "share")
"""Folders of the prefix whose files users edit: their versions are kept."""
_MAX_BYTES = 1 << 20
"""A longer file is no file that a user edits by hand."""
_MAX_KEPT = 100
"""So many versions of one file are kept."""
_INSTALLATION_NS = 2_000_000_000
"""RECORD is written last; a file that is so many nanoseconds newer was probably edited."""


def edited_files(dist_info: Path, prefix: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield the edited files of a distribution, each with the path to keep it at.

    That is None for a file beside code, where a further file would be in the way.
    """
    configuration_folders = tuple(f"{prefix}/{name}/" for name in _CONFIGURATION_FOLDERS)
    installed_ns = _modified_ns(f"{dist_info}/RECORD")
    for row in record.entries(dist_info):
        path = os.path.normpath(f"{dist_info.parent}/{row.path}")
        if not path.startswith(f"{prefix}/"):
            continue  # such a distribution is never changed
        is_configuration = path.startswith(configuration_folders)
        is_newer = _modified_ns(path) > installed_ns + _INSTALLATION_NS
        if (is_configuration or is_newer) and _is_edited(path, row.sha256):
            yield Path(path), _free_path(path) if is_configuration else None


def _is_edited(path: str, sha256: str | None) -> bool:
    try:
        return (
            sha256 is not None
            and os.stat(path).st_size < _MAX_BYTES  # noqa: PTH116
            and filesystem.sha256(path) != sha256
        )
    except (OSError, ValueError):
        return False


def _free_path(path: str) -> Path | None:
    """Return the first path beside a file that is free, or has the same content already."""
    endings = ("", *(f"-{number}" for number in range(2, _MAX_KEPT)))
    candidates = (Path(f"{path}{_SAVED_SUFFIX}{ending}") for ending in endings)
    content = filesystem.sha256(path)
    return next(
        (
            kept
            for kept in candidates
            if not os.path.lexists(kept) or (kept.is_file() and filesystem.sha256(kept) == content)
        ),
        None,
    )


def _modified_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - called for every file
    except (OSError, ValueError):
        return 0
