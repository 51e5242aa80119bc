"""The temporary copy of a uv project, in which uv makes the new lock.

The files that uv changes are copied, and the rest of the folder is linked: uv reads workspaces and
path sources. Sources outside the folder, such as `../tool`, are linked at the same relative place.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_NOT_LINKED = frozenset({".venv", ".git", ".hg", ".tox", ".nox", "node_modules", "__pycache__"})
"""What is in a project's folder and does not matter for its lock."""
_SOURCE_KINDS = ("editable", "virtual", "directory", "path", "registry")
"""The kinds of sources in a lock that can be paths."""


def outside_sources(root: Path, pyproject: str, lock: str) -> tuple[Path, ...]:
    """Return the files and folders outside of a project that its files name by relative paths.

    Sorted, so that a folder is before what it holds. A file that cannot be read names none: uv
    itself says what is wrong.
    """
    named = (*_sources_of_project(_read(pyproject)), *_sources_of_lock(_read(lock)))
    relative = (text for text in named if isinstance(text, str) and "://" not in text)
    places = {Path(os.path.normpath(root / text)) for text in relative if not Path(text).anchor}
    return tuple(sorted(place for place in places if not place.is_relative_to(root)))


def source_refusal(root: Path, sources: Iterable[Path]) -> str | None:
    """Return why a project with these sources cannot be locked in a copy; None if it can."""
    for source in sources:
        if root.is_relative_to(source):
            return f"its source {source} holds the project itself"
        if not source.exists():
            return f"its source {source} is missing"
    return None


def make_copy(
    folder: Path, files: Mapping[Path, str], sources: Iterable[Path], prefix: Path
) -> Path:
    """Make the copy in a temporary folder, and return where it is.

    `files` are those of the project, with their texts. Its environment at `prefix` is left out.
    """
    root = next(iter(files)).parent
    places = tuple(sources)
    base = Path(os.path.commonpath([root.parent, *(place.parent for place in places)]))
    copy = folder / root.relative_to(base)
    copy.mkdir(parents=True)
    names = {path.name for path in files}
    for path, text in files.items():
        (copy / path.name).write_bytes(text.encode())
    for entry in root.iterdir():
        is_environment = os.path.realpath(entry) == os.path.realpath(prefix)
        if entry.name not in names | _NOT_LINKED and not is_environment:
            (copy / entry.name).symlink_to(entry)
    for place in places:
        link = folder / place.relative_to(base)
        if not link.exists():  # else it is in a source that is linked already
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(place)
    return copy


def _read(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _sources_of_project(table: Mapping[str, Any]) -> Iterator[object]:
    uv = _table(_table(table.get("tool")).get("uv"))
    for source in _table(uv.get("sources")).values():
        for entry in source if isinstance(source, list) else [source]:
            yield _table(entry).get("path")
    for index in _list(uv.get("index")):
        yield _table(index).get("url")
    yield from _list(uv.get("find-links"))


def _sources_of_lock(table: Mapping[str, Any]) -> Iterator[object]:
    for package in _list(table.get("package")):
        source = _table(_table(package).get("source"))
        yield from (source.get(kind) for kind in _SOURCE_KINDS)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
