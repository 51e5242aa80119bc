"""Compare two runs of a notebook, cell by cell.

Outputs are compared as nbval compares them: its cell markers, its ignored keys and its sanitizing,
https://nbval.readthedocs.io/en/latest/
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pkgwidgets.core.plans import Plan
from pkgwidgets.core.redaction import redact

from .notebook_runs import IGNORE_OUTPUT, WARNING, CellRun, NotebookRun

Sanitizer = Sequence[tuple[re.Pattern[str], str]]
"""Patterns and their replacements, applied to outputs before they are compared."""

_IGNORED_KEYS = frozenset({
    "metadata", "traceback", "transient", "output_type", "name", "execution_count", "ename",
    "evalue", "application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg",
    "image/svg+xml", "application/pdf",
})  # fmt: skip
_DEFAULT_SANITIZER = (
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "ADDRESS"),
    (re.compile(r"(?<=ipykernel_)\d+/\d+(?=\.py)"), "CELL"),
    # The output of `%time` and `%timeit`, and names that are new for each display.
    (re.compile(r"^(CPU times: user |Wall time: )[^\n]*$", re.MULTILINE), "TIME"),
    (re.compile(r"^[\d.]+ [nμum]?s ± [^\n]* per loop \(mean ± [^\n]*\)$", re.MULTILINE), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "UUID"),
    (
        re.compile(r"(?<=[a-z]-)[0-9a-f]{32}\b"),
        "UUID",
    ),  # as in `altair-viz-…`; alone it is a digest
)
_SANITIZE_RULE = re.compile(r"^regex: (.*)$\n^replace: (.*)$", re.MULTILINE)
_MAX_SLOWDOWN_FACTOR, _MAX_SLOWDOWN_SECONDS = 3.0, 1.0
"""A cell is slower if it takes more than this many times as long, plus these seconds."""


class Verdict(StrEnum):
    """How a cell changed; only `BROKEN` and `DIFFERENT` count as regressions of an upgrade.

    >>> from pkgwidgets import Verdict
    >>> Verdict("same") is Verdict.SAME
    True
    """

    SAME = "same"
    BROKEN = "would fail"
    DIFFERENT = "different output"
    WARNS = "new warning"
    SLOWER = "slower"
    FIXED = "fixed"
    ALREADY_FAILING = "already failing"
    FLAKY = "not reproducible"


_REGRESSION_VERDICTS = (Verdict.BROKEN, Verdict.DIFFERENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedCell:
    """One cell in the runs before and after a change.

    >>> rehearsed = service.values.rehearsal(service.plan_upgrade("seedshelf"), notebook)
    >>> (cell,) = rehearsed.cells
    >>> cell.place, cell.is_regression, cell.before.text == cell.after.text
    ('cell 1 of story.ipynb', False, True)
    """

    notebook: Path
    number: int
    before: CellRun
    after: CellRun
    verdict: Verdict

    @property
    def place(self) -> str:
        """`cell 3 of story.ipynb`."""
        return f"cell {self.number} of {self.notebook.name}"

    @property
    def is_regression(self) -> bool:
        """Whether the new versions break the cell or change its output."""
        return self.verdict in _REGRESSION_VERDICTS

    def __str__(self) -> str:
        # This text is stored with the plan, and an error's message may hold a secret.
        lines = redact(self.after.error or str(self.verdict)).strip().splitlines()
        return f"{self.place} ({lines[0][:200] if lines else self.verdict})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """The effect of a plan on notebooks: their cells before and after. Nothing is changed.

    >>> rehearsed = service.values.rehearsal(service.plan_upgrade("seedshelf"), notebook)
    >>> rehearsed.passed, rehearsed.regressions, len(rehearsed.cells)
    (True, (), 1)
    """

    plan: Plan
    cells: tuple[ComparedCell, ...]
    before: tuple[NotebookRun, ...] = ()
    after: tuple[NotebookRun, ...] = ()

    @property
    def regressions(self) -> tuple[ComparedCell, ...]:
        """The cells with a new error or a different output."""
        return tuple(cell for cell in self.cells if cell.is_regression)

    @property
    def passed(self) -> bool:
        """Whether the plan causes no regression."""
        return not self.regressions


def mask_versions(plan: Plan) -> Sanitizer:
    """Return a sanitizer that hides the plan's version numbers: an upgrade always changes those.

    Only versions with two or more dots are hidden: `2.0` may just as well be a result.
    """
    return tuple(
        (re.compile(rf"(?<![\w.]){re.escape(version)}(?![\w.]*\w)"), f"VERSION OF {change.id}")
        for change in plan.changes
        for version in map(str, (change.before, change.after))
        if version.count(".") > 1
    )


def parse_sanitize_rules(text: str) -> Sanitizer:
    """Parse a file for nbval's `--nbval-sanitize-with`; raises `re.error` for a bad pattern."""
    return tuple(
        (re.compile(pattern), replacement) for pattern, replacement in _SANITIZE_RULE.findall(text)
    )


