"""Compare runs of a notebook, cell by cell: what an upgrade breaks or changes.

An error counts unless a run without the upgrade raises it, too. Of the outputs, only what differs
between runs without the upgrade does not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pkgwidgets.core.deprecation import renamed_attribute
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.redaction import redact

from .cell_output import (
    DEFAULT_SANITIZER,
    Sanitizer,
    sanitize,
    visible_pictures,
    visible_texts,
)
from .noise import pattern_of
from .notebook_runs import IGNORE_OUTPUT, CellRun, NotebookRun
from .pictures import are_same_pictures

_MAX_SLOWDOWN_FACTOR, _MAX_SLOWDOWN_SECONDS = 3.0, 1.0
"""A cell is slower if it takes more than this many times as long, plus these seconds."""


class Verdict(StrEnum):
    """How a cell changed; only `BROKEN` and `DIFFERENT` count as regressions of an upgrade.

    `UNTRIED` cells fail without the upgrade, too, so nothing is known about the upgrade.

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
    UNTRIED = "could not be tried"
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

    is_blamed = renamed_attribute("is_blamed", "is_regression")

    @property
    def place(self) -> str:
        """`cell 3 of story.ipynb`."""
        return f"cell {self.number} of {self.notebook.name}"

    @property
    def is_regression(self) -> bool:
        """Whether the new versions break the cell or change its output."""
        return self.verdict in _REGRESSION_VERDICTS

    @property
    def is_error(self) -> bool:
        """Whether the new versions make the cell fail."""
        return self.verdict is Verdict.BROKEN

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

    blamed = renamed_attribute("blamed", "regressions")

    @property
    def regressions(self) -> tuple[ComparedCell, ...]:
        """The cells with a new error or a different output."""
        return tuple(cell for cell in self.cells if cell.is_regression)

    @property
    def untried(self) -> tuple[ComparedCell, ...]:
        """The cells that fail without the plan, too."""
        return tuple(cell for cell in self.cells if cell.verdict is Verdict.UNTRIED)

    @property
    def passed(self) -> bool:
        """Whether the plan causes no regression, and every cell could be tried."""
        return not self.regressions and not self.untried


def compare_runs(
    before: NotebookRun,
    after: NotebookRun,
    sanitizer: Sanitizer = (),
    repeats: Sequence[NotebookRun] = (),
) -> tuple[ComparedCell, ...]:
    """Compare two runs of the same notebook, cell by cell.

    `repeats` are more runs without the upgrade: what differs between these and `before` is noise.
    Raises `ValueError` if the runs differ in their number of cells.
    """
    sanitizer = (*DEFAULT_SANITIZER, *sanitizer)
    rows = zip(before.cells, after.cells, *(run.cells for run in repeats), strict=True)
    comparisons = [
        _Comparison((before_cell, *repeated), after_cell, sanitizer)
        for before_cell, after_cell, *repeated in rows
    ]
    cells = tuple(
        ComparedCell(
            notebook=before.script.notebook,
            number=comparison.before.number,
            before=comparison.before,
            after=comparison.after,
            verdict=comparison.verdict(),
        )
        for comparison in comparisons
    )
    return _without_moved_lines(cells, comparisons)


def is_noisy(runs: Sequence[NotebookRun]) -> bool:
    """Tell whether runs without an upgrade differ from one another: then one more may help."""
    first, *others = runs
    return any(
        cell.is_regression or cell.verdict is Verdict.FIXED
        for run in others
        for cell in compare_runs(first, run)
    )


def unconfirmed(
    cells: Sequence[ComparedCell], repeated: Sequence[ComparedCell]
) -> tuple[ComparedCell, ...]:
    """Return the regressions that do not recur when the same plan is rehearsed again."""
    return tuple(
        cell
        for cell, again in zip(cells, repeated, strict=True)
        if cell.is_regression and not again.is_regression
    )


