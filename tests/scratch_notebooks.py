"""Notebooks written by tests, and fakes of the runner and the known-good store."""

from __future__ import annotations

import ast
import builtins
import io
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from fakes import FakeEnvironment

from pkgwidgets.analysis.notebook_runs import (
    SKIP,
    CellRun,
    KnownGoodVersions,
    NotebookCode,
    NotebookRun,
    Output,
    parse_markers,
)
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.demo.wheel_builder import BuiltWheel

_CROP = "def count():\n    return {count}\n"


def write(path: Path, *cells: str | tuple[str, list[str]]) -> Path:
    """Write a notebook of these cells, each a source or a source and its tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = [cell if isinstance(cell, tuple) else (cell, []) for cell in cells]
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {"tags": tags},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, (source, tags) in enumerate(pairs)
        ],
    }
    path.write_text(json.dumps(content))
    return path


def crops(count: int, bad: Collection[int] = (), **needs: tuple[str, ...]) -> list[BuiltWheel]:
    """Return wheels 1.0.0 and 2.0.0 of `crop1`, `crop2` …; the new ones of the bad count wrong.

    `needs` are what new ones require: `crop3=("crop1>=2",)`.
    """
    return [
        BuiltWheel(
            name=f"crop{number}",
            version=f"{major}.0.0",
            files={f"crop{number}.py": _CROP.format(count=_count(number, major, bad))},
            requires=needs.get(f"crop{number}", ()) if major == 2 else (),
        )
        for number in range(1, count + 1)
        for major in (1, 2)
    ]


def _count(number: int, major: int, bad: Collection[int]) -> str:
    return f"{number} // 0" if number in bad and major == 2 else str(number)


class FakeNotebookRunner:
    """Runs cells in this process; imports come from the disk in memory."""

    def __init__(self, environment: FakeEnvironment) -> None:
        self._environment = environment
        self.runs: list[bool] = []
        """Whether each run had staged packages."""

    def read(self, notebook: Path) -> NotebookCode:
        try:
            cells = json.loads(notebook.read_text())["cells"]
        except (OSError, ValueError) as error:
            raise InvalidRequest("notebook", str(notebook), "it is none") from error
        code = [cell for cell in cells if cell["source"].strip()]
        return NotebookCode(
            notebook=notebook,
            sources=tuple(cell["source"] for cell in code),
            markers=tuple(parse_markers(c["source"], c["metadata"].get("tags", [])) for c in code),
        )

    def run(
        self,
        scripts: Sequence[NotebookCode],
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
        limits: RunLimits | None = None,
        report: Report = no_report,
    ) -> tuple[NotebookRun, ...]:
        self.runs.append(staged is not None)
        return tuple(self._run(script, staged, masked, report) for script in scripts)

    @contextmanager
    def temporary_directory(self) -> Iterator[Path]:
        with TemporaryDirectory() as folder:
            yield Path(folder).resolve()

    def _run(
        self, script: NotebookCode, staged: Path | None, masked: Collection[Path], report: Report
    ) -> NotebookRun:
        names = {"__builtins__": self._builtins(staged, masked), "__name__": "__main__"}
        cells = []
        for number, (source, markers) in enumerate(
            zip(script.sources, script.markers, strict=True), 1
        ):
            report(Event(stage=Stage.CHECKING, text=f"cell {number}"))
            outputs = () if SKIP in markers else _executed(source, names)
            cells.append(CellRun(number=number, source=source, outputs=outputs, markers=markers))
        return NotebookRun(script=script, cells=tuple(cells))

    def _builtins(self, staged: Path | None, masked: Collection[Path]) -> dict[str, Any]:
        sites = ([staged / "lib"] if staged is not None else []) + [self._environment.site]
        loaded: dict[str, ModuleType] = {}
        disk = self._environment.disk

        def import_module(name: str, *rest: Any) -> ModuleType:
            for path in (site / f"{name}.py" for site in sites):
                if name not in loaded and path in disk and path not in masked:
                    loaded[name] = ModuleType(name)
                    vars(loaded[name])["__builtins__"] = own
                    exec(disk[path], vars(loaded[name]))
            return loaded[name] if name in loaded else __import__(name, *rest)

        own = {**vars(builtins), "__import__": import_module}
        return own


def _executed(source: str, names: dict[str, Any]) -> tuple[Output, ...]:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    out: list[Output] = []
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile(tree, "cell", "exec"), names)
            value = None
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        if value is not None:
            out.append({"output_type": "execute_result", "data": {"text/plain": repr(value)}})
    except Exception as error:
        name, text = type(error).__name__, str(error)
        out.append({"output_type": "error", "ename": name, "evalue": text, "traceback": []})
    if printed.getvalue():
        stream = {"output_type": "stream", "name": "stdout", "text": printed.getvalue()}
        out.insert(0, stream)
    return tuple(out)


class FakeKnownGood:
    """A known-good store in memory."""

    def __init__(self) -> None:
        self.kept: list[KnownGoodVersions] = []

    def remember(self, good: KnownGoodVersions) -> None:
        self.kept = [
            known
            for known in self.kept
            if (known.notebook, known.digest) != (good.notebook, good.digest)
        ]
        self.kept.append(good)

    def recall(self, script: NotebookCode) -> KnownGoodVersions | None:
        mine = [known for known in self.kept if known.notebook == script.notebook]
        exact = [known for known in mine if known.digest == script.digest]
        return next(iter([*reversed(exact), *reversed(mine)]), None)
