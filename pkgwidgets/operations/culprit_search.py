"""Find the upgrades that break notebooks, hold them back, and plan the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.analysis.bisect import first_failing
from pkgwidgets.analysis.cell_output import Sanitizer
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend, RunLimits
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import NotebookUntried
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Change, HeldBack, Plan, StepLimit
from pkgwidgets.core.text import capitalize_first, join_names

from . import planning, verification
from .rehearsal import Rehearsals, cancel_on_interrupt, partial_plan, remember_good
from .snapshot import check_unchanged

CellKey = tuple[Path, int]
"""A cell: its notebook and its number."""
ChangeSet = frozenset[tuple[NormalizedName, Version | None]]
"""Changes, by name and new version."""
_After = Mapping[NormalizedName, Distribution | Unreadable]


@dataclass(frozen=True, kw_only=True, slots=True)
class CulpritSearchResult:
    """The plan that leaves the notebooks intact; nothing was changed.

    `culprits` maps each package that is held back to the cell that it breaks, or to None.
    `rehearsals` counts the rehearsals.
    """

    plan: Plan
    rehearsal: Rehearsal
    culprits: Mapping[NormalizedName, ComparedCell | None]
    rehearsals: int


def find_culprits(
    backend: Backend,
    rehearsal_backend: RehearsalBackend,
    notebooks: Iterable[Path],
    *,
    limits: RunLimits | None = None,
    sanitizer: Sanitizer = (),
    allow_untried: bool = False,
    step: StepLimit | None = None,
    report: Report = no_report,
) -> CulpritSearchResult:
    """Plan to upgrade everything that does not change what the notebooks output.

    Raises `NotebookUntried` if a cell fails without upgrades, too, unless `allow_untried` is True.
    `step` is as for `plan_upgrade`.

    Upgrades that break a cell are found by bisection and held back. The rest is resolved and
    rehearsed again until nothing breaks. Takes at most 2 + ceil(log2(n)) · k rehearsals for k of
    n upgrades that break different cells. An upgrade hidden by another in the same cell takes one
    more. Raises the errors of `rehearse` and `plan_upgrade`.
    """
    with cancel_on_interrupt():
        rehearsals = Rehearsals(
            backend, rehearsal_backend, notebooks, limits=limits, sanitizer=sanitizer, report=report
        )
        search = _CulpritSearch(backend, rehearsals, report, allow_untried=allow_untried, step=step)
        return search.run()


def remember_result(
    backend: Backend, rehearsal_backend: RehearsalBackend, result: CulpritSearchResult
) -> None:
    """Record the installed versions as good for the notebooks that ran clean; call after apply."""
    remember_good(backend, rehearsal_backend, result.rehearsal.after)


class _CulpritSearch:
    """The results so far: rehearsed changes, packages held back, unstable cells."""

    def __init__(
        self,
        backend: Backend,
        rehearsals: Rehearsals,
        report: Report,
        *,
        allow_untried: bool,
        step: StepLimit | None,
    ) -> None:
        self._step = step
        self._allow_untried = allow_untried
        self._backend = backend
        self._rehearsals = rehearsals
        self._report = report
        self._held_back: dict[NormalizedName, HeldBack] = {}
        self._culprits: dict[NormalizedName, ComparedCell | None] = {}
        self._rehearsed: dict[ChangeSet, Rehearsal] = {}
        self._needs: Mapping[str, str] = {}
        self._unstable: set[CellKey] = set()

    def run(self) -> CulpritSearchResult:
        while True:
            plan = self._plan()
            with self._rehearsals.staged(plan) as stage:
                if self._hold_back_import_failures(plan, stage):
                    continue
                rehearsal = self._confirm(self._rehearse(plan, stage), stage)
                self._raise_if_untried(plan, rehearsal)
                check_unchanged(self._backend, plan)  # by a cell of a notebook, too
                after = self._rehearsals.metadata(plan, stage)
            if not rehearsal.regressions or not plan:
                return CulpritSearchResult(
                    plan=replace(
                        plan, notes=(*plan.notes, *self._need_notes(), *_notes(rehearsal))
                    ),
                    rehearsal=rehearsal,
                    culprits=self._culprits,
                    rehearsals=self._rehearsals.count,
                )
            self._find_culprits(plan, after, rehearsal)

    def _raise_if_untried(self, plan: Plan, rehearsal: Rehearsal) -> None:
        if plan and rehearsal.untried and not self._allow_untried:
            raise NotebookUntried(tuple(map(str, rehearsal.untried)))

    def _plan(self) -> Plan:
        reasons = {name: entry.reason for name, entry in self._held_back.items()}
        plan = planning.plan_upgrade(
            self._backend, step=self._step, hold=reasons, report=self._report
        )
        held_back = tuple(self._held_back.get(entry.id, entry) for entry in plan.held_back)
        return replace(plan, held_back=held_back)

    def _rehearse(self, plan: Plan, stage: Path | None = None) -> Rehearsal:
        """Rehearse a plan; reuse the rehearsal of the same changes if there is one."""
        rehearsal = self._rehearsed.get(_change_set(plan.changes))
        if rehearsal is None:
            rehearsals = self._rehearsals
            rehearsal = (
                rehearsals.rehearse(plan)
                if stage is None
                else rehearsals.rehearse_staged(plan, stage)
            )
            self._rehearsed[_change_set(plan.changes)] = rehearsal
        cells = tuple(self._mark_unstable(cell) for cell in rehearsal.cells)
        return replace(rehearsal, plan=plan, cells=cells)

    def _confirm(self, rehearsal: Rehearsal, stage: Path) -> Rehearsal:
        """Repeat a rehearsal that failed: a cell that fails only sometimes has no culprit."""
        if not rehearsal.regressions:
            return rehearsal
        confirmed = self._rehearsals.confirm(rehearsal, stage)
        self._unstable |= _regression_keys(rehearsal) - _regression_keys(confirmed)
        return confirmed

    def _mark_unstable(self, cell: ComparedCell) -> ComparedCell:
        unstable = cell.is_regression and (cell.notebook, cell.number) in self._unstable
        return replace(cell, verdict=Verdict.FLAKY) if unstable else cell

    def _need_notes(self) -> tuple[str, ...]:
        """Name the modules of the last plan that lack something outside of the environment."""
        return tuple(
            f"{module} was not tried: it needs {what}" for module, what in self._needs.items()
        )

    def _hold_back_import_failures(self, plan: Plan, stage: Path) -> bool:
        """Hold back upgrades that break an import; tell whether there were any."""
        if not plan:
            return False
        _, baseline = verification.problems_before(
            self._backend, plan, stage if plan.pins else None, self._report
        )
        self._needs = baseline.needs
        changed = {change.id: change for change in plan.changes}
        for breakage in baseline.breakages:
            release = f"{breakage.culprit} {breakage.culprit_version} "
            self._hold_back(changed[breakage.culprit], breakage.reason.removeprefix(release))
        return bool(baseline.breakages)

    def _find_culprits(self, plan: Plan, after: _After, rehearsal: Rehearsal) -> None:
        """Find by bisection which changes break the cells, and hold them back."""
        units = _independent_groups(self._backend, plan, after)
        broken_cells = {(cell.notebook, cell.number): cell for cell in rehearsal.regressions}

        def failing(count: int) -> set[CellKey]:
            names = [name for unit in units[:count] for name in unit]
            return _regression_keys(self._rehearse(partial_plan(plan, names)))

        bounds = {cell_key: self._known_bounds(plan, units, cell_key) for cell_key in broken_cells}
        changed = {change.id: change for change in plan.changes}
        before = len(self._held_back)
        for cell_key, count in first_failing(len(units), failing, broken_cells, bounds).items():
            # The cell as these changes alone break it: with all, another error may come first.
            cell = self._find_regression(plan, units[:count], cell_key) or broken_cells[cell_key]
            unit = [changed[name] for name in units[count - 1]]
            for change in unit:
                if change.id not in self._held_back and change.before is not None:
                    self._culprits[change.id] = cell
                    self._hold_back(change, f"it breaks {cell}{_alternatives(unit, change)}")
        if len(self._held_back) == before:
            # A new package breaks them, and it is unknown which upgrade brings it: hold all.
            for change in plan.changes:
                self._hold_back(
                    change, f"a package that comes with it breaks {rehearsal.regressions[0]}"
                )

    def _find_regression(
        self, plan: Plan, units: list[list[NormalizedName]], cell_key: CellKey
    ) -> ComparedCell | None:
        """Return a cell from the rehearsal of exactly these changes; else None."""
        tried = self._rehearsed.get(
            _change_set(partial_plan(plan, [name for unit in units for name in unit]).changes)
        )
        cells = tried.regressions if tried is not None else ()
        return next((c for c in cells if (c.notebook, c.number) == cell_key), None)

    def _known_bounds(
        self, plan: Plan, units: list[list[NormalizedName]], cell_key: CellKey
    ) -> tuple[int, int]:
        """Return how many first units surely leave a cell intact, and how many surely break it.

        Known from earlier rehearsals: a subset of changes that leave it intact leaves it intact.
        """
        low, high = 0, len(units)
        changed = {change.id: change for change in plan.changes}
        for count in range(1, len(units)):
            pins = _change_set(changed[name] for unit in units[:count] for name in unit)
            for tried, rehearsal in self._rehearsed.items():
                fails = cell_key in _regression_keys(rehearsal)
                if pins <= tried and not fails:
                    low = max(low, count)
                if tried <= pins and fails:
                    high = min(high, count)
        return (low, high) if low < high else (0, len(units))

    def _hold_back(self, change: Change, reason: str) -> None:
        if change.before is None:
            return
        self._culprits.setdefault(change.id, None)
        self._held_back[change.id] = HeldBack(
            id=change.id,
            name=change.name,
            kept_version=change.before,
            latest=change.after,
            reason=reason,
        )


def _alternatives(unit: list[Change], change: Change) -> str:
    """Name the other changes of a unit, any of which may be the culprit."""
    others = [f"{other.name} {other.after}" for other in unit if other.id != change.id]
    return f". It must change together with {join_names(others)}" if others else ""


def _notes(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Name the cells that cannot be judged, with the reasons."""
    why = {
        Verdict.FLAKY: "does not behave the same in each run",
        Verdict.UNTRIED: "fails with the current versions, too",
    }
    return tuple(
        f"{capitalize_first(cell.place)} {why[cell.verdict]}, so no upgrade is held back for it"
        for cell in rehearsal.cells
        if cell.verdict in why
    )


