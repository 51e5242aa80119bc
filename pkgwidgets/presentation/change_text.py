"""Describe the changes of a plan in words, alike on every front end."""

from __future__ import annotations

from pkgwidgets.core.history import was_cancelled
from pkgwidgets.core.plans import Change, ChangeKind
from pkgwidgets.core.transactions import Outcome, Transaction

_OUTCOME_WORDS = {
    Outcome.COMMITTED: "done",
    Outcome.STARTED: "in progress",
    Outcome.ABORTED: "not applied",
    Outcome.ROLLED_BACK: "rolled back",
    Outcome.INCOMPLETE: "rollback incomplete",
    Outcome.OTHER_VERSION: "other version",
}


REQUESTED = "requested"
"""The reason of a change that the user named."""


def change_reason(change: Change) -> str:
    """Return why a plan makes a change: the reason that the plan records, or the request."""
    return change.reason or (REQUESTED if change.requested else "")


def change_kind(change: Change) -> str:
    """Return what a change does, in the words of the front ends."""
    return "uninstall" if change.kind is ChangeKind.REMOVE else change.kind.value


def outcome_word(transaction: Transaction) -> str:
    """Return the outcome of a transaction as a history shows it; JSON has other words."""
    return "cancelled" if was_cancelled(transaction) else _OUTCOME_WORDS[transaction.outcome]


def outcome_text(transaction: Transaction) -> str:
    """Return how a transaction ended, as a sentence or two."""
    match transaction.outcome:
        case Outcome.COMMITTED:
            return "Done."
        case Outcome.STARTED:
            return "In progress."
        case Outcome.INCOMPLETE:
            return "The rollback is incomplete."
        case Outcome.ABORTED if not was_cancelled(transaction):
            return "Not applied. Nothing was changed."
        case Outcome.OTHER_VERSION:
            return "Another version of pkgwidgets made this change."
    ending = "Cancelled" if was_cancelled(transaction) else "Rolled back"
    return f"{ending}. The environment is unchanged."
