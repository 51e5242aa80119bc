"""Upgrade what can be upgraded without breaking notebooks: find the culprits, hold them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core import changes
from pkgwidgets.core.bisection import first_failing
from pkgwidgets.core.comparison import ComparedCell, Rehearsal, Sanitizer, Verdict
from pkgwidgets.core.distributions import Distribution, Id, Unreadable
from pkgwidgets.core.interfaces import Backend, Report, ignore
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.stand import Limits, Stand

from . import planning, verification
from .rehearsal import Rehearsals, cancellable, part_of, raise_if_moved, remember_good

Place = tuple[Path, int]
"""A cell: its notebook and its number."""
Pins = frozenset[tuple[Id, Version | None]]
"""Changes, by what they lead to."""
_After = Mapping[Id, Distribution | Unreadable]


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What can be upgraded, and what not for the notebooks' sake; nothing was changed.

    `culprits` says of each that is held back which cell it breaks, if it does; `rehearsals` is how
    many it took.
    """

    plan: Plan
    rehearsal: Rehearsal
    culprits: Mapping[Id, ComparedCell | None]
    rehearsals: int


def examine(
    backend: Backend,
    stand: Stand,
    notebooks: Iterable[Path],
    *,
    limits: Limits | None = None,
    sanitizer: Sanitizer = (),
    report: Report = ignore,
) -> Diagnosis:
    """Plan to upgrade everything that leaves the notebooks as they are.

    What breaks them is found by halving, held back, and the rest is resolved and rehearsed anew
    until nothing breaks. Takes at most 2 + ceil(log2(n)) · k rehearsals for k of n upgrades that
    break different cells, and one more for each that hides behind another in the same cell.
    Raises as `rehearse` and `plan_upgrade` do.
    """
    with cancellable():
        rehearsals = Rehearsals(
            backend, stand, notebooks, limits=limits, sanitizer=sanitizer, report=report
        )
        return _Doctor(backend, rehearsals, report).examine()


def remember(backend: Backend, stand: Stand, applied: Diagnosis) -> None:
    """Keep what is installed, now that the plan is applied, as good for what ran clean with it."""
    remember_good(backend, stand, applied.rehearsal.after)


