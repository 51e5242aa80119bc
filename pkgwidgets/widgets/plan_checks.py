"""What is found out beside a plan that is shown already: who uses it, and whether it would break.

Neither keeps anybody from applying the plan; both end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.analysis.line_diff import changed_lines
from pkgwidgets.analysis.output_diff import ComparedCell, Rehearsal
from pkgwidgets.core.errors import Cancelled, InvalidRequest
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import count_noun, escape_hidden, format_size
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation import rehearsal_summary

from .background import BackgroundJob
from .plan_view import PlanView

_UNASKED = 200_000_000
"""Bytes of a plan above which nothing is fetched only to look at it, unless somebody asks."""

Survived = Callable[[Path, Plan], None]
Shown = dict[str, Any]


class PlanChecks:
    """Fills in what a plan means for the notebook; `survived` gets one that leaves it whole."""

    def __init__(self, service: PackageService, view: PlanView, survived: Survived) -> None:
        self._service = service
        self._survived = survived
        self._plan: Plan | None = None
        self._impact = _Place(partial(setattr, view, "impact"))
        self._rehearsal = _Place(partial(setattr, view, "rehearsal"))
        self._looking, self._trying = BackgroundJob(), BackgroundJob()

    def begin(self, plan: Plan) -> None:
        """Look, now that a plan is shown, which cells use what it changes: at once, or if asked."""
        self.end()
        self._plan = plan
        sizes = [c.size for c in plan.changes if c.after is not None]
        fetched = sum(size or 0 for size in sizes)
        if None in sizes or fetched > _UNASKED:
            much = "files of unknown size" if None in sizes else f"up to {format_size(fetched)}"
            text = f"to tell which cells break, {much} have to be fetched"
            self._impact.take({"state": "offered", "text": text})
        else:
            self.look()

    def look(self) -> None:
        """Look which cells use what the plan changes; the new versions of that are fetched."""
        plan = self._plan
        if plan:
            write = self._impact.take({"state": "looking"})
            failed = partial(_not_found, write)
            self._looking.start(partial(self._look, plan, write), failed)

    def end(self) -> None:
        """Give up what is under way: the plan is gone, or carried out."""
        self._plan = None
        self._looking.cancel()
        self._trying.cancel()
        self._impact.take({})
        self._rehearsal.take({})

    def rehearse(
        self, given: str, *, typed: bool = False, unsaved: bool = False, survive: bool = False
    ) -> None:
        """Rehearse the plan on the notebook; or find the plan that leaves it as it is.

        `told` is its path, as the page says, or the user if it was `typed`; `unsaved`: not all
        that the page shows is in the file.
        """
        path, plan = self._found(given), self._plan
        if plan is None:
            return
        if path is None:
            text = f"There is no notebook {escape_hidden(given)} here." if typed else ""
            self._rehearsal.take({"state": "asking", "path": given, "text": text})
            return
        self._trying.cancel()
        write = self._rehearsal.take(_running(path, "starting"))
        note = "Changes that are not saved were left out." if unsaved else ""
        work = self._survive if survive else self._rehearse
        self._trying.start(partial(work, plan, path, note, write), partial(_failed, write))

    def stop(self) -> None:
        """Call the rehearsal off; the plan stays."""
        self._trying.cancel()
        self._rehearsal.take({})

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; False if the time was up first."""
        return self._looking.wait(timeout) and self._trying.wait(timeout)

    def _found(self, given: str) -> Path | None:
        try:
            typed = Path(given).expanduser()
            known = self._service.find_notebook(given)
            return known or (typed.absolute() if given and typed.is_file() else None)
        except (OSError, RuntimeError, ValueError):  # nobody's home, or no path at all
            return None

    def _look(self, plan: Plan, write: Callable[[Shown], None]) -> None:
        with suppress(Cancelled):
            try:
                rows = self._service.values.impact(plan, report=self._looking.raise_if_cancelled)
            except InvalidRequest as error:  # that nothing was changed, nobody asked
                return _not_found(write, error.sentence())
            write({"state": "done", "text": summary(rows), "rows": _rows(rows)})

    def _rehearse(self, plan: Plan, path: Path, note: str, write: Callable[[Shown], None]) -> None:
        with suppress(Cancelled):
            rehearsal = self._service.values.rehearsal(plan, path, report=self._report(path, write))
            write({**contents(rehearsal), "state": "done", "note": note})

    def _survive(self, _: Plan, path: Path, note: str, write: Callable[[Shown], None]) -> None:
        with suppress(Cancelled):
            smaller = self._service.plan_upgrade(notebooks=path, report=self._report(path, write))
            if self._trying.is_cancelled():
                return
            self._survived(path, smaller)
            text = f"{path.name} runs with this plan as it does now. Nothing was changed."
            self._rehearsal.take({"state": "done", "kind": "ok", "text": text, "note": note})

    def _report(self, path: Path, write: Callable[[Shown], None]) -> Report:
        told = Shown()

        def report(event: Event) -> None:
            nonlocal told
            self._trying.raise_if_cancelled(event)
            now = _running(path, describe(event), event)
            if now != told:
                write(now)
                told = now

        return report


