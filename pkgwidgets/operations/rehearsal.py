"""A plan tried on notebooks before the environment is touched: as it is, and with its stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookRun
from pkgwidgets.analysis.output_diff import (
    ComparedCell,
    Rehearsal,
    Sanitizer,
    compare_runs,
    confirm_regressions,
    mark_flaky,
    mask_versions,
)
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend, RunLimits
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import Cancelled, EnvironmentRefused, InvalidRequest, StalePlan
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Plan

from .snapshot import changes_since_plan


def rehearse(
    backend: Backend,
    stand: RehearsalBackend,
    plan: Plan,
    notebooks: Iterable[Path],
    *,
    limits: RunLimits | None = None,
    sanitizer: Sanitizer = (),
    report: Report = no_report,
) -> Rehearsal:
    """Run notebooks on the environment as it is and with the plan's stage over it; compare both.

    Nothing in the environment is changed. Raises `InvalidRequest` for what is no notebook,
    `StalePlan`, `EnvironmentRefused` if no kernel starts in it, `InstallFailed` if the stage
    cannot be fetched, `Cancelled` when it was interrupted.
    """
    check_unchanged(backend, plan)
    with cancel_on_interrupt():
        rehearsals = Rehearsals(
            backend, stand, notebooks, limits=limits, sanitizer=sanitizer, report=report
        )
        found = rehearsals.of(plan)
    check_unchanged(backend, plan)  # by whomever, a cell of the notebook too
    return found


class Rehearsals:
    """Rehearsals of the same notebooks: as they are, these are run once for all of them."""

    def __init__(
        self,
        backend: Backend,
        stand: RehearsalBackend,
        notebooks: Iterable[Path],
        *,
        limits: RunLimits | None = None,
        sanitizer: Sanitizer = (),
        report: Report = no_report,
    ) -> None:
        self._backend = backend
        self._stand = stand
        self._limits = limits
        self._sanitizer = sanitizer
        self._report = report
        self._scripts = tuple(stand.notebook_runner.read(notebook) for notebook in notebooks)
        if not self._scripts:
            raise InvalidRequest("notebooks", None, "no notebook was given to rehearse")
        self.count = 0
        """How many there were so far."""
        # Not cached properties: those of Python 3.11 have one lock for all of a class, and another
        # rehearsal in this process would wait for the notebooks of this one.
        self._before: tuple[NotebookRun, ...] = ()
        self._again: tuple[NotebookRun, ...] = ()
        """As they are, and once more, to know what differs by itself."""

    def _as_it_is(self) -> tuple[NotebookRun, ...]:
        """Run the notebooks as they are; what ran clean is remembered with what is installed."""
        runs = self._run_as_it_is()
        for run in runs:
            if run.failure:
                python = self._backend.environment.interpreter.python
                raise EnvironmentRefused(python, f"nothing can be rehearsed in it: {run.failure}")
        remember_good(self._backend, self._stand, runs)
        return runs

    def _run_as_it_is(self, report: Report | None = None) -> tuple[NotebookRun, ...]:
        return self._stand.notebook_runner.run(
            self._scripts, limits=self._limits, report=report or self._report
        )

    def of(self, plan: Plan) -> Rehearsal:
        """Rehearse a plan."""
        with self.staged(plan) as stage:
            return self.on(plan, stage)

    @contextmanager
    def staged(self, plan: Plan) -> Iterator[Path]:
        """Unpack what a plan installs, somewhere apart, for as long as the block runs."""
        with self._stand.notebook_runner.temporary_directory() as folder:
            stage = folder / "stage"
            if plan.pins:
                self._report(Event(stage=Stage.FETCHING, total=plan.download_size))
                self._backend.installer.stage(plan, stage, self._report)
            yield stage

    def on(self, plan: Plan, stage: Path) -> Rehearsal:
        """Rehearse a plan of which the stage is there."""
        before = self._before = self._before or self._as_it_is()
        self.count += 1
        after = self._run_with(plan, stage) if plan else before
        sanitizer = self._sanitizer_for(plan)
        cells = [compare_runs(old, new, sanitizer) for old, new in zip(before, after, strict=True)]
        if any(cell.is_regression for each in cells for cell in each):
            self._again = self._again or self._run_as_it_is()
            pairs = zip(cells, self._again, strict=True)
            cells = [mark_flaky(each, again, sanitizer) for each, again in pairs]
        flat = tuple(cell for each in cells for cell in each)
        return Rehearsal(plan=plan, cells=flat, before=before, after=after)

    def confirmed(self, found: Rehearsal, stage: Path, *, anew: bool) -> Rehearsal:
        """Run what a plan breaks once more with it; what breaks only at times is pardoned.

        `anew`: once more as it is, too, since the last time that it was looked at.
        """
        sanitizer = self._sanitizer_for(found.plan)
        again = self._run_with(found.plan, stage, self._report_again)
        cells = [confirm_regressions(_cells_of(found, run), run, sanitizer) for run in again]
        if anew and any(cell.is_regression for each in cells for cell in each):
            pairs = zip(cells, self._run_as_it_is(self._report_again), strict=True)
            cells = [mark_flaky(each, run, sanitizer) for each, run in pairs]
        return replace(found, cells=tuple(cell for each in cells for cell in each))

    def _report_again(self, event: Event) -> None:
        self._report(replace(event, text=f"{event.text}, once more"))

    def _run_with(
        self, plan: Plan, stage: Path, report: Report | None = None
    ) -> tuple[NotebookRun, ...]:
        return self._stand.notebook_runner.run(
            self._scripts,
            staged=stage,
            masked=self._backend.records.touched_paths(plan, None),
            limits=self._limits,
            report=report or self._report,
        )

    def _sanitizer_for(self, plan: Plan) -> Sanitizer:
        return (*mask_versions(plan), *self._sanitizer)

    def metadata(self, plan: Plan, stage: Path) -> dict[NormalizedName, Distribution | Unreadable]:
        """Return what would be installed after a plan, as its stage has it."""
        gone = {change.id for change in plan.changes}
        kept = self._backend.environment.distributions().items()
        staged = self._backend.records.staged(stage) if plan.pins else {}
        return {**{id: found for id, found in kept if id not in gone}, **staged}


def _cells_of(found: Rehearsal, run: NotebookRun) -> tuple[ComparedCell, ...]:
    """Return the cells of one notebook."""
    return tuple(cell for cell in found.cells if cell.notebook == run.script.notebook)


def partial_plan(plan: Plan, ids: Iterable[NormalizedName]) -> Plan:
    """Return the plan of some of the changes alone."""
    wanted = set(ids)
    return replace(plan, changes=tuple(c for c in plan.changes if c.id in wanted))


def check_unchanged(backend: Backend, plan: Plan) -> None:
    """Raise `StalePlan` if the environment is not as it was when the plan was made."""
    differences = changes_since_plan(backend, plan)
    if differences:
        raise StalePlan("", differences)


@contextmanager
def cancel_on_interrupt() -> Iterator[None]:
    """Say `Cancelled` of an interrupt: nothing was changed by then."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise Cancelled("") from interrupt


def remember_good(backend: Backend, stand: RehearsalBackend, runs: Iterable[NotebookRun]) -> None:
    """Keep the installed versions as good for the notebooks that ran clean with them."""
    versions = dependency_graph.installed_versions(backend.environment.distributions())
    for run in runs:
        if run.is_clean:
            good = KnownGoodVersions(
                notebook=run.script.notebook,
                digest=run.script.digest,
                versions=versions,
                at=datetime.now(UTC),
            )
            stand.known_good.remember(good)
