"""Upgrade everything but the releases that fail."""

from __future__ import annotations

from collections.abc import Callable

from pkgwidgets.core.breakages import Breakage
from pkgwidgets.core.errors import PkgwidgetsError, ReleasesAtFault, TransactionError
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction

PlanAgain = Callable[[], Plan]
"""Makes the plan for everything again: it leaves out what failed before."""


def plan_without_failing(error: PkgwidgetsError, plan_again: PlanAgain) -> Plan:
    """Return the plan without the releases that an error blames.

    The plan may have no changes. Raises the error if it blames no release, or if the new plan has
    one of them again: then it would fail again.
    """
    if not isinstance(error, ReleasesAtFault) or not error.can_skip:
        raise error
    plan = plan_again()
    blamed = filter(None, map(Breakage.parse, error.breakages))
    failing = {(breakage.culprit, breakage.culprit_version) for breakage in blamed}
    if any((change.id, change.after) in failing for change in plan.changes):
        raise error
    return plan


def apply_without_failing(
    plan: Plan, plan_again: PlanAgain, apply: Callable[[Plan], Transaction]
) -> Transaction:
    """Apply a plan for everything; after a failure, apply the plan without the culprits.

    Each failure leaves out one release more, so this ends. Raises what `apply` and
    `plan_without_failing` raise.
    """
    while True:
        try:
            return apply(plan)
        except TransactionError as error:
            plan = plan_without_failing(error, plan_again)
