"""Rehearse a plan: run notebooks in the environment as it is and with the plan's stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.analysis.cell_output import Sanitizer, mask_versions
from pkgwidgets.analysis.notebook_runs import KnownGoodVersions, NotebookRun
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend, RunLimits
from pkgwidgets.analysis.run_comparison import (
    ComparedCell,
    Rehearsal,
    Verdict,
    compare_runs,
    is_noisy,
    unconfirmed,
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


_MAX_PLAIN_RUNS = 3
"""Runs in the unchanged environment that show the noise."""
_PLAIN_RUNS_IN_DOUBT = 5
"""So many if an error does not recur with the new versions: it may be one by chance."""


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
        self._plain: list[tuple[NotebookRun, ...]] = []
        """The runs in the unchanged environment. What differs between them is noise."""

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
        before = self._plain_runs(1)[0]
        self.count += 1
        after = self._run_with(plan, stage) if plan else before
        cells = self._compare(plan, after)
        while len(self._plain) < _MAX_PLAIN_RUNS and self._needs_plain_run(cells):
            self._plain_runs(len(self._plain) + 1)
            cells = self._compare(plan, after)
        return Rehearsal(plan=plan, cells=cells, before=before, after=after)

    def confirm(self, rehearsal: Rehearsal, stage: Path) -> Rehearsal:
        """Repeat a rehearsal; an output that differs only sometimes is no regression.

        An error is excused only if a run in the unchanged environment raises it. So there are three
        of these before a package is blamed, and five if an error does not recur.
        """
        again = self._run_with(rehearsal.plan, stage, self._report_repeat)
        repeated = self._compare(rehearsal.plan, again)
        if any(cell.is_error for cell in rehearsal.cells):
            is_doubtful = any(cell.is_error for cell in unconfirmed(rehearsal.cells, repeated))
            self._plain_runs(_PLAIN_RUNS_IN_DOUBT if is_doubtful else _MAX_PLAIN_RUNS)
        cells = self._compare(rehearsal.plan, rehearsal.after)
        doubtful = {
            (cell.notebook, cell.number)
            for cell in unconfirmed(cells, repeated)
            if not cell.is_error
        }
        return replace(
            rehearsal,
            cells=tuple(
                replace(cell, verdict=Verdict.FLAKY)
                if (cell.notebook, cell.number) in doubtful
                else cell
                for cell in cells
            ),
        )

    def _plain_runs(self, count: int) -> list[tuple[NotebookRun, ...]]:
        """Return the runs in the unchanged environment, at least so many."""
        while len(self._plain) < count:
            self._plain.append(self._run_in_environment() if self._plain else self._run_current())
        return self._plain

    def _compare(self, plan: Plan, after: tuple[NotebookRun, ...]) -> tuple[ComparedCell, ...]:
        before, *repeats = self._plain
        sanitizer = self._sanitizer_for(plan)
        return tuple(
            cell
            for old, new, *others in zip(before, after, *repeats, strict=True)
            for cell in compare_runs(old, new, sanitizer, others)
        )

    def _needs_plain_run(self, cells: Iterable[ComparedCell]) -> bool:
        """Tell whether one more run in the unchanged environment could excuse a cell.

        The second run shows noise. A third one is needed only where the first two show some.
        """
        suspects = {
            cell.notebook for cell in cells if cell.is_regression or cell.verdict is Verdict.UNTRIED
        }
        if len(self._plain) == 1:
            return bool(suspects)
        by_notebook = zip(*self._plain, strict=True)
        return any(is_noisy(runs) for runs in by_notebook if runs[0].script.notebook in suspects)

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
