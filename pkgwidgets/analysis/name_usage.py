"""Find the imported names that the cells of a notebook use, without running them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from .code_context import CodeContext


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A code cell: its number as the caller counts, and its source as written."""

    number: int
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The arguments of a call: how many positional ones, and the names of the keyword ones."""

    positional_count: int
    names: tuple[str, ...] = ()
    has_unpacking: bool = False
    """Whether `*values` or `**options` add arguments that cannot be counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A name that a cell uses, fully qualified: `numpy.float_`.

    An attribute of a call's result is written `altair.Chart().mark_bar`.
    """

    cell: int
    line: int
    name: str
    call: Call | None = None
    module: bool = False
    """Whether the name must be a module: it is imported, or something is imported from it."""
    chained: bool = False
    """Whether it is the base of a chained assignment: `frame["a"][0] = 1`."""
    file: str = ""
    """The file with the use, which the cell runs or imports; "" for the cell itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """What cannot be read of a cell: `text` is a sentence without its full stop."""

    cell: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """All names that a notebook's cells use, and what of the cells cannot be read."""

    uses: tuple[Use, ...]
    unknowns: tuple[Unknown, ...] = ()


def find_usage(cells: Iterable[Cell], context: CodeContext | None = None) -> Usage:
    """Return the names that the cells use; a cell sees the bindings of the cells before it.

    `context` has the files next to the notebook, whose code the cells run or import.

    >>> [use.name for use in find_usage([Cell(number=1, source="import a; a.b")]).uses]
    ['a', 'a.b']
    """
    from .usage_reader import UsageReader  # it makes the values above

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
