"""Find the imported names that the cells of a notebook use, without running them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.utils import NormalizedName

from .code_context import CodeContext
from .code_uses import Call, Cell, Unknown, Usage, Use
from .usage_reader import UsageReader

__all__ = ["Call", "Cell", "Unknown", "Usage", "Use", "find_usage", "owning_distribution"]


def find_usage(cells: Iterable[Cell], context: CodeContext | None = None) -> Usage:
    """Return the names that the cells use; a cell sees the bindings of the cells before it.

    `context` has the files next to the notebook, whose code the cells run or import.

    >>> [use.name for use in find_usage([Cell(number=1, source="import a; a.b")]).uses]
    ['a', 'a.b']
    """
    reader = UsageReader(context or CodeContext())
    for cell in cells:
        reader.read_cell(cell.number, cell.source)
    reader.finish()
    return Usage(
        uses=tuple(dict.fromkeys(reader.uses)), unknowns=tuple(dict.fromkeys(reader.unknowns))
    )


def owning_distribution(name: str, modules: Mapping[str, NormalizedName]) -> NormalizedName | None:
    """Return the distribution that owns a name, or None.

    `modules` maps module names to distributions; the longest module that the name begins with wins.
    """
    parts = name.replace("()", "").split(".")
    for length in range(len(parts), 0, -1):
        distribution = modules.get(".".join(parts[:length]))
        if distribution is not None:
            return distribution
    return None
