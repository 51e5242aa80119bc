"""Two runs of a notebook, cell by cell: what is the same, and what the newer one did otherwise.

Outputs are compared as nbval compares them, with its cell markers, what it leaves out and its
sanitising: https://nbval.readthedocs.io/en/latest/
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
"""What is replaced in outputs before they are compared, by what."""

_LEFT_OUT = frozenset({
    "metadata", "traceback", "transient", "output_type", "name", "execution_count", "ename",
    "evalue", "application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg",
    "image/svg+xml", "application/pdf",
})  # fmt: skip
_ALWAYS = (
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "ADDRESS"),
    (re.compile(r"(?<=ipykernel_)\d+/\d+(?=\.py)"), "CELL"),
    # What `%time` and `%timeit` tell, and names that are made up anew for each display.
    (re.compile(r"^(CPU times: user |Wall time: )[^\n]*$", re.MULTILINE), "TIME"),
    (re.compile(r"^[\d.]+ [nμum]?s ± [^\n]* per loop \(mean ± [^\n]*\)$", re.MULTILINE), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "UUID"),
    (
        re.compile(r"(?<=[a-z]-)[0-9a-f]{32}\b"),
        "UUID",
    ),  # as in `altair-viz-…`; alone it is a digest
)
_RULE = re.compile(r"^regex: (.*)$\n^replace: (.*)$", re.MULTILINE)
_TIMES_SLOWER, _SECONDS_SLOWER = 3.0, 1.0


class Verdict(StrEnum):
    """What became of a cell; `BROKEN` and `DIFFERENT` are what an upgrade is blamed for."""

    SAME = "same"
    BROKEN = "new error"
    DIFFERENT = "different output"
    WARNS = "new warning"
    SLOWER = "slower"
    FIXED = "no error any more"
    ALREADY_FAILING = "error before and after"
    FLAKY = "different by itself"


_REGRESSIONS = (Verdict.BROKEN, Verdict.DIFFERENT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedCell:
    """A cell before and after."""

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
        """Whether the new versions are to blame for it."""
        return self.verdict in _REGRESSIONS

    def __str__(self) -> str:
        # It is kept with the plan: what an error tells may be a secret.
        last = redact(self.after.error or str(self.verdict)).strip().splitlines()
        return f"{self.place} ({last[0][:200] if last else self.verdict})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """What a plan would do to notebooks: their cells before and after. Nothing was changed."""

    plan: Plan
    cells: tuple[ComparedCell, ...]
    before: tuple[NotebookRun, ...] = ()
    after: tuple[NotebookRun, ...] = ()

    @property
    def regressions(self) -> tuple[ComparedCell, ...]:
        """The cells that the plan would break: a new error, or another output."""
        return tuple(cell for cell in self.cells if cell.is_regression)

    @property
    def passed(self) -> bool:
        """Whether nothing is blamed on the plan."""
        return not self.regressions


def mask_versions(plan: Plan) -> Sanitizer:
    """Return what hides that another version calls itself so: nobody upgrades and wants that not.

    Only of versions with two dots or more: `2.0` may as well be a result.
    """
    return tuple(
        (re.compile(rf"(?<![\w.]){re.escape(text)}(?![\w.]*\w)"), f"VERSION OF {change.id}")
        for change in plan.changes
        for text in map(str, (change.before, change.after))
        if text.count(".") > 1
    )


def parse_sanitize_rules(text: str) -> Sanitizer:
    """Read a file of nbval's `--nbval-sanitize-with`; raises `re.error` for what is no pattern."""
    return tuple((re.compile(pattern), instead) for pattern, instead in _RULE.findall(text))


def compare_runs(
    before: NotebookRun, after: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Compare two runs of the same notebook, cell by cell."""
    return tuple(
        ComparedCell(
            notebook=before.script.notebook,
            number=old.number,
            before=old,
            after=new,
            verdict=_verdict(old, new, (*_ALWAYS, *sanitizer)),
        )
        for old, new in zip(before.cells, after.cells, strict=True)
    )


def mark_flaky(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Pardon cells that differ from themselves, in a second run without the new versions."""
    return _mark_flaky_cells(cells, again, sanitizer, if_broken=True)


def confirm_regressions(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer = ()
) -> tuple[ComparedCell, ...]:
    """Pardon cells that do not break in a second run with the new versions: it was chance."""
    return _mark_flaky_cells(cells, again, sanitizer, if_broken=False)


def _mark_flaky_cells(
    cells: Sequence[ComparedCell], again: NotebookRun, sanitizer: Sanitizer, *, if_broken: bool
) -> tuple[ComparedCell, ...]:
    """Blame nobody for cells that in another run are, or are not, broken."""
    found = {cell.number: cell for cell in again.cells}

    def is_broken(cell: ComparedCell) -> bool:
        return _verdict(cell.before, found[cell.number], (*_ALWAYS, *sanitizer)) in _REGRESSIONS

    return tuple(
        replace(cell, verdict=Verdict.FLAKY)
        if cell.is_regression and is_broken(cell) is if_broken
        else cell
        for cell in cells
    )


def _verdict(before: CellRun, after: CellRun, sanitizer: Sanitizer) -> Verdict:
    if before.error or after.error:
        if before.error and after.error:
            return Verdict.ALREADY_FAILING
        return Verdict.BROKEN if after.error else Verdict.FIXED
    ignored = IGNORE_OUTPUT in before.markers
    if not ignored and _visible_output(before, sanitizer) != _visible_output(after, sanitizer):
        return Verdict.DIFFERENT
    if {_sanitize(w, sanitizer) for w in after.warnings} - {
        _sanitize(w, sanitizer) for w in before.warnings
    }:
        return Verdict.WARNS
    if after.seconds > _TIMES_SLOWER * before.seconds + _SECONDS_SLOWER:
        return Verdict.SLOWER
    return Verdict.SAME


def _visible_output(cell: CellRun, sanitizer: Sanitizer) -> dict[str, list[object]]:
    """Return, by kind, what a cell shows: the order between kinds does not count."""
    shown: dict[str, list[object]] = defaultdict(list)
    streams: dict[str, str] = defaultdict(str)
    for output in cell.outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] += output["text"]
            continue
        for kind, value in {**output, **output.get("data", {})}.items():
            if kind not in _LEFT_OUT and kind != "data":
                shown[kind].append(_sanitize(value, sanitizer))
    if "stderr" in streams:  # warnings are looked at on their own
        found = WARNING.search(streams["stderr"])
        streams["stderr"] = streams["stderr"][: found.start() if found else None]
    for name, text in streams.items():
        if text.strip():
            shown[name].append(_sanitize(text, sanitizer))
    return dict(shown)


def _sanitize(value: object, sanitizer: Sanitizer) -> object:
    if not isinstance(value, str):
        return value
    for pattern, instead in sanitizer:
        value = pattern.sub(instead, value)
    return value
