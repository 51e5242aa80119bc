"""Frames with their own HTML in a cell; parts of them and results are plain frames.

All text may be hostile, so it is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pandas as pd

from pkgwidgets.analysis.run_comparison import Rehearsal
from pkgwidgets.presentation import rehearsal_html
from pkgwidgets.presentation.html_table import TableStyle, html_table

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
        return rehearsal_html.rehearsal_html(self.rehearsal)


def _row_texts(row: tuple[Any, ...]) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in row]
