"""Rehearse a plan: run notebooks in the environment as it is and with the plan's stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookRun
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend, RunLimits
from pkgwidgets.analysis.run_comparison import (
    ComparedCell,
    Rehearsal,
    Sanitizer,
    compare_runs,
    confirm_regressions,
    mark_flaky,
    mask_versions,
)
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import Cancelled, EnvironmentRefused, InvalidRequest
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Plan

from .plan_paths import removed_paths
from .snapshot import check_unchanged


def rehearse(
    backend: Backend,
    rehearsal_backend: RehearsalBackend,
    plan: Plan,
    notebooks: Iterable[Path],
    *,
    limits: RunLimits | None = None,
    sanitizer: Sanitizer = (),
    report: Report = no_report,
) -> Rehearsal:
    """Run notebooks in the environment and with the plan's stage over it; compare the runs.

    The environment is not changed. Raises `InvalidRequest` for a file that is no notebook,
    and `StalePlan`. Raises `EnvironmentRefused` if no kernel starts, `InstallFailed` if the stage
    cannot be fetched, and `Cancelled` after an interrupt.
    """
    check_unchanged(backend, plan)
    with cancel_on_interrupt():
        rehearsals = Rehearsals(
            backend, rehearsal_backend, notebooks, limits=limits, sanitizer=sanitizer, report=report
        )
        rehearsal = rehearsals.rehearse(plan)
    check_unchanged(backend, plan)  # a cell of a notebook may have changed it, too
    return rehearsal


class Rehearsals:
    """Rehearsals of the same notebooks, which share one run in the unchanged environment."""

    def __init__(
        self,
        backend: Backend,
        rehearsal_backend: RehearsalBackend,
        notebooks: Iterable[Path],
        *,
        limits: RunLimits | None = None,
        sanitizer: Sanitizer = (),
        report: Report = no_report,
    ) -> None:
        self._backend = backend
        self._rehearsal_backend = rehearsal_backend
        self._limits = limits
        self._sanitizer = sanitizer
        self._report = report
        self._scripts = tuple(
            rehearsal_backend.notebook_runner.read(notebook) for notebook in notebooks
        )
        if not self._scripts:
            raise InvalidRequest("notebooks", None, "no notebook was given to rehearse")
        self.count = 0
        """The number of rehearsals so far."""
        # Not cached properties: in Python 3.11 these have one lock per class. Another rehearsal
        # in this process would wait for the notebooks of this one.
        self._before: tuple[NotebookRun, ...] = ()
        self._repeated: tuple[NotebookRun, ...] = ()
        """The runs in the unchanged environment, and a second set, which shows flaky cells."""

    def _run_current(self) -> tuple[NotebookRun, ...]:
        """Run the notebooks in the unchanged environment; record versions for those that run clean.

        Raises `EnvironmentRefused` if no kernel starts.
        """
        runs = self._run_in_environment()
        for run in runs:
            if run.failure:
                python = self._backend.environment.interpreter.python
                raise EnvironmentRefused(
                    python, f"No notebook can be rehearsed in this environment: {run.failure}"
                )
        remember_good(self._backend, self._rehearsal_backend, runs)
        return runs

    def _run_in_environment(self, report: Report | None = None) -> tuple[NotebookRun, ...]:
        return self._rehearsal_backend.notebook_runner.run(
            self._scripts, limits=self._limits, report=report or self._report
        )

    def rehearse(self, plan: Plan) -> Rehearsal:
        """Rehearse a plan."""
        with self.staged(plan) as stage:
            return self.rehearse_staged(plan, stage)

    @contextmanager
    def staged(self, plan: Plan) -> Iterator[Path]:
        """Unpack what a plan installs into a temporary folder; the block gets its path."""
        with self._rehearsal_backend.notebook_runner.temporary_directory() as folder:
            stage = folder / "stage"
            if plan.pins:
                self._report(Event(stage=Stage.FETCHING, total=plan.download_size))
                self._backend.installer.stage(plan, stage, self._report)
            yield stage

    def rehearse_staged(self, plan: Plan, stage: Path) -> Rehearsal:
        """Rehearse a plan that is already staged."""
        before = self._before = self._before or self._run_current()
        self.count += 1
        after = self._run_with(plan, stage) if plan else before
        sanitizer = self._sanitizer_for(plan)
        cells = [compare_runs(old, new, sanitizer) for old, new in zip(before, after, strict=True)]
        if any(cell.is_regression for notebook_cells in cells for cell in notebook_cells):
            self._repeated = self._repeated or self._run_in_environment()
            pairs = zip(cells, self._repeated, strict=True)
            cells = [
                mark_flaky(notebook_cells, again, sanitizer) for notebook_cells, again in pairs
            ]
        flat = tuple(cell for notebook_cells in cells for cell in notebook_cells)
        return Rehearsal(plan=plan, cells=flat, before=before, after=after)

    def confirm(self, rehearsal: Rehearsal, stage: Path, *, rerun_current: bool) -> Rehearsal:
        """Repeat a rehearsal; cells that break only sometimes are no regressions.

        With `rerun_current`, also repeat the run in the unchanged environment.
        """
        sanitizer = self._sanitizer_for(rehearsal.plan)
        again = self._run_with(rehearsal.plan, stage, self._report_repeat)
        cells = [confirm_regressions(_cells_of(rehearsal, run), run, sanitizer) for run in again]
        if rerun_current and any(
            cell.is_regression for notebook_cells in cells for cell in notebook_cells
        ):
            pairs = zip(cells, self._run_in_environment(self._report_repeat), strict=True)
            cells = [mark_flaky(notebook_cells, run, sanitizer) for notebook_cells, run in pairs]
        return replace(
            rehearsal, cells=tuple(cell for notebook_cells in cells for cell in notebook_cells)
        )

    def _report_repeat(self, event: Event) -> None:
        self._report(replace(event, text=f"{event.text}, again"))

    def _run_with(
        self, plan: Plan, stage: Path, report: Report | None = None
    ) -> tuple[NotebookRun, ...]:
        return self._rehearsal_backend.notebook_runner.run(
            self._scripts,
            staged=stage,
            masked=removed_paths(self._backend, plan),
            limits=self._limits,
            report=report or self._report,
        )

    def _sanitizer_for(self, plan: Plan) -> Sanitizer:
        return (*mask_versions(plan), *self._sanitizer)

    def metadata(self, plan: Plan, stage: Path) -> dict[NormalizedName, Distribution | Unreadable]:
        """Return the distributions after a plan, read from its stage."""
        changed = {change.id for change in plan.changes}
        kept = self._backend.environment.distributions().items()
        staged = self._backend.records.staged(stage) if plan.pins else {}
        return {
            **{name: distribution for name, distribution in kept if name not in changed},
            **staged,
        }


def _cells_of(rehearsal: Rehearsal, run: NotebookRun) -> tuple[ComparedCell, ...]:
    """Return the cells of one notebook."""
    return tuple(cell for cell in rehearsal.cells if cell.notebook == run.script.notebook)


def partial_plan(plan: Plan, names: Iterable[NormalizedName]) -> Plan:
    """Return a plan of only these changes."""
    selected = set(names)
    return replace(plan, changes=tuple(change for change in plan.changes if change.id in selected))


@contextmanager
def cancel_on_interrupt() -> Iterator[None]:
    """Raise `Cancelled` for an interrupt; the environment is unchanged."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise Cancelled("") from interrupt


def remember_good(
    backend: Backend, rehearsal_backend: RehearsalBackend, runs: Iterable[NotebookRun]
) -> None:
    """Record the installed versions as good for the notebooks that ran clean with them."""
    versions = dependency_graph.installed_versions(backend.environment.distributions())
    for run in runs:
        if run.is_clean:
            known_good = KnownGoodVersions(
                notebook=run.script.notebook,
                digest=run.script.digest,
                versions=versions,
                at=datetime.now(UTC),
            )
            rehearsal_backend.known_good.remember(known_good)
