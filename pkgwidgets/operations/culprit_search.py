"""Upgrade what can be upgraded without breaking notebooks: find the culprits, hold them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.analysis.bisect import first_failing
from pkgwidgets.analysis.output_diff import ComparedCell, Rehearsal, Sanitizer, Verdict
from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend, RunLimits
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Change, HeldBack, Plan

from . import planning, verification
from .rehearsal import Rehearsals, cancel_on_interrupt, check_unchanged, partial_plan, remember_good

CellKey = tuple[Path, int]
"""A cell: its notebook and its number."""
ChangeSet = frozenset[tuple[NormalizedName, Version | None]]
"""Changes, by what they lead to."""
_After = Mapping[NormalizedName, Distribution | Unreadable]


@dataclass(frozen=True, kw_only=True, slots=True)
class CulpritSearchResult:
    """What can be upgraded, and what not for the notebooks' sake; nothing was changed.

    `culprits` says of each that is held back which cell it breaks, if it does; `rehearsals` is how
    many it took.
    """

    plan: Plan
    rehearsal: Rehearsal
    culprits: Mapping[NormalizedName, ComparedCell | None]
    rehearsals: int


def find_culprits(
    backend: Backend,
    stand: RehearsalBackend,
    notebooks: Iterable[Path],
    *,
    limits: RunLimits | None = None,
    sanitizer: Sanitizer = (),
    report: Report = no_report,
) -> CulpritSearchResult:
    """Plan to upgrade everything that leaves the notebooks as they are.

    What breaks them is found by halving, held back, and the rest is resolved and rehearsed anew
    until nothing breaks. Takes at most 2 + ceil(log2(n)) · k rehearsals for k of n upgrades that
    break different cells, and one more for each that hides behind another in the same cell.
    Raises as `rehearse` and `plan_upgrade` do.
    """
    with cancel_on_interrupt():
        rehearsals = Rehearsals(
            backend, stand, notebooks, limits=limits, sanitizer=sanitizer, report=report
        )
        return _CulpritSearch(backend, rehearsals, report).examine()


def remember_result(
    backend: Backend, stand: RehearsalBackend, applied: CulpritSearchResult
) -> None:
    """Keep what is installed, now that the plan is applied, as good for what ran clean with it."""
    remember_good(backend, stand, applied.rehearsal.after)


class _CulpritSearch:
    """What is known so far."""

    def __init__(self, backend: Backend, rehearsals: Rehearsals, report: Report) -> None:
        self._backend = backend
        self._rehearsals = rehearsals
        self._report = report
        self._held: dict[NormalizedName, HeldBack] = {}
        self._culprits: dict[NormalizedName, ComparedCell | None] = {}
        self._tried: dict[ChangeSet, Rehearsal] = {}
        self._unstable: set[CellKey] = set()

    def examine(self) -> CulpritSearchResult:
        while True:
            plan = self._plan()
            with self._rehearsals.staged(plan) as stage:
                if self._hold_what_does_not_import(plan, stage):
                    continue
                rehearsal = self._sure(self._rehearse(plan, stage), stage)
                check_unchanged(self._backend, plan)  # by a cell of a notebook, too
                after = self._rehearsals.metadata(plan, stage)
            if rehearsal.passed or not plan:
                return CulpritSearchResult(
                    plan=replace(plan, notes=_notes(rehearsal)),
                    rehearsal=rehearsal,
                    culprits=self._culprits,
                    rehearsals=self._rehearsals.count,
                )
            self._find(plan, after, rehearsal)

    def _plan(self) -> Plan:
        reasons = {id: held.reason for id, held in self._held.items()}
        plan = planning.plan_upgrade(self._backend, hold=reasons, report=self._report)
        held_back = tuple(self._held.get(held.id, held) for held in plan.held_back)
        return replace(plan, held_back=held_back)

    def _rehearse(self, plan: Plan, stage: Path | None = None) -> Rehearsal:
        """Rehearse a plan, unless the same changes were rehearsed before."""
        known = self._tried.get(_change_set(plan.changes))
        if known is None:
            rehearsals = self._rehearsals
            known = rehearsals.of(plan) if stage is None else rehearsals.on(plan, stage)
            self._tried[_change_set(plan.changes)] = known
        cells = tuple(self._pardoned(cell) for cell in known.cells)
        return replace(known, plan=plan, cells=cells)

    def _sure(self, rehearsal: Rehearsal, stage: Path) -> Rehearsal:
        """Look again before anybody is blamed: what breaks only at times sends on a wild chase."""
        if rehearsal.passed:
            return rehearsal
        found = self._rehearsals.confirmed(rehearsal, stage, anew=bool(self._culprits))
        self._unstable |= _regression_keys(rehearsal) - _regression_keys(found)
        return found

    def _pardoned(self, cell: ComparedCell) -> ComparedCell:
        unstable = cell.is_regression and (cell.notebook, cell.number) in self._unstable
        return replace(cell, verdict=Verdict.FLAKY) if unstable else cell

    def _hold_what_does_not_import(self, plan: Plan, stage: Path) -> bool:
        """Hold back what would end the upgrade in any case; tell whether there is any."""
        if not plan:
            return False
        problems, _ = verification.problems_before(
            self._backend, plan, stage if plan.pins else None, self._report
        )
        found = False
        for change in plan.changes:
            new = f"{change.name} {change.after}"
            said = [p for p in problems if p.startswith((f"{new} cannot", f"{new}'s module"))]
            if said and change.before is not None:
                self._hold(change, said[0].removeprefix(new).removeprefix("'s module").strip())
                found = True
        return found

    def _find(self, plan: Plan, after: _After, rehearsal: Rehearsal) -> None:
        """Find by halving which changes break the cells, and hold them back."""
        units = _independent_groups(self._backend, plan, after)
        blamed = {(cell.notebook, cell.number): cell for cell in rehearsal.regressions}

        def failing(count: int) -> set[CellKey]:
            ids = [id for unit in units[:count] for id in unit]
            return _regression_keys(self._rehearse(partial_plan(plan, ids)))

        known = {place: self._bounds(plan, units, place) for place in blamed}
        changed = {change.id: change for change in plan.changes}
        before = len(self._held)
        for place, count in first_failing(len(units), failing, blamed, known).items():
            # As these alone break it: with all of them, another's error may come first.
            cell = self._seen(plan, units[:count], place) or blamed[place]
            unit = [changed[id] for id in units[count - 1]]
            for change in unit:
                if change.id not in self._held and change.before is not None:
                    self._culprits[change.id] = cell
                    self._hold(change, f"it breaks {cell}{_alternatives(unit, change)}")
        if len(self._held) == before:
            # What breaks them is new, and comes with one of the others: which, nobody says.
            for change in plan.changes:
                self._hold(change, f"with it comes what breaks {rehearsal.regressions[0]}")

    def _seen(
        self, plan: Plan, units: list[list[NormalizedName]], place: CellKey
    ) -> ComparedCell | None:
        """Return a cell as it was when just these changes were rehearsed, if they were."""
        tried = self._tried.get(
            _change_set(partial_plan(plan, [id for unit in units for id in unit]).changes)
        )
        cells = tried.regressions if tried is not None else ()
        return next((c for c in cells if (c.notebook, c.number) == place), None)

    def _bounds(
        self, plan: Plan, units: list[list[NormalizedName]], place: CellKey
    ) -> tuple[int, int]:
        """Return what is known of a cell: no part of what leaves it whole breaks it."""
        low, high = 0, len(units)
        changed = {change.id: change for change in plan.changes}
        for count in range(1, len(units)):
            pins = _change_set(changed[id] for unit in units[:count] for id in unit)
            for tried, rehearsal in self._tried.items():
                fails = place in _regression_keys(rehearsal)
                if pins <= tried and not fails:
                    low = max(low, count)
                if tried <= pins and fails:
                    high = min(high, count)
        return (low, high) if low < high else (0, len(units))

    def _hold(self, change: Change, reason: str) -> None:
        if change.before is None:
            return
        self._culprits.setdefault(change.id, None)
        self._held[change.id] = HeldBack(
            id=change.id,
            name=change.name,
            kept_version=change.before,
            latest=change.after,
            reason=reason,
        )


def _alternatives(unit: list[Change], change: Change) -> str:
    """Name the others of which one cannot be told from a culprit."""
    others = [f"{each.name} {each.after}" for each in unit if each.id != change.id]
    return f"; or {' or '.join(others)} does, which comes with it" if others else ""


def _notes(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Say of which cells nothing can be told."""
    why = {
        Verdict.FLAKY: "does not do the same each time it is run",
        Verdict.ALREADY_FAILING: "fails as it is, too",
    }
    return tuple(
        f"{cell.place} {why[cell.verdict]}: nothing is held back for it"
        for cell in rehearsal.cells
        if cell.verdict in why
    )