class _Doctor:
    """What is known so far."""

    def __init__(self, backend: Backend, rehearsals: Rehearsals, report: Report) -> None:
        self._backend = backend
        self._rehearsals = rehearsals
        self._report = report
        self._held: dict[Id, HeldBack] = {}
        self._culprits: dict[Id, ComparedCell | None] = {}
        self._tried: dict[Pins, Rehearsal] = {}
        self._unstable: set[Place] = set()

    def examine(self) -> Diagnosis:
        while True:
            plan = self._plan()
            with self._rehearsals.staged(plan) as stage:
                if self._hold_what_does_not_import(plan, stage):
                    continue
                rehearsal = self._sure(self._rehearse(plan, stage), stage)
                raise_if_moved(self._backend, plan)  # by a cell of a notebook, too
                after = self._rehearsals.metadata(plan, stage)
            if rehearsal.passed or not plan:
                return Diagnosis(
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
        known = self._tried.get(_pins(plan.changes))
        if known is None:
            rehearsals = self._rehearsals
            known = rehearsals.of(plan) if stage is None else rehearsals.on(plan, stage)
            self._tried[_pins(plan.changes)] = known
        cells = tuple(self._pardoned(cell) for cell in known.cells)
        return replace(known, plan=plan, cells=cells)

    def _sure(self, rehearsal: Rehearsal, stage: Path) -> Rehearsal:
        """Look again before anybody is blamed: what breaks only at times sends on a wild chase."""
        if rehearsal.passed:
            return rehearsal
        found = self._rehearsals.confirmed(rehearsal, stage, anew=bool(self._culprits))
        self._unstable |= _blamed(rehearsal) - _blamed(found)
        return found

    def _pardoned(self, cell: ComparedCell) -> ComparedCell:
        unstable = cell.is_blamed and (cell.notebook, cell.number) in self._unstable
        return replace(cell, verdict=Verdict.UNSTABLE) if unstable else cell

    def _hold_what_does_not_import(self, plan: Plan, stage: Path) -> bool:
        """Hold back what would end the upgrade in any case; tell whether there is any."""
        if not plan:
            return False
        problems, _ = verification.failing_beside(
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
        units = _units(self._backend, plan, after)
        blamed = {(cell.notebook, cell.number): cell for cell in rehearsal.blamed}

        def failing(count: int) -> set[Place]:
            ids = [id for unit in units[:count] for id in unit]
            return _blamed(self._rehearse(part_of(plan, ids)))

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
                    self._hold(change, f"it breaks {cell}{_or_one_of(unit, change)}")
        if len(self._held) == before:
            # What breaks them is new, and comes with one of the others: which, nobody says.
            for change in plan.changes:
                self._hold(change, f"with it comes what breaks {rehearsal.blamed[0]}")

    def _seen(self, plan: Plan, units: list[list[Id]], place: Place) -> ComparedCell | None:
        """Return a cell as it was when just these changes were rehearsed, if they were."""
        tried = self._tried.get(_pins(part_of(plan, [id for unit in units for id in unit]).changes))
        cells = tried.blamed if tried is not None else ()
        return next((c for c in cells if (c.notebook, c.number) == place), None)

    def _bounds(self, plan: Plan, units: list[list[Id]], place: Place) -> tuple[int, int]:
        """Return what is known of a cell: no part of what leaves it whole breaks it."""
        low, high = 0, len(units)
        changed = {change.id: change for change in plan.changes}
        for count in range(1, len(units)):
            pins = _pins(changed[id] for unit in units[:count] for id in unit)
            for tried, rehearsal in self._tried.items():
                fails = place in _blamed(rehearsal)
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
            stays=change.before,
            latest=change.after,
            reason=reason,
        )


def _or_one_of(unit: list[Change], change: Change) -> str:
    """Name the others of which one cannot be told from a culprit."""
    others = [f"{each.name} {each.after}" for each in unit if each.id != change.id]
    return f"; or {' or '.join(others)} does, which comes with it" if others else ""


def _notes(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Say of which cells nothing can be told."""
    why = {
        Verdict.UNSTABLE: "does not do the same each time it is run",
        Verdict.FAILING: "fails as it is, too",
    }
    return tuple(
        f"{cell.place} {why[cell.verdict]}: nothing is held back for it"
        for cell in rehearsal.cells
        if cell.verdict in why
    )


def _blamed(rehearsal: Rehearsal) -> set[Place]:
    return {(cell.notebook, cell.number) for cell in rehearsal.blamed}


def _pins(moved: Iterable[Change]) -> Pins:
    return frozenset((change.id, change.after) for change in moved)


def _units(backend: Backend, plan: Plan, after: _After) -> list[list[Id]]:
    """Put the changes in an order in which each can be made after those before it.

    What cannot be done one by one, because the one needs the other, is one unit. The smaller a
    unit, the less is held back for a culprit in it.
    """
    close = _closing(backend, plan, after)
    units: list[list[Id]] = []
    done = frozenset[Id]()
    for id in _needed_first(backend, plan, after):
        while id not in done:
            more = close(done | {id}) - done
            if len(more) > 1:  # perhaps some of it can be done before the rest
                more = min((close(done | {each}) - done for each in sorted(more)), key=len)
            units.append(sorted(more))
            done |= more
    return units


def _needed_first(backend: Backend, plan: Plan, after: _After) -> list[Id]:
    needs = changes.needs(after, backend.environment.interpreter.markers)
    left = {change.id for change in plan.changes}
    ordered: list[Id] = []

    def visit(id: Id) -> None:
        if id in left:
            left.remove(id)
            for requirement in needs.get(id, ()):
                visit(canonicalize_name(requirement.name))
            ordered.append(id)

    for change in plan.changes:
        visit(change.id)
    return ordered


def _closing(
    backend: Backend, plan: Plan, after: _After
) -> Callable[[frozenset[Id]], frozenset[Id]]:
    """Return what adds to some changes those without which requirements would be unmet."""
    markers = backend.environment.interpreter.markers
    before = backend.environment.distributions()
    old = changes.unmet(changes.needs(before, markers), changes.versions(before))
    changed = {change.id for change in plan.changes}

    def close(ids: frozenset[Id]) -> frozenset[Id]:
        while True:
            mixed = {id: found for id, found in before.items() if id not in ids}
            mixed |= {id: found for id, found in after.items() if id in ids}
            new = changes.unmet(changes.needs(mixed, markers), changes.versions(mixed)) - old
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