def _regression_keys(rehearsal: Rehearsal) -> set[CellKey]:
    return {(cell.notebook, cell.number) for cell in rehearsal.regressions}


def _change_set(changes: Iterable[Change]) -> ChangeSet:
    return frozenset((change.id, change.after) for change in changes)


def _independent_groups(backend: Backend, plan: Plan, after: _After) -> list[list[NormalizedName]]:
    """Order the changes in units, so that each can be made after those before it.

    Changes that need each other are one unit. Units are as small as possible, because a culprit
    holds back its whole unit.
    """
    close = _closure(backend, plan, after)
    units: list[list[NormalizedName]] = []
    done = frozenset[NormalizedName]()
    for name in _dependency_order(backend, plan, after):
        while name not in done:
            added = close(done | {name}) - done
            if len(added) > 1:  # a part of it may be possible before the rest
                added = min(
                    (close(done | {candidate}) - done for candidate in sorted(added)), key=len
                )
            units.append(sorted(added))
            done |= added
    return units


def _dependency_order(backend: Backend, plan: Plan, after: _After) -> list[NormalizedName]:
    markers = backend.environment.interpreter.markers
    requirements = dependency_graph.active_requirements(
        after, markers, backend.limits().requires_of
    )
    remaining = {change.id for change in plan.changes}
    ordered: list[NormalizedName] = []

    def visit(name: NormalizedName) -> None:
        if name in remaining:
            remaining.remove(name)
            for requirement in requirements.get(name, ()):
                visit(canonicalize_name(requirement.name))
            ordered.append(name)

    for change in plan.changes:
        visit(change.id)
    return ordered


def _closure(
    backend: Backend, plan: Plan, after: _After
) -> Callable[[frozenset[NormalizedName]], frozenset[NormalizedName]]:
    """Return a function that adds to changes those that keep all requirements met."""
    markers = backend.environment.interpreter.markers
    before = backend.environment.distributions()
    requires_of = backend.limits().requires_of
    already_unmet = dependency_graph.unmet_in(before, markers, requires_of)
    changed = {change.id for change in plan.changes}

    def close(names: frozenset[NormalizedName]) -> frozenset[NormalizedName]:
        while True:
            mixed = {
                name: distribution for name, distribution in before.items() if name not in names
            }
            mixed |= {name: distribution for name, distribution in after.items() if name in names}
            newly_unmet = dependency_graph.newly_unmet(
                already_unmet,
                dependency_graph.active_requirements(mixed, markers, requires_of),
                dependency_graph.installed_versions(mixed),
            )
            added = {
                name
                for problem in newly_unmet
                for name in (problem.id, canonicalize_name(Requirement(problem.requirement).name))
                if name in changed
            } - names
            if not added:
                return names
            names |= added

    return close