class _Comparison:
    """One cell in the runs without an upgrade, and in the run with it."""

    def __init__(self, plain: Sequence[CellRun], after: CellRun, sanitizer: Sanitizer) -> None:
        self.before, self.after = plain[0], after
        self._plain = plain
        self._sanitizer = sanitizer

    def verdict(self) -> Verdict:
        if self.before.error or self.after.error:
            return self._error_verdict()
        if IGNORE_OUTPUT not in self.before.markers:
            verdict = self._output_verdict()
            if verdict is not Verdict.SAME:
                return verdict
        if self._warnings([self.after]) - self._warnings(self._plain):
            return Verdict.WARNS
        slowest = max(cell.seconds for cell in self._plain)
        if self.after.seconds > _MAX_SLOWDOWN_FACTOR * slowest + _MAX_SLOWDOWN_SECONDS:
            return Verdict.SLOWER
        return Verdict.SAME

    def texts(self, cell: CellRun) -> Mapping[str, str]:
        return visible_texts(cell, self._sanitizer)

    def _error_verdict(self) -> Verdict:
        """Excuse an error only if a run without the upgrade raises it, too."""
        always_fails = all(cell.error for cell in self._plain)
        if not self.after.error:
            return Verdict.FIXED if always_fails else Verdict.FLAKY
        if self.after.error_kind not in {cell.error_kind for cell in self._plain}:
            return Verdict.BROKEN
        return Verdict.UNTRIED if always_fails else Verdict.FLAKY

    def _output_verdict(self) -> Verdict:
        finished = [cell for cell in self._plain if not cell.error]
        shown = [self.texts(cell) for cell in finished]
        after = self.texts(self.after)
        pictures, after_pictures = map(visible_pictures, finished), visible_pictures(self.after)
        if shown[0] == after and are_same_pictures(next(pictures), after_pictures):
            return Verdict.SAME
        kinds = dict.fromkeys(kind for texts in (*shown, after) for kind in texts)
        if not all(
            pattern_of([texts.get(kind, "") for texts in shown]).matches(after.get(kind, ""))
            for kind in kinds
        ):
            return Verdict.DIFFERENT
        return self._picture_verdict(finished)

    def _picture_verdict(self, finished: Sequence[CellRun]) -> Verdict:
        """Ignore pictures that differ between runs without the upgrade: no part is comparable."""
        first, *others = map(visible_pictures, finished)
        is_reproducible = all(are_same_pictures(first, pictures) for pictures in others)
        if is_reproducible and not are_same_pictures(first, visible_pictures(self.after)):
            return Verdict.DIFFERENT
        return Verdict.FLAKY

    def _warnings(self, cells: Sequence[CellRun]) -> set[str]:
        return {sanitize(warning, self._sanitizer) for cell in cells for warning in cell.warnings}


def _without_moved_lines(
    cells: tuple[ComparedCell, ...], comparisons: Sequence[_Comparison]
) -> tuple[ComparedCell, ...]:
    """Blame no cell for lines that only moved to another one, as a thread's late output does."""
    suspects = {number for number, cell in enumerate(cells) if cell.verdict is Verdict.DIFFERENT}
    lost, gained = Counter[str](), Counter[str]()
    moves: dict[int, tuple[Counter[str], Counter[str]]] = {}
    for number in suspects:
        old, new = (
            Counter(comparisons[number].texts(cell).get("stdout", "").split("\n"))
            for cell in (cells[number].before, cells[number].after)
        )
        moves[number] = (old - new, new - old)
        lost += old - new
        gained += new - old
    return tuple(
        replace(cell, verdict=Verdict.FLAKY)
        if number in suspects and _has_only_moved(comparisons[number], moves[number], lost, gained)
        else cell
        for number, cell in enumerate(cells)
    )


def _has_only_moved(
    comparison: _Comparison,
    move: tuple[Counter[str], Counter[str]],
    lost: Counter[str],
    gained: Counter[str],
) -> bool:
    """Tell whether all lines that differ are gained, or lost, by other cells."""
    old, new = (dict(comparison.texts(cell)) for cell in (comparison.before, comparison.after))
    for texts in (old, new):
        texts.pop("stdout", None)
    missing, more = (Counter({k: v for k, v in part.items() if k}) for part in move)
    # A cell with both shows another result: two cells may have swapped theirs.
    has_one_direction = bool(missing) != bool(more)
    return has_one_direction and old == new and missing <= gained and more <= lost