def compare_runs(
    before: NotebookRun, after: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Compare two runs of the same notebook, cell by cell.

    Raises `ValueError` if the runs differ in their number of cells.
    """
    return tuple(
        ComparedCell(
            notebook=before.script.notebook,
            number=before_cell.number,
            before=before_cell,
            after=after_cell,
            verdict=_judge(before_cell, after_cell, (*_DEFAULT_SANITIZER, *sanitizer)),
        )
        for before_cell, after_cell in zip(before.cells, after.cells, strict=True)
    )


def mark_flaky(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Mark regressions as flaky that also occur in a second run without the new versions."""
    return _mark_flaky_cells(cells, again, sanitizer, if_broken=True)


def confirm_regressions(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Mark regressions as flaky that do not recur in a second run with the new versions."""
    return _mark_flaky_cells(cells, again, sanitizer, if_broken=False)


def _mark_flaky_cells(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer, *, if_broken: bool
) -> tuple[ComparedCell, ...]:
    """Mark regressions as flaky whose cell in another run is (`if_broken`) or is not broken."""
    runs_by_number = {cell.number: cell for cell in again.cells}

    def is_broken(cell: ComparedCell) -> bool:
        return (
            _judge(cell.before, runs_by_number[cell.number], (*_DEFAULT_SANITIZER, *sanitizer))
            in _REGRESSION_VERDICTS
        )

    return tuple(
        replace(cell, verdict=Verdict.FLAKY)
        if cell.is_regression and is_broken(cell) is if_broken
        else cell
        for cell in cells
    )


def _judge(before: CellRun, after: CellRun, sanitizer: Sanitizer) -> Verdict:
    if before.error or after.error:
        if before.error and after.error:
            return Verdict.ALREADY_FAILING
        return Verdict.BROKEN if after.error else Verdict.FIXED
    ignores_output = IGNORE_OUTPUT in before.markers
    if not ignores_output and _visible_output(before, sanitizer) != _visible_output(
        after, sanitizer
    ):
        return Verdict.DIFFERENT
    if {_sanitize(warning, sanitizer) for warning in after.warnings} - {
        _sanitize(warning, sanitizer) for warning in before.warnings
    }:
        return Verdict.WARNS
    if after.seconds > _MAX_SLOWDOWN_FACTOR * before.seconds + _MAX_SLOWDOWN_SECONDS:
        return Verdict.SLOWER
    return Verdict.SAME


def _visible_output(cell: CellRun, sanitizer: Sanitizer) -> dict[str, list[object]]:
    """Return the outputs of a cell by kind; the order between kinds does not count."""
    visible: dict[str, list[object]] = defaultdict(list)
    streams: dict[str, str] = defaultdict(str)
    for output in cell.outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] += output["text"]
            continue
        for kind, value in {**output, **output.get("data", {})}.items():
            if kind not in _IGNORED_KEYS and kind != "data":
                visible[kind].append(_sanitize(value, sanitizer))
    if "stderr" in streams:  # warnings are compared separately
        warning = WARNING.search(streams["stderr"])
        streams["stderr"] = streams["stderr"][: warning.start() if warning else None]
    for name, text in streams.items():
        if text.strip():
            visible[name].append(_sanitize(text, sanitizer))
    return dict(visible)


def _sanitize(value: object, sanitizer: Sanitizer) -> object:
    if not isinstance(value, str):
        return value
    for pattern, replacement in sanitizer:
        value = pattern.sub(replacement, value)
    return value
