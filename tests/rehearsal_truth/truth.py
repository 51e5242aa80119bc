"""Notebooks in code, with what is true of each of their cells under an upgrade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import dedent
from typing import Literal

from scratch_notebooks import write

Kind = Literal["demo", "real"]


class Truth(StrEnum):
    """What an upgrade does to a cell, with the sign that the table shows for it."""

    SAME = "="
    """The cell shows exactly the same."""
    NOISE = "~"
    """The outputs differ, but not because of the upgrade, or only in what no reader sees."""
    BREAKS = "x"
    """The upgrade makes the cell raise an error."""
    CHANGES = "c"
    """The upgrade changes what the cell shows."""
    UNTRIED = "?"
    """The cell fails without the upgrade, too."""
    FAILS_DIFFERENTLY = "!"
    """The cell fails without the upgrade, and with another error after it."""
    FIXED = "+"
    """The cell fails only without the upgrade."""


BROKEN = frozenset({Truth.BREAKS, Truth.CHANGES})
"""What must be blamed on the upgrade."""


@dataclass(frozen=True)
class Cell:
    """The source of a code cell, its truth and its tags."""

    source: str
    truth: Truth
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TruthNotebook:
    """A notebook with an upgrade and the truth of each cell."""

    name: str
    kind: Kind = "demo"
    environment: str = "demo"
    """The name of the environment that it runs in."""
    upgrade: tuple[str, ...]
    """The packages to upgrade."""
    version: str | None = None
    cells: tuple[Cell, ...]
    folder: str = "."
    """The notebook's folder in its project."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The other files of its project: their paths and texts."""

    @property
    def is_broken(self) -> bool:
        """Whether the upgrade breaks or changes a cell."""
        return any(cell.truth in BROKEN for cell in self.cells)

    def write(self, folder: Path) -> Path:
        """Write the project to `folder/NAME` and return the path of the notebook."""
        project = folder / self.name
        for path, text in self.files.items():
            file = project / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        notebook = project / self.folder / f"{self.name}.ipynb"
        return write(notebook, *((cell.source, [*cell.tags]) for cell in self.cells))


def same(source: str, *tags: str) -> Cell:
    """Return a cell that the upgrade leaves alone."""
    return Cell(_text(source), Truth.SAME, tags)


def noise(source: str, *tags: str) -> Cell:
    """Return a cell whose output differs from run to run, or in invisible details."""
    return Cell(_text(source), Truth.NOISE, tags)


def breaks(source: str, *tags: str) -> Cell:
    """Return a cell that the upgrade breaks."""
    return Cell(_text(source), Truth.BREAKS, tags)


def changes(source: str, *tags: str) -> Cell:
    """Return a cell whose output the upgrade changes."""
    return Cell(_text(source), Truth.CHANGES, tags)


def untried(source: str, *tags: str) -> Cell:
    """Return a cell that fails with the same kind of error before and after the upgrade."""
    return Cell(_text(source), Truth.UNTRIED, tags)


def fails_differently(source: str, *tags: str) -> Cell:
    """Return a cell that fails before the upgrade, and with another error after it."""
    return Cell(_text(source), Truth.FAILS_DIFFERENTLY, tags)


def fixed(source: str, *tags: str) -> Cell:
    """Return a cell that fails only before the upgrade."""
    return Cell(_text(source), Truth.FIXED, tags)


def _text(source: str) -> str:
    return dedent(source).strip()
