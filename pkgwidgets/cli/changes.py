"""The verbs that plan, change, hold and recover, and the history of changes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from pkgwidgets.commands.grammar import Request
from pkgwidgets.commands.plan_request import BackendPlanner, plan_for
from pkgwidgets.commands.recovery import recover_environment
from pkgwidgets.connect import other_kernels
from pkgwidgets.core.errors import InvalidRequest, TooLate, TransactionError
from pkgwidgets.core.history import undoable
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import access, embedding, restore, undo
from pkgwidgets.operations import export as export_operation
from pkgwidgets.operations import holds as holds_of
from pkgwidgets.operations import transactions as operations
from pkgwidgets.operations.skip_failing import plan_without_failing
from pkgwidgets.presentation import payloads

from . import change_tables
from . import copies as copy_verbs
from .console import Console, Part
from .listing import DONE, NOTHING, Verb, connect_and_recover, describe_environment
from .plan_text import apply_command, done_parts, plan_parts, uv_commands

_CANNOT_CONFIRM = (
    "cannot ask for confirmation without a terminal; `--yes` applies the plan without asking, "
    "`pkgwidgets plan` shows it"
)
_CANNOT_CONFIRM_COPY = "cannot ask for confirmation without a terminal; `--yes` makes the copy"
_SAME_WITH_UV = "The same with uv, without checks and without undo:"
_NO_UNDO = "There is nothing to undo."
_CANCELLING_MESSAGE = b"\nCancelling. Wait until the change is rolled back.\n"


def plan(request: Request, console: Console) -> int:
    """Show a plan."""
    backend = connect_and_recover(request, console)
    if _has_nothing_to_undo(backend, request):
        console.write_json(lambda: {"plan": None})
        console.show(_NO_UNDO)
        return NOTHING
    with console.reporting() as report:
        proposal = plan_for(request.plan_request, BackendPlanner(backend, report))
    console.write_json(lambda: {"plan": payloads.plan(proposal)})
    parts = plan_parts(proposal, backend.journal.transactions())
    if not proposal:
        console.show(*parts)
        return NOTHING
    console.show(f"In {describe_environment(backend)}:", *parts)
    if proposal.commands:
        console.show(_SAME_WITH_UV, *(f"  {line}" for line in uv_commands(proposal, request)))
    console.show(f"Nothing was changed. To apply: `{apply_command(request)}`.")
    return DONE


def change(request: Request, console: Console) -> int:
    """Plan, show the plan, ask for confirmation, and apply it."""
    if not request.yes and not console.can_ask:
        raise InvalidRequest("answer", None, _CANNOT_CONFIRM)
    backend = connect_and_recover(request, console)
    if _has_nothing_to_undo(backend, request):
        console.write_json(lambda: {"plan": None, "transaction": None})
        console.show(_NO_UNDO)
        return NOTHING
    proposal = _make_plan(backend, request, console)
    is_confirmed = request.yes
    while proposal:
        write = console.show_message if console.json else console.show
        if not request.yes or not console.json:
            parts = plan_parts(proposal, backend.journal.transactions())
            write(f"In {describe_environment(backend)}:", *parts)
        if not is_confirmed and not console.confirm("Apply this plan?"):
            return _leave(console, proposal, "Nothing was changed.")
        try:
            return _apply(backend, proposal, request, console)
        except TransactionError as error:
            if not (request.skip_failing or (console.can_ask and not request.yes)):
                raise
            proposal = plan_without_failing(error, lambda: _make_plan(backend, request, console))
            console.show_message(f"{error.sentence()} The next plan leaves this out.")
            is_confirmed = request.yes or request.skip_failing
    return _leave(console, proposal, *plan_parts(proposal, backend.journal.transactions()))


def hold(request: Request, console: Console) -> int:
    """Hold a package at some versions."""
    backend = connect_and_recover(request, console)
    (name,) = request.names
    proposal = holds_of.plan_hold(
        backend, name, request.versions, reason=request.reason, until=request.until
    )
    return _apply_holds(backend, proposal, request, console)


def unhold(request: Request, console: Console) -> int:
    """Remove holds of a package."""
    backend = connect_and_recover(request, console)
    proposal = holds_of.plan_unhold(backend, request.names[0], request.versions)
    return _apply_holds(backend, proposal, request, console)


def _apply_holds(backend: Backend, proposal: Plan, request: Request, console: Console) -> int:
    transaction = operations.apply_here(backend, proposal)
    console.write_json(lambda: _transaction_json(transaction, request))
    console.show(*(f"{warning}." for warning in proposal.warnings))
    if not proposal:
        return NOTHING
    console.show(*done_parts(transaction, backend.journal.transactions(), request))
    return DONE


def holds(request: Request, console: Console) -> int:
    """List what limits versions."""
    rows = holds_of.list_holds(connect_and_recover(request, console))
    console.write_json(lambda: {"holds": [payloads.hold(row) for row in rows]})
    console.show(change_tables.holds(rows) if rows else "There are no holds.")
    return DONE


def audit(request: Request, console: Console) -> int:
    """List known vulnerabilities."""
    from . import audit as audit_verb  # the other verbs need none of it

    return audit_verb.audit(connect_and_recover(request, console), request, console)


def export(request: Request, console: Console) -> int:
    """Print what is installed as a lock."""
    backend = connect_and_recover(request, console)
    with console.reporting() as report:
        exported = export_operation.export(backend, *request.names, report=report)
    console.write_json(lambda: {"export": payloads.export(exported)})
    console.show(exported.text.rstrip("\n"))
    if not console.json:
        console.show_message(*(f"{note}." for note in exported.notes))
    return DONE


def drift(request: Request, console: Console) -> int:
    """List what differs from a lock."""
    found = restore.drift(connect_and_recover(request, console), request.names[0])
    console.write_json(lambda: payloads.drift(found))
    console.show(*([change_tables.drift(found.rows)] if found else []), f"{found}.")
    return DONE


def embed(request: Request, console: Console) -> int:
    """Save what is installed into a notebook."""
    backend = connect_and_recover(request, console)
    running = {kernel.notebook for kernel in other_kernels(backend).running()}
    with console.reporting() as report:
        notes = embedding.embed(
            backend,
            request.names[0],
            script=request.script,
            open_notebooks=running,
            report=report,
        )
    console.write_json(lambda: {"notebook": request.names[0], "notes": list(notes)})
    console.show(f"The packages are saved in {request.names[0]}.", *(f"{n}." for n in notes))
    return DONE


def copy(request: Request, console: Console) -> int:
    """Make an environment of one's own with the same packages."""
    if not request.yes and not console.can_ask:
        raise InvalidRequest("answer", None, _CANNOT_CONFIRM_COPY)
    return copy_verbs.copy(connect_and_recover(request, console), request, console)


