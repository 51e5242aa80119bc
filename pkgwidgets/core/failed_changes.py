"""Which packages a failed change is noted for: the ones at fault, and no healthy one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .breakages import reported_breakages
from .errors import InstallFailed, StageFailed, VerificationFailed
from .transactions import UNCHANGED_OUTCOMES, Transaction

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

_FAULTS_OF_PACKAGES = frozenset({StageFailed.code, InstallFailed.code, VerificationFailed.code})
"""The errors that the new packages cause; others come from the disk, a lock or the user."""


def failure_notes(transaction: Transaction) -> Mapping[NormalizedName, str]:
    """Return the packages at fault for a change that was rolled back, each with a sentence.

    These are the new versions that broke a package. Where that is unknown, it is the one package
    that was requested: of several, none can be named. Dismissed ones are left out.
    """
    if transaction.outcome not in UNCHANGED_OUTCOMES:
        return {}
    notes = {
        breakage.culprit: f"The upgrade failed: {breakage.reason}."
        for breakage in reported_breakages(transaction)
    }
    if not notes and _is_fault_of_packages(transaction):
        requested = [change.id for change in transaction.changes if change.requested]
        notes = {name: transaction.error or "" for name in requested if len(requested) == 1}
    return {name: note for name, note in notes.items() if name not in transaction.dismissed}


def _is_fault_of_packages(transaction: Transaction) -> bool:
    try:
        code = json.loads(transaction.failure or "{}").get("code")
    except (ValueError, AttributeError):
        return False
    return code in _FAULTS_OF_PACKAGES
