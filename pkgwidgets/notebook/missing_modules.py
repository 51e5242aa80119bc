"""The modules that the notebook imports and the environment lacks."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.import_names import project_of_module

from .notebook_code import executed_cells, transform

_MAX_CELLS = 500
"""The last cells of a session that are looked at."""


def missing_modules(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the top modules that cells import and that no folder of `sys.path` has."""
    modules = dict.fromkeys(module for source in sources for module in _imported(source))
    return tuple(module for module in modules if not _is_found(module))


def missing_projects() -> tuple[str, ...]:
    """Return the projects of the modules that this notebook lacks; none outside of a kernel."""
    try:
        cells = executed_cells().cells
    except PkgwidgetsError:
        return ()
    modules = missing_modules(cell.source for cell in cells[-_MAX_CELLS:])
    return tuple(dict.fromkeys(map(project_of_module, modules)))


def offer_project(result: Any) -> None:
    """Print which project a cell lacks, after it ended with a `ModuleNotFoundError`."""
    error = getattr(result, "error_in_exec", None)
    if not isinstance(error, ModuleNotFoundError) or not error.name or _is_found(error.name):
        return
    project = project_of_module(error.name)
    print(f"To install {error.name.partition('.')[0]}: `%packages install {project}`")


def _imported(source: str) -> Iterator[str]:
    with suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(transform(source))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module


def _is_found(module: str) -> bool:
    top = module.partition(".")[0]
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError, AttributeError):
        return True  # a module of the notebook without a spec
