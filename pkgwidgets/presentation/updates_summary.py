"""The answer to a check for updates, in short: what is newer, and how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pkgwidgets.core.text import count_noun

from .html_table import TableStyle, escape_text, html_table
from .text_table import TextTable

HEAD = ("package", "installed", "compatible", "latest", "step", "blocked by", "released")
MAX_ROWS = 60
"""Updates that are listed; the frame has all rows."""
_CELL_CSS = "text-align:left;vertical-align:top;overflow-wrap:break-word"
_STYLE = TableStyle(head=_CELL_CSS, cell=_CELL_CSS)


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateRow:
    """One package of a check; "" for what is unknown or does not apply."""

    name: str
    version: str
    compatible: str = ""
    latest: str = ""
    step: str = ""
    blocked_by: str = ""
    released: str = ""
    error: str = ""
    is_newer: bool | None = None
    """Whether the latest is newer than the installed version; None if unknown."""


def summary(rows: Sequence[UpdateRow]) -> str:
    """Return the counts of a check as one sentence.

    >>> summary([UpdateRow(name="pea", version="1", compatible="2", latest="2", is_newer=True)])
    '1 of 1 is newer; 1 compatible'
    """
    newer = [row for row in rows if row.is_newer]
    compatible = sum(row.compatible not in ("", row.version) for row in newer)
    unknown = sum(row.is_newer is None for row in rows)
    verb = "is" if len(newer) == 1 else "are"
    parts = [f"{len(newer)} of {len(rows)} {verb} newer"]
    parts += [f"{compatible} compatible"] if newer else []
    return "; ".join([*parts, f"{unknown} unknown"] if unknown else parts)


def updates_html(rows: Sequence[UpdateRow]) -> str:
    """Return the counts and the packages with updates as HTML."""
    shown, rest = _listed(rows)
    cells = TextTable.of(HEAD, map(_cells, shown))  # without empty columns
    table = html_table(cells.head, cells.rows, _STYLE) if shown else ""
    below = f"<p>{escape_text(rest)}</p>" if rest else ""
    return f"<p>{escape_text(summary(rows))}</p>{table}{below}"


def updates_text(rows: Sequence[UpdateRow]) -> str:
    """Return the counts and the packages with updates as lines of text."""
    shown, rest = _listed(rows)
    lines = TextTable.of(HEAD, map(_cells, shown)).lines() if shown else ()
    return "\n".join([summary(rows), *lines, *([rest] if rest else [])])


def _listed(rows: Sequence[UpdateRow]) -> tuple[Sequence[UpdateRow], str]:
    """Return the updates that are listed, and what is left out."""
    newer = [row for row in rows if row.is_newer]
    left_out = len(newer) - MAX_ROWS
    parts = [f"{count_noun(left_out, 'more update')}"] if left_out > 0 else []
    parts += list(_problems(rows))
    return newer[:MAX_ROWS], "; ".join(parts)


def _problems(rows: Iterable[UpdateRow]) -> Iterator[str]:
    unknown = [row for row in rows if row.is_newer is None and row.error]
    if unknown:
        yield f"{unknown[0].name}: {unknown[0].error.rstrip('.')}"
    if len(unknown) > 1:
        yield f"{count_noun(len(unknown) - 1, 'more package')} with an error"


def _cells(row: UpdateRow) -> tuple[str, ...]:
    compatible = "" if row.compatible == row.version else row.compatible
    return (
        row.name,
        row.version,
        compatible,
        row.latest,
        row.step,
        row.blocked_by,
        row.released,
    )
