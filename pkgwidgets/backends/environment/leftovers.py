"""What an interrupted uninstallation leaves: a `dist-info` folder without a RECORD."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pkgwidgets.core.environment import Distribution, Unreadable


def only_whole(same_name: list[Distribution | Unreadable]) -> Distribution | Unreadable:
    """Return the distribution of several with one name in one folder, if all others are leftovers.

    Otherwise it is unknown which of them the files belong to: return an `Unreadable`.
    """
    if len(same_name) == 1:
        return same_name[0]
    whole = [release for release in same_name if not _is_leftover(release.path)]
    parts = tuple(release.path for release in same_name if release not in whole)
    if (
        len(whole) == 1
        and isinstance(whole[0], Distribution)
        and not any(_has_own_modules(path, whole[0].path) for path in parts)
    ):
        return replace(whole[0], leftovers=parts)
    both = " and ".join(sorted(release.path.name for release in same_name))
    last = same_name[-1]
    return Unreadable(id=last.id, path=last.path, reason=f"installed twice: {both}")


def paths_in(folder: Path) -> list[Path]:
    """Return the files in a leftover; of an empty folder, one that it lacks.

    A save point keeps the folders of the paths that it is given.
    """
    paths = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(f"{parent}/{name}")]  # noqa: PTH114
        paths += [Path(parent, name) for name in (*links, *files) or ("RECORD",)]
    return paths


def _is_leftover(path: Path) -> bool:
    """Return whether a path is a `dist-info` folder of which an uninstallation left only parts."""
    return (
        path.name.endswith(".dist-info")
        and not path.is_symlink()
        and path.is_dir()
        and not (path / "RECORD").exists()
    )


def _has_own_modules(leftover: Path, whole: Path) -> bool:
    """Return whether a module of the first is there that the RECORD of the second does not list."""
    from . import record  # late: leftovers are rare

    names = _module_names(leftover / "top_level.txt")
    owned = record.all_first_names(row.path for row in record.entries_in(whole, names))
    return any(
        name not in owned
        and (leftover.with_name(name).exists() or leftover.with_name(f"{name}.py").exists())
        for name in names
    )


def _module_names(file: Path) -> list[str]:
    """Read the modules that a `top_level.txt` (setuptools) lists; none if it is missing."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip().isidentifier()]
