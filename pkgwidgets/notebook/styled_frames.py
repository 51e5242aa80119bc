"""Frames that show themselves in a cell; what is taken from one is a plain frame.

All text is made safe: it may be hostile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pandas as pd

from pkgwidgets.analysis.output_diff import Rehearsal
from pkgwidgets.presentation import rehearsal_html
from pkgwidgets.presentation.html_table import TableStyle, html_table

_LEFT = "text-align:left;vertical-align:top;overflow-wrap:break-word"
_STYLE = TableStyle(head=_LEFT, cell=_LEFT)


class StyledFrame(pd.DataFrame):
    """A frame with a look of its own, which parts and results of it do not have."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    @property
    def _constructor_sliced(self) -> Callable[..., pd.Series[Any]]:
        return pd.Series


class FullTextFrame(StyledFrame):
    """A frame of which a cell shows the texts in full, at the left."""

    def _repr_html_(self) -> str:
        named = self.reset_index() if self.index.name is not None else self
        rows = map(_texts, named.itertuples(index=False))
        empty = "" if len(self) else "<div>Nothing.</div>"
        return f"{html_table([*map(str, named.columns)], rows, _STYLE)}{empty}"


class RehearsalFrame(StyledFrame):
    """A row per cell; shown, the cells that are not the same, side by side.

    `rehearsal` is the whole as a value.
    """

    _metadata: ClassVar[list[str]] = ["rehearsal"]
    rehearsal: Rehearsal

    def _repr_html_(self) -> str:
        return rehearsal_html.rehearsal_html(self.rehearsal)


def _texts(row: tuple[Any, ...]) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in row]
