"""Which modules distributions contain, by their RECORD files; namespace packages provide none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from . import record

_MAX_INIT_BYTES = 10_000
"""A longer `__init__.py` is not one that only declares a namespace."""
_NAMESPACE_CALLS = (b"extend_path(", b"declare_namespace(")
"""Older ways than PEP 420 to share a package, of pkgutil and of pkg_resources."""


def provided(
    modules: Collection[str], distributions: Iterable[tuple[Path, Iterable[record.Entry]]]
) -> frozenset[str]:
    """Return those of `modules` that are in the distributions, or whose package is.

    The package `a` provides `a.b`, also if it has no such file: then the module was removed, or
    never was there. A namespace package does not, because others may add to it.
    """
    wanted = {module: _and_parents(module) for module in modules}
    candidates = frozenset(name for names in wanted.values() for name in names)
    found = set[str]()
    for dist_info, rows in distributions:
        for row in rows:
            name = _module_name(row.path)
            if name in candidates and name not in found and not _is_namespace(dist_info, row):
                found.add(name)
    return frozenset(module for module, names in wanted.items() if found.intersection(names))


def _and_parents(module: str) -> tuple[str, ...]:
    parts = module.split(".")
    return tuple(".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _module_name(path: str) -> str:
    """Return the dotted name of a file of code, "" for any other file."""
    if not path.endswith(record.CODE_SUFFIXES):
        return ""
    folder, _, name = path.rpartition("/")
    module = name.partition(".")[0]
    parts: Iterator[str] = filter(None, folder.split("/"))
    return ".".join(parts if module == "__init__" else (*parts, module))


def _is_namespace(dist_info: Path, row: record.Entry) -> bool:
    if not row.path.endswith("/__init__.py"):
        return False
    try:
        with (dist_info.parent / row.path).open("rb") as file:
            code = file.read(_MAX_INIT_BYTES + 1)
    except OSError:
        return False
    return len(code) <= _MAX_INIT_BYTES and any(call in code for call in _NAMESPACE_CALLS)
