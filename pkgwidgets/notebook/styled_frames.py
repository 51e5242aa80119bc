"""Frames with their own HTML in a cell; parts of them and results are plain frames.

All text may be hostile, so it is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from pkgwidgets.analysis.run_comparison import Rehearsal
from pkgwidgets.presentation.html_table import TableStyle, html_table

# What shows one kind of frame is imported when the first is shown, so that frames are made sooner.
if TYPE_CHECKING:
    from pkgwidgets.presentation.updates_summary import UpdateRow

_CELL_CSS = "text-align:left;vertical-align:top;overflow-wrap:break-word"
_STYLE = TableStyle(head=_CELL_CSS, cell=_CELL_CSS)


class StyledFrame(pd.DataFrame):
    """A frame with its own HTML; its parts and results are plain frames and series."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    @property
    def _constructor_sliced(self) -> Callable[..., pd.Series[Any]]:
        return pd.Series


class FullTextFrame(StyledFrame):
    """A frame whose texts a cell shows untruncated and left-aligned."""

    def _repr_html_(self) -> str:
        frame = self.reset_index() if self.index.name is not None else self
        rows = map(_row_texts, frame.itertuples(index=False))
        empty = "" if len(self) else "<div>No rows.</div>"
        return f"{html_table([*map(str, frame.columns)], rows, _STYLE)}{empty}"


class RehearsalFrame(StyledFrame):
    """A row per cell; its HTML shows the outputs that differ, side by side.

    `rehearsal` is the rehearsal as a value.
    """

    _metadata: ClassVar[list[str]] = ["rehearsal"]
    rehearsal: Rehearsal

    def _repr_html_(self) -> str:
        from pkgwidgets.presentation.rehearsal_html import rehearsal_html

        return rehearsal_html(self.rehearsal)


class UpdatesFrame(StyledFrame):
    """The package frame after a check; a cell shows what is newer, with counts.

    It has all rows and columns. One that was changed in place is shown as a plain frame.
    """

    def _repr_html_(self) -> str:
        from pkgwidgets.presentation.updates_summary import updates_html

        rows = _update_rows(self)
        return pd.DataFrame(self).to_html() if rows is None else updates_html(rows)

    def __repr__(self) -> str:
        from pkgwidgets.presentation.updates_summary import updates_text

        rows = _update_rows(self)
        return str(super().__repr__()) if rows is None else updates_text(rows)


_UPDATE_COLUMNS = {
    "version": "version",
    "compatible_version": "compatible",
    "latest_version": "latest",
    "change": "step",
    "blocked_by": "blocked_by",
    "error": "error",
}
"""The columns of a package frame, and what they are in a summary."""


def _update_rows(frame: pd.DataFrame) -> list[UpdateRow] | None:
    """Return the rows of a package frame; None if it lacks a column."""
    from pkgwidgets.presentation.updates_summary import UpdateRow

    columns = {*_UPDATE_COLUMNS, "update_available", "released"}
    if not columns <= {*map(str, frame.columns)}:
        return None
    rows = []
    for name, values in zip(frame.index, frame.to_dict("records"), strict=True):
        texts = {field: _text(values[column]) for column, field in _UPDATE_COLUMNS.items()}
        newer, released = values["update_available"], values["released"]
        rows.append(
            UpdateRow(
                name=str(name),
                released="" if pd.isna(released) else f"{released:%Y-%m-%d}",
                is_newer=None if pd.isna(newer) else bool(newer),
                **texts,
            )
        )
    return rows


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _row_texts(row: tuple[Any, ...]) -> list[str]:
    return [_text(value) for value in row]
