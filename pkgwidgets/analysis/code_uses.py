"""The names that code uses, and what of it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass


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
