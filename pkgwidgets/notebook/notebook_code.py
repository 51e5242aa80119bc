"""The cells of a notebook: those of a file, or those that this kernel has run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pkgwidgets.analysis.name_usage import Cell, Unknown
from pkgwidgets.connect import read_notebook
from pkgwidgets.core.errors import InvalidRequest

from .loaded_packages import search_folders


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookCells:
    """Code cells, the folder in which they start, and folders of `sys.path` around them.

    `unknowns` are the cells whose code is lost. `last_runs` has the number of the last cell with
    the same code, for each cell that was run again.
    """

    cells: tuple[Cell, ...]
    folder: Path | None = None
    path: tuple[Path, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    last_runs: Mapping[int, int] = field(default_factory=dict)


def notebook_cells(notebook: str | Path) -> NotebookCells:
    """Return the code cells of a notebook file, numbered as if all were run.

    Raises `InvalidRequest` if it is not a notebook (nbformat 4), or not in Python.
    """
    if not isinstance(notebook, str | Path):
        raise InvalidRequest("notebook", notebook)
    file = Path(notebook)
    code = read_notebook(file)
    cells = tuple(Cell(number=number, source=cell.source) for number, cell in enumerate(code, 1))
    return NotebookCells(cells=cells, folder=file.absolute().parent)


def executed_cells() -> NotebookCells:
    """Return the cells that this kernel has run; raises `InvalidRequest` outside a kernel.

    They come from IPython's own history. `In`, in the user's names, may be changed or deleted.
    """
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        raise InvalidRequest(
            "notebook", None, "give the path of a notebook: no cell is running here"
        )
    sources = _history(shell)
    cells = [Cell(number=n, source=text) for n, text in enumerate(sources) if text.strip()]
    known = {cell.number for cell in cells}
    text = "this kernel's history has no code of it, so the names that it uses are unknown"
    last = {cell.source: cell.number for cell in cells}
    lost = [n for n in range(1, int(shell.execution_count)) if n not in known]
    folder = getattr(shell, "starting_dir", None)
    return NotebookCells(
        cells=tuple(cells),
        folder=Path(folder) if isinstance(folder, str) else None,
        path=search_folders(),
        unknowns=tuple(Unknown(cell=number, text=text) for number in lost),
        last_runs={cell.number: last[cell.source] for cell in cells},
    )


def transform(source: str) -> str:
    """Return a cell as plain Python, as IPython transforms it before it runs.

    Raises `SyntaxError` if it cannot.
    """
    return str(_transformer().transform_cell(source))


@cache
def _transformer() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager  # loads all of IPython

    return TransformerManager()  # type: ignore[no-untyped-call]


def _history(shell: Any) -> Sequence[str]:
    """Return the source of each cell by its number, as the user wrote it."""
    sources = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None) or [""]
    return [source if isinstance(source, str) else "" for source in list(sources)]
