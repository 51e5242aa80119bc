"""Check a shown plan in the background: which cells it affects, and a rehearsal of the notebook.

The plan can be applied meanwhile. Both checks end with the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pkgwidgets.analysis import needs
from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.analysis.line_diff import changed_lines
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal
from pkgwidgets.core.errors import Cancelled, InvalidRequest
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import count_noun, escape_hidden
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation import rehearsal_summary

from .background import BackgroundJob, wait_for_all
from .plan_preparation import large_download
from .plan_view import PlanView
from .trait_writer import State, TraitWriter

_WARNED_TEXT = "This kernel has shown a warning about a changed package"
_NO_ANALYSIS_TEXT = (
    'Its analysis, without running it, needs griffe: `pip install "pkgwidgets[impact]"`. '
    "Rehearse on this notebook to see what its cells do with the new versions."
)
_OFFER_TEXT = (
    "It can be read, not run, to find cells that would fail; {amount} must be fetched for that."
)

OnSurvivingPlan = Callable[[Path, Plan], None]


class PlanChecks:
    """Fills in the impact and the rehearsal of the shown plan.

    `on_surviving_plan` gets the notebook and a plan that leaves its results unchanged.
    """

    def __init__(
        self, service: PackageService, view: PlanView, on_surviving_plan: OnSurvivingPlan
    ) -> None:
        self._service = service
        self._on_surviving_plan = on_surviving_plan
        self._plan: Plan | None = None
        self._impact = TraitWriter(partial(setattr, view, "impact"))
        self._rehearsal = TraitWriter(partial(setattr, view, "rehearsal"))
        self._impact_job, self._rehearsal_job = BackgroundJob(), BackgroundJob()

    def begin(self, plan: Plan) -> None:
        """Check the impact of a plan that is now shown, or offer to if much has to be fetched."""
        self.end()
        self._plan = plan
        amount = large_download(plan)
        if amount and not needs.has_griffe():  # no offer of what would only end in an error
            self._impact.claim({"state": "done", "text": _NO_ANALYSIS_TEXT})
        elif amount:
            self._impact.claim({"state": "offered", "text": _OFFER_TEXT.format(amount=amount)})
        else:
            self.check_impact()

    def check_impact(self) -> None:
        """Find the cells that use changed packages; this fetches the new versions of those."""
        plan = self._plan
        if plan:
            self._impact_job.cancel()  # the state that it would write is claimed now
            write = self._impact.claim({"state": "looking"})
            on_failure = partial(_write_unknown, write)
            self._impact_job.start(partial(self._check_impact, plan, write), on_failure)

    def end(self) -> None:
        """Cancel all checks, because the plan is closed or applied."""
        self._plan = None
        self._impact_job.cancel()
        self._rehearsal_job.cancel()
        self._impact.claim({})
        self._rehearsal.claim({})

    def rehearse(
        self, notebook: str, *, typed: bool = False, unsaved: bool = False, survive: bool = False
    ) -> None:
        """Rehearse the plan on a notebook, or find a plan that the notebook survives.

        `notebook` is its path, from the page, or from the user if `typed` is True. `unsaved` is
        True if the file lacks changes that the page shows. `survive` asks for such a plan.
        """
        path, plan = self._resolve_notebook(notebook), self._plan
        if plan is None:
            return
        if path is None:
            text = f"There is no notebook {escape_hidden(notebook)} here." if typed else ""
            self._rehearsal.claim({"state": "asking", "path": notebook, "text": text})
            return
        self._rehearsal_job.cancel()
        write = self._rehearsal.claim(_running_state(path, "starting"))
        note = "Unsaved changes were not included." if unsaved else ""
        work = self._find_surviving_plan if survive else self._rehearse
        self._rehearsal_job.start(
            partial(work, plan, path, note, write), partial(_write_failure, write)
        )

    def stop(self) -> None:
        """Cancel the rehearsal; the plan stays open."""
        self._rehearsal_job.cancel()
        self._rehearsal.claim({})

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no check is running; return False if `timeout` seconds passed."""
        return wait_for_all((self._impact_job, self._rehearsal_job), timeout)

    def _resolve_notebook(self, notebook: str) -> Path | None:
        try:
            path = Path(notebook).expanduser()
            found_path = self._service.find_notebook(notebook)
            return found_path or (path.absolute() if notebook and path.is_file() else None)
        except (OSError, RuntimeError, ValueError):  # an unknown home folder, or not a path
            return None

    def _check_impact(self, plan: Plan, write: Callable[[State], None]) -> None:
        with suppress(Cancelled):
            try:
                rows = self._service.values.impact(plan, report=self._impact_job.raise_if_cancelled)
            except InvalidRequest as error:
                # Without its hint: that nothing was changed says nothing here.
                return _write_unknown(write, error.sentence())
            write({"state": "done", "text": impact_summary(rows), "rows": _impact_rows(rows)})

    def _rehearse(self, plan: Plan, path: Path, note: str, write: Callable[[State], None]) -> None:
        with suppress(Cancelled):
            rehearsal = self._service.values.rehearsal(plan, path, report=self._report(path, write))
            write({**rehearsal_state(rehearsal), "state": "done", "note": note})

    def _find_surviving_plan(
        self, _: Plan, path: Path, note: str, write: Callable[[State], None]
    ) -> None:
        with suppress(Cancelled):
            surviving_plan = self._service.plan_upgrade(
                notebooks=path, report=self._report(path, write)
            )
            if self._rehearsal_job.is_cancelled():
                return
            self._on_surviving_plan(path, surviving_plan)
            text = f"{path.name} runs with this plan as it does now. The environment is unchanged."
            self._rehearsal.claim({"state": "done", "kind": "ok", "text": text, "note": note})

    def _report(self, path: Path, write: Callable[[State], None]) -> Report:
        last_state = State()

        def report(event: Event) -> None:
            nonlocal last_state
            self._rehearsal_job.raise_if_cancelled(event)
            state = _running_state(path, describe(event), event)
            if state != last_state:
                write(state)
                last_state = state

        return report