def copies(request: Request, console: Console) -> int:
    """List the copies of environments."""
    return copy_verbs.copies(connect_and_recover(request, console), request, console)


def remove_copy(request: Request, console: Console) -> int:
    """Remove a copy of an environment."""
    return copy_verbs.remove_copy(connect_and_recover(request, console), request, console)


def history(request: Request, console: Console) -> int:
    """List the transactions, newest first."""
    backend = connect_and_recover(request, console)
    access.check_history(backend)
    transactions = backend.journal.transactions()
    console.write_json(
        lambda: {"transactions": [payloads.transaction(entry) for entry in reversed(transactions)]}
    )
    console.show(
        change_tables.history(transactions) if transactions else "There are no changes yet."
    )
    for transaction_id, reason in undo.list_refusals(backend, transactions).items():
        console.show(f"{transaction_id} can no longer be undone: {reason}.")
    return DONE


def recover(request: Request, console: Console) -> int:
    """Recover an interrupted change, even where the interpreter does not start."""
    recovered = recover_environment(request.python)
    console.write_json(
        lambda: {
            "recovered": None if recovered is None else recovered.id,
            "outcome": recovered and recovered.outcome,
        }
    )
    console.show("There was nothing to recover." if recovered is None else recovered.message)
    return NOTHING if recovered is None else DONE


VERBS: dict[str, Verb] = {
    "plan": plan,
    "upgrade": change,
    "install": change,
    "uninstall": change,
    "undo": change,
    "hold": hold,
    "unhold": unhold,
    "holds": holds,
    "audit": audit,
    "fix": change,
    "export": export,
    "drift": drift,
    "restore": change,
    "embed": embed,
    "copy": copy,
    "copies": copies,
    "remove-copy": remove_copy,
    "history": history,
    "recover": recover,
}
"""The verbs of this module."""


def _leave(console: Console, proposal: Plan, *parts: Part) -> int:
    """Write that a plan is not applied."""
    console.write_json(lambda: {"plan": payloads.plan(proposal), "transaction": None})
    console.show(*parts)
    return NOTHING


def _make_plan(backend: Backend, request: Request, console: Console) -> Plan:
    with console.reporting() as report:
        return plan_for(request.plan_request, BackendPlanner(backend, report))


def _transaction_json(transaction: Transaction, request: Request) -> dict[str, Any]:
    results = {"results": payloads.results(transaction)} if request.everything else {}
    return {"transaction": payloads.transaction(transaction), **results}


def _apply(backend: Backend, plan: Plan, request: Request, console: Console) -> int:
    try:
        with console.reporting(of_change=True) as report, _acknowledge_interrupt():
            transaction = operations.apply_and_follow(backend, plan, report)
    except TooLate as error:
        # The interrupt came after the commit: the change was made, so this is no failure.
        transaction = operations.get_transaction(backend, error.transaction)
        console.show_message(error.sentence())
    console.write_json(lambda: _transaction_json(transaction, request))
    console.show(*done_parts(transaction, backend.journal.transactions(), request))
    return DONE


@contextmanager
def _acknowledge_interrupt() -> Iterator[None]:
    """Acknowledge an interrupt at once, because the rollback may take a while."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(2, _CANCELLING_MESSAGE)
        raise KeyboardInterrupt

    previous = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler:  # a custom handler is installed: keep it
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _has_nothing_to_undo(backend: Backend, request: Request) -> bool:
    undoes_last = request.action == "undo" and not request.names
    return undoes_last and undoable(backend.journal.transactions()) is None
