"""Prepare a plan: fetch and check what it installs, without changing the environment."""

from __future__ import annotations

from pkgwidgets.core.errors import StageFailed
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Plan

from . import verification
from .apply import check_changeable
from .progress_texts import naming_releases
from .snapshot import check_unchanged


def prepare_plan(backend: Backend, plan: Plan, report: Report = no_report) -> None:
    """Stage a plan and import its packages beside the environment, for `apply_plan` to take over.

    A plan that changes nothing or restores a save point needs no preparation. Raises `StageFailed`
    if the plan would fail, and `StalePlan` if the environment changed, also during the preparation.
    Then, and after anything that `report` raises, nothing is left.
    """
    if not plan or plan.from_save_point:
        return
    check_changeable(backend, plan)
    check_unchanged(backend, plan)
    with backend.preparations.begin(plan.id) as preparation:
        stage = preparation.stage if plan.pins else None
        if stage is not None:
            report_fetch = naming_releases(report, Stage.FETCHING, plan)
            report_fetch(Event(stage=Stage.FETCHING))
            backend.installer.stage(plan, stage, report_fetch)
        report(Event(stage=Stage.CHECKING))
        failing, result = verification.import_staged(backend, plan, stage, report)
        if failing:
            raise StageFailed("", failing)
        check_unchanged(backend, plan)
        preparation.complete(result)
