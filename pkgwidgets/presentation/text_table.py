"""Build tables of plain text. Hidden and control characters are spelled out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pkgwidgets.core.text import escape_hidden

_COLUMN_GAP = "  "


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of text; every row has as many cells as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, head: Sequence[str], rows: Iterable[Sequence[str]]) -> TextTable:
        """Return a table without empty columns, whose texts are safe in a terminal."""
        cells = [tuple(escape_hidden(cell) for cell in row) for row in rows]
        columns = [
            column for column in range(len(head)) if not cells or any(row[column] for row in cells)
        ]
        return cls(
            tuple(head[column] for column in columns),
            tuple(tuple(row[column] for column in columns) for row in cells),
        )

    def lines(self) -> Iterator[str]:
        """Yield the head and the rows as aligned lines."""
        lines = [tuple(title.upper() for title in self.head), *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            yield _COLUMN_GAP.join(cells).rstrip()
