"""What each verb does, and the exit code that it ends with."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from pkgwidgets.commands.grammar import Request
from pkgwidgets.commands.plan_request import BackendPlanner, plan_for
from pkgwidgets.commands.recovery import recover_environment
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError, TooLate
from pkgwidgets.core.history import undoable
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import count_noun, format_size
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import inventory, recovery
from pkgwidgets.operations import transactions as operations
from pkgwidgets.presentation import payloads

from . import tables
from .console import Console, Part

DONE = 0
FAILED = 1
NOTHING = 3

Verb = Callable[[Request, Console], int]

_UNASKED = "nobody is there to be asked: `--yes` applies the plan, `pkgwidgets plan` shows it"
_NO_UNDO = "There is nothing to undo."
_CANCELLING = b"\nCancelling: it ends in the old environment.\n"


def packages(request: Request, screen: Console) -> int:
    """List what is installed, or some of it."""
    backend = _connected(request, screen)
    if request.names:
        rows = tuple(inventory.get_package(backend, name) for name in request.names)
    else:
        rows = inventory.get_packages(backend)
    screen.answer(packages=[payloads.package(row) for row in rows])
    screen.show(tables.packages(rows), _found(rows, backend))
    return DONE


def updates(request: Request, screen: Console) -> int:
    """Ask the index what is newer; fails if it told nothing at all."""
    backend = _connected(request, screen)
    with screen.reporting() as report:
        rows = _asked(backend, request, report)
    screen.answer(updates=[payloads.package(row) for row in rows])
    newer = [row for row in rows if row.update_available]
    unknown = [row for row in rows if row.update_available is None]
    shown: list[Part] = [tables.updates([*newer, *unknown])] if newer or unknown else []
    said = f"{_found(rows, backend)}: {len(newer)} newer on {backend.index.url}"
    screen.show(*shown, f"{said}, {len(unknown)} unknown" if unknown else said)
    missed = any(row.error for row in unknown)
    return FAILED if missed and len(unknown) == len(rows) else DONE


def plan(request: Request, screen: Console) -> int:
    """Show what would change."""
    backend = _connected(request, screen)
    if _has_nothing_to_undo(backend, request):
        screen.answer(plan=None)
        screen.show(_NO_UNDO)
        return NOTHING
    with screen.reporting() as report:
        found = plan_for(request.plan_request, BackendPlanner(backend, report))
    screen.answer(plan=payloads.plan(found))
    screen.show(*_parts(found))
    if found.commands:
        screen.show("The same in a terminal:", *(f"  {line}" for line in found.commands))
    return DONE if found else NOTHING


def change(request: Request, screen: Console) -> int:
    """Plan, show it, ask, and carry it out."""
    if not request.yes and not screen.can_ask:
        raise InvalidRequest("answer", None, _UNASKED)
    backend = _connected(request, screen)
    if _has_nothing_to_undo(backend, request):
        screen.answer(plan=None, transaction=None)
        screen.show(_NO_UNDO)
        return NOTHING
    with screen.reporting() as report:
        found = plan_for(request.plan_request, BackendPlanner(backend, report))
    if not found:
        screen.answer(plan=payloads.plan(found), transaction=None)
        screen.show(*_parts(found))
        return NOTHING
    show = screen.show_aside if screen.json else screen.show
    if not request.yes or not screen.json:
        show(f"In {_where(backend)}:", *_parts(found))
    if not request.yes and not screen.confirm("Apply this?"):
        screen.answer(plan=payloads.plan(found), transaction=None)
        screen.show("Nothing was changed.")
        return NOTHING
    return _apply(backend, found, request, screen)


def history(request: Request, screen: Console) -> int:
    """List the transactions, newest first."""
    found = _connected(request, screen).journal.transactions()
    screen.answer(transactions=[payloads.transaction(each) for each in reversed(found)])
    screen.show(tables.history(found) if found else "Nothing was done here yet.")
    return DONE


def recover(request: Request, screen: Console) -> int:
    """Bring what was cut off to its end, even where the interpreter does not start."""
    ended = recover_environment(request.python)
    screen.answer(recovered=None if ended is None else ended.id, outcome=ended and ended.outcome)
    screen.show("There was nothing to recover." if ended is None else ended.said)
    return NOTHING if ended is None else DONE


VERBS: dict[str, Verb] = {
    "packages": packages,
    "updates": updates,
    "plan": plan,
    "upgrade": change,
    "install": change,
    "uninstall": change,
    "undo": change,
    "history": history,
    "recover": recover,
}
"""All but `demo`, which `main` is given."""


def _connected(request: Request, screen: Console) -> Backend:
    """Join the environment to what serves it, and put back first what was cut off in it."""
    backend = connect(request.python, request.index_url, detached=True)
    with suppress(PkgwidgetsError):  # looking goes on; the next plan says it
        for id in recovery.recover_if_needed(backend):
            screen.show_aside(f"Transaction {id} had been cut off, and was brought to its end.")
    return backend


def _asked(backend: Backend, request: Request, report: Report) -> tuple[PackageInfo, ...]:
    names: Sequence[str | None] = request.names or (None,)
    return tuple(
        row
        for name in names
        for row in inventory.check_for_updates(
            backend, name, refresh=request.refresh, report=report
        )
    )


def _apply(backend: Backend, found: Plan, request: Request, screen: Console) -> int:
    try:
        with screen.reporting() as report, _saying_that_it_is_cancelled():
            done = operations.apply_and_follow(backend, found, report)
    except TooLate as error:
        # An interrupt that came when it was done: it is not undone by calling it a failure.
        done = operations.get_transaction(backend, error.transaction)
        screen.show_aside(error.sentence())
    results = {"results": payloads.results(done)} if request.everything else {}
    screen.answer(transaction=payloads.transaction(done), **results)
    screen.show(
        f"Done: {', '.join(map(str, done.changes))}.",
        f"`{_way_back(done, request)}` takes it back. "
        "What runs already keeps the old versions until it is started again.",
    )
    return DONE


@contextmanager
def _saying_that_it_is_cancelled() -> Iterator[None]:
    """Say at once that an interrupt was heard: to put the old back may take a while."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(2, _CANCELLING)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # somebody wants it otherwise
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _has_nothing_to_undo(backend: Backend, request: Request) -> bool:
    last = request.action == "undo" and not request.names
    return last and undoable(backend.journal.transactions()) is None


def _parts(found: Plan) -> Iterator[Part]:
    """Yield what a reader should know of a plan."""
    if not found:
        yield "There is nothing to change."
    else:
        yield tables.plan(found)
    for held in found.held_back:
        yield f"Held back: {held}."
    for warning in found.warnings:
        yield f"{warning[0].upper()}{warning[1:]}."
    if found.from_save_point:
        yield "From the save point: nothing is fetched."
    elif found.pins:
        yield f"{format_size(found.download_size) or 'Unknown size'} to fetch."


def _way_back(done: Transaction, request: Request) -> str:
    meant = ["--python", request.python] if request.python is not None else []
    return shlex.join(["pkgwidgets", "undo", *meant, done.id])


def _found(rows: Sequence[PackageInfo], backend: Backend) -> str:
    return f"{count_noun(len(rows), 'package')} in {_where(backend)}"


def _where(backend: Backend) -> str:
    interpreter = backend.environment.interpreter
    return f"{interpreter.prefix} (Python {interpreter.version})"