def _running_state(path: Path, text: str, event: Event | None = None) -> State:
    has_total = event is not None and event.total and event.text.startswith("rehearsing")
    fraction = (event.done or 0) / event.total if has_total and event and event.total else None
    return {"state": "running", "path": path.name, "text": f"{text}…", "fraction": fraction}


def _write_failure(write: Callable[[State], None], error: str) -> None:
    write({"state": "done", "kind": "bad", "text": error})


def _write_unknown(write: Callable[[State], None], error: str) -> None:
    write({"state": "done", "text": f"The cells that use changed packages are unknown. {error}"})


def impact_summary(rows: Sequence[Impact]) -> str:
    """Return a sentence about the effect of a plan on the cells that were run."""
    cells = {row.cell for row in rows if row.cell is not None}
    broken = {row.cell for row in rows if row.severity is Severity.BREAKS}
    unknown = {row.cell for row in rows if row.severity is Severity.UNKNOWN}
    if not rows:
        return "No cell that was run uses a changed package."
    if broken:
        return f"{count_noun(len(broken), 'cell')} would fail."
    if unknown:
        return f"Whether {count_noun(len(unknown), 'cell')} would fail is unknown."
    uses = "uses" if len(cells) == 1 else "use"
    text = f"{count_noun(len(cells), 'cell')} {uses} changed packages" if cells else _WARNED_TEXT
    return f"{text}; no failure is expected."


def rehearsal_state(rehearsal: Rehearsal) -> State:
    """Return the result of a rehearsal in the form of the view."""
    summary = rehearsal_summary.summarize(rehearsal)
    cells = sorted(
        rehearsal_summary.changed_cells(rehearsal), key=lambda cell: not cell.is_regression
    )
    return {
        "kind": summary.kind,
        "text": summary.text,
        "broken": bool(rehearsal.regressions),
        "cells": [_cell_state(cell) for cell in cells],
    }


def _cell_state(cell: ComparedCell) -> dict[str, Any]:
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


def _impact_rows(rows: Sequence[Impact]) -> list[dict[str, str]]:
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