class _Place:
    """A trait that only the latest to take it writes."""

    def __init__(self, write: Callable[[Shown], None]) -> None:
        self._write = write
        self._lock = Lock()
        self._taken = 0

    def take(self, shown: Shown) -> Callable[[Shown], None]:
        """Write, and return what writes until the place is taken again."""
        with self._lock:
            self._taken += 1
            self._write(shown)
            return partial(self._if_latest, self._taken)

    def _if_latest(self, number: int, shown: Shown) -> None:
        with self._lock:
            if number == self._taken:
                self._write(shown)


def _running(path: Path, text: str, event: Event | None = None) -> Shown:
    counted = event is not None and event.total and event.text.startswith("rehearsing")
    fraction = (event.done or 0) / event.total if counted and event and event.total else None
    return {"state": "running", "path": path.name, "text": f"{text}…", "fraction": fraction}


def _failed(write: Callable[[Shown], None], error: str) -> None:
    write({"state": "done", "kind": "bad", "text": error})


def _not_found(write: Callable[[Shown], None], error: str) -> None:
    write({"state": "done", "text": f"Which cells use what changes is not known. {error}"})


def summary(rows: Sequence[Impact]) -> str:
    """Say in a sentence what a plan means for the cells that were run."""
    cells = {row.cell for row in rows if row.cell is not None}
    broken = {row.cell for row in rows if row.severity is Severity.BREAKS}
    if not rows:
        return "No cell that was run uses what changes."
    if broken:
        return f"{count_noun(len(broken), 'cell')} would break."
    uses = "uses" if len(cells) == 1 else "use"
    text = (
        f"{count_noun(len(cells), 'cell')} {uses} what changes" if cells else "A warning was seen"
    )
    return f"{text}; nothing is seen to break."


def contents(rehearsal: Rehearsal) -> Shown:
    """Return what a rehearsal found, as the view shows it."""
    summary = rehearsal_summary.summarize(rehearsal)
    changed = sorted(
        rehearsal_summary.changed_cells(rehearsal), key=lambda cell: not cell.is_regression
    )
    return {
        "kind": summary.kind,
        "text": summary.text,
        "broken": bool(rehearsal.regressions),
        "cells": [_cell(cell) for cell in changed],
    }


def _cell(cell: ComparedCell) -> dict[str, Any]:
    before, after = rehearsal_summary.output_excerpts(cell)
    changed = changed_lines(before, after)
    return {
        "place": f"cell {cell.number}",
        "verdict": cell.verdict.value,
        "bad": cell.is_regression,
        "source": rehearsal_summary.source_excerpt(cell),
        "before": before,
        "after": after,
        "changed_before": list(changed.before),
        "changed_after": list(changed.after),
    }


def _rows(rows: Sequence[Impact]) -> list[dict[str, str]]:
    return [
        {
            "cell": "" if row.cell is None else f"In [{row.cell}]",
            "package": row.package,
            "name": escape_hidden(row.name),
            "finding": escape_hidden(row.finding),
            "severity": row.severity.value,
        }
        for row in rows
    ]
