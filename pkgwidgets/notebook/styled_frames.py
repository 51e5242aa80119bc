"""Frames that show themselves in a cell; what is taken from one is a plain frame.

All text is made safe: it may be hostile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pandas as pd

from pkgwidgets.analysis.output_diff import Rehearsal
from pkgwidgets.presentation import side_by_side
from pkgwidgets.presentation.html import escape_text

_LEFT = 'style="text-align:left;vertical-align:top;overflow-wrap:break-word"'


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
        heads = "".join(f"<th {_LEFT}>{escape_text(str(name))}</th>" for name in named.columns)
        body = "".join(f"<tr>{_cells(row)}</tr>" for row in named.itertuples(index=False))
        empty = "" if len(self) else "<div>Nothing.</div>"
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{empty}"


class RehearsalFrame(StyledFrame):
    """A row per cell; shown, the cells that are not the same, side by side.

    `rehearsal` is the whole as a value.
    """

    _metadata: ClassVar[list[str]] = ["rehearsal"]
    rehearsal: Rehearsal

    def _repr_html_(self) -> str:
        return side_by_side.rehearsal_html(self.rehearsal)


def _cells(row: tuple[Any, ...]) -> str:
    texts = ("" if pd.isna(value) else escape_text(str(value)) for value in row)
    return "".join(f"<td {_LEFT}>{text}</td>" for text in texts)
