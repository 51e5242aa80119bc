"""What the panel's list offers besides its rows: *Upgrade all*, and upgrades that free others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pkgwidgets.core.plans import ChangeKind, Plan
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.core.unlocking import Unlock


def offers_payload(plan: Plan | None, unlocks: Sequence[Unlock] = ()) -> dict[str, Any]:
    """Return the offers: `all` maps what the plan for everything upgrades to the new versions.

    `all` is None if there is no such plan. Each of `unlocks` has a text and the names to upgrade.
    """
    upgrades = None if plan is None else _new_versions(plan)
    return {"all": upgrades, "unlocks": [_unlock(unlock) for unlock in unlocks]}


def _new_versions(plan: Plan) -> dict[str, str]:
    return {
        change.id: str(change.after) for change in plan.changes if change.kind is ChangeKind.UPGRADE
    }


def _unlock(unlock: Unlock) -> dict[str, Any]:
    return {"text": f"{escape_hidden(str(unlock))}.", "names": list(unlock.names)}
