"""Tables as lines of text: the only builder. Hidden and control characters are spelled out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pkgwidgets.core.text import escape_hidden

_GAP = "  "


@dataclass(frozen=True, slots=True)
class TextTable:
    """A head and rows of as many cells; columns that would be empty are left out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, head: Sequence[str], rows: Iterable[Sequence[str]]) -> TextTable:
        """Return a table whose texts do nothing to a terminal."""
        cells = [tuple(escape_hidden(cell) for cell in row) for row in rows]
        used = [n for n in range(len(head)) if not cells or any(row[n] for row in cells)]
        return cls(
            tuple(head[n] for n in used), tuple(tuple(row[n] for n in used) for row in cells)
        )

    def lines(self) -> Iterator[str]:
        """Yield aligned lines."""
        lines = [tuple(title.upper() for title in self.head), *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.head))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            yield _GAP.join(cells).rstrip()
