"""Who may change an environment: what a user learns before a plan is made."""

from __future__ import annotations

from pkgwidgets.core.errors import DiskFailed, EnvironmentRefused, RollbackFailed
from pkgwidgets.core.history import find_transaction
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.text import shorten_names
from pkgwidgets.core.transactions import requester_text

from . import recovery


def read_only_reason(backend: Backend) -> str | None:
    """Return why this user may change nothing, and who may; None if this user may.

    Names a change that is unfinished, and that this user cannot finish.
    """
    environment = backend.environment
    protected = environment.protected_reason()
    if protected is not None:
        return protected
    reason = environment.read_only_reason()
    if reason is not None:
        return _unfinished_reason(backend, reason) or reason
    elsewhere = backend.journal.unfinished_elsewhere()
    return None if elsewhere is None else str(elsewhere).rstrip(".")


def check_changeable(backend: Backend) -> None:
    """Raise `EnvironmentRefused` if this user may change nothing."""
    if (elsewhere := backend.journal.unfinished_elsewhere()) is not None:
        raise elsewhere
    reason = read_only_reason(backend)
    if reason is not None:
        raise _refused(backend, reason)


def recover_for_plan(backend: Backend) -> tuple[tuple[str, ...], tuple[RollbackFailed, ...]]:
    """Recover interrupted changes; return what a plan says to a user who cannot apply it.

    Also return the errors of rollbacks that are still incomplete.

    Users who may only read the environment can plan. Raises `EnvironmentRefused` where no user may
    apply a plan, or a change is unfinished that this user cannot finish. Also raises what
    `recover_each_if_needed` raises.
    """
    environment = backend.environment
    protected = environment.protected_reason()
    if protected is not None:
        raise _refused(backend, protected)
    reason = environment.read_only_reason()
    if reason is None:
        return (), recovery.recover_each_if_needed(backend)[1]
    unfinished = _unfinished_reason(backend, reason)
    if unfinished is not None:
        raise _refused(backend, unfinished)
    refused = _refused(backend, reason)
    hidden = environment.hidden_reason()
    texts = (f"You may not apply this plan: {reason}", hidden, refused.way_on_text)
    return tuple(text for text in texts if text), ()


def check_history(backend: Backend) -> None:
    """Raise `EnvironmentRefused` if this user may not read the history."""
    reason = backend.environment.hidden_reason()
    if reason is not None:
        raise EnvironmentRefused(backend.environment.interpreter.python, reason)


def _unfinished_reason(backend: Backend, refusal: str) -> str | None:
    """Return that a change is unfinished, and which users can finish it; None without one."""
    journal = backend.journal
    try:
        unfinished = journal.unfinished()
    except DiskFailed:
        return None
    if not unfinished:
        return None
    transaction = find_transaction(journal.transactions(), unfinished[-1])
    by, changes = "", ""
    if transaction is not None:
        requester = requester_text(transaction.requester, transaction.process)
        by = f" by {requester}" if requester else ""
        changes = shorten_names(transaction.change_texts)
    python = backend.environment.interpreter.python
    return (
        f"A change{by} is under way or was interrupted{f': {changes}' if changes else ''}. "
        f"You cannot finish it: {refusal}. "
        f"Users who may change the environment can: `pkgwidgets recover --python {python}`"
    )


def _refused(backend: Backend, reason: str) -> EnvironmentRefused:
    kernel = backend.writable_kernel()
    return EnvironmentRefused(
        backend.environment.interpreter.python,
        reason,
        is_whole=True,
        kernel="" if kernel is None else kernel.name,
        kernel_python="" if kernel is None else str(kernel.python),
    )