def _regression_keys(rehearsal: Rehearsal) -> set[CellKey]:
    return {(cell.notebook, cell.number) for cell in rehearsal.regressions}


def _change_set(moved: Iterable[Change]) -> ChangeSet:
    return frozenset((change.id, change.after) for change in moved)


def _independent_groups(backend: Backend, plan: Plan, after: _After) -> list[list[NormalizedName]]:
    """Put the changes in an order in which each can be made after those before it.

    What cannot be done one by one, because the one needs the other, is one unit. The smaller a
    unit, the less is held back for a culprit in it.
    """
    close = _closure(backend, plan, after)
    units: list[list[NormalizedName]] = []
    done = frozenset[NormalizedName]()
    for id in _dependency_order(backend, plan, after):
        while id not in done:
            more = close(done | {id}) - done
            if len(more) > 1:  # perhaps some of it can be done before the rest
                more = min((close(done | {each}) - done for each in sorted(more)), key=len)
            units.append(sorted(more))
            done |= more
    return units


def _dependency_order(backend: Backend, plan: Plan, after: _After) -> list[NormalizedName]:
    needs = dependency_graph.active_requirements(after, backend.environment.interpreter.markers)
    left = {change.id for change in plan.changes}
    ordered: list[NormalizedName] = []

    def visit(id: NormalizedName) -> None:
        if id in left:
            left.remove(id)
            for requirement in needs.get(id, ()):
                visit(canonicalize_name(requirement.name))
            ordered.append(id)

    for change in plan.changes:
        visit(change.id)
    return ordered


def _closure(
    backend: Backend, plan: Plan, after: _After
) -> Callable[[frozenset[NormalizedName]], frozenset[NormalizedName]]:
    """Return what adds to some changes those without which requirements would be unmet."""
    markers = backend.environment.interpreter.markers
    before = backend.environment.distributions()
    already_unmet = dependency_graph.unmet_in(before, markers)
    changed = {change.id for change in plan.changes}

    def close(ids: frozenset[NormalizedName]) -> frozenset[NormalizedName]:
        while True:
            mixed = {id: found for id, found in before.items() if id not in ids}
            mixed |= {id: found for id, found in after.items() if id in ids}
            new = dependency_graph.newly_unmet(
                already_unmet,
                dependency_graph.active_requirements(mixed, markers),
                dependency_graph.installed_versions(mixed),
            )
            more = {
                id
                for problem in new
                for id in (problem.id, canonicalize_name(Requirement(problem.requirement).name))
                if id in changed
            } - ids
            if not more:
                return ids
            ids |= more

    return close
