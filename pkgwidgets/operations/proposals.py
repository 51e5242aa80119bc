"""Propose the changes of a plan until every file of them may be replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packaging.utils import NormalizedName

from pkgwidgets.core.errors import EnvironmentRefused, PlanImpossible
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Change, HeldBack

from .blocked_version import explain_blocked_version
from .resolutions import Resolutions
from .snapshot import EnvironmentSnapshot, ProjectResults


def report_resolving(backend: Backend, report: Report) -> None:
    """Report that the installer resolves, after another one has ended: it would wait silently."""
    with backend.without_installers(Stage.RESOLVING, report):
        report(Event(stage=Stage.RESOLVING))


@dataclass(frozen=True, slots=True)
class Proposal:
    """The changes of a plan, before it is known whether all their files may be replaced."""

    snapshot: EnvironmentSnapshot
    changes: tuple[Change, ...]
    held_back: tuple[HeldBack, ...] = ()


def replan_around_refusals(
    snapshot: EnvironmentSnapshot,
    requirements: tuple[str, ...],
    answers: ProjectResults,
    resolutions: Resolutions,
    propose: Callable[[EnvironmentSnapshot], Proposal],
) -> Proposal:
    """Call `propose` until every change is possible, each time with the refused packages pinned.

    An error names the `requirements` of the user, not all that the installer was given.
    """
    refused: dict[NormalizedName, str] = {}
    while True:
        try:
            proposal = propose(snapshot.with_pinned(refused))
        except PlanImpossible as error:
            if not refused:
                # `allow` cannot free what may never change.
                allowed = tuple(name for name in error.blockers if name not in snapshot.pinned)
                plain = PlanImpossible(requirements, error.explanation, allowed)
                raise explain_blocked_version(plain, snapshot, answers, resolutions) from error
            reasons = (
                f"{name} would have to change, but cannot: {refused[name]}" for name in refused
            )
            raise EnvironmentRefused(snapshot.python, "; ".join(reasons)) from error
        replaced = [change.id for change in proposal.changes if change.before is not None]
        uninstalled = [change.id for change in proposal.changes if change.after is None]
        unchangeable = snapshot.backend.records.unchangeable_reasons(replaced, uninstalled)
        if not unchangeable:
            return proposal
        refused |= unchangeable
