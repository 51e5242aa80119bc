"""The story of the demo, told in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import PkgwidgetsError, TransactionError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.operations import inventory, planning, transactions
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.text_table import TextTable

from .demo_environment import start

Say = Callable[[str], None]


def tell(say: Say = print) -> None:
    """List, check, plan, upgrade, fail and be rolled back, undo; each with what it gives."""
    with start() as demo:
        backend = connect(demo.python, demo.index_url)
        _list(backend, say)
        _check(backend, say)
        _upgrade(backend, say)
        _fail(backend, say)
        _undo(backend, say)


def _list(backend: Backend, say: Say) -> None:
    say("What is installed:\n")
    rows = inventory.get_packages(backend)
    _table(say, ("name", "version", "summary"), ((i.name, i.version, i.summary) for i in rows))


def _check(backend: Backend, say: Say) -> None:
    say("\nWhat is newer, and who stands in its way:\n")
    rows = [info for info in inventory.check_for_updates(backend) if info.update_available]
    _table(say, ("name", "version", "latest", "reachable", "blocked by"), map(_update, rows))


def _update(info: PackageInfo) -> tuple[str, ...]:
    latest, reachable = info.latest_version or "", info.compatible_version or ""
    return info.name, info.version, latest, reachable, info.blocked_by


def _upgrade(backend: Backend, say: Say) -> None:
    say("\nA plan changes nothing:\n")
    plan = planning.plan_upgrade(backend, "raintable")
    for part in str(plan).split("; "):
        say(f"  {part}")
    say("\nApplied, it is checked beside the environment first, then saved, installed, verified:\n")
    say(f"  {transactions.apply_and_follow(backend, plan)!r}")


def _fail(backend: Backend, say: Say) -> None:
    say("\nAn upgrade that does not work leaves everything as it was:\n")
    try:
        transactions.apply_and_follow(backend, planning.plan_upgrade(backend, "harvestscale"))
    except TransactionError as error:
        say(f"  {render(error, Face.CLI)}")
    say(f"  harvestscale is {inventory.get_package(backend, 'harvestscale').version}")


def _undo(backend: Backend, say: Say) -> None:
    say("\nAnd what was applied can be undone, from the saved files and without a network:\n")
    plan = planning.plan_undo(backend)
    say(f"  {transactions.apply_and_follow(backend, plan)!r}")
    try:
        planning.plan_undo(backend)
    except PkgwidgetsError as error:
        say(f"  {error.sentence()}")


def _table(say: Say, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for line in TextTable.of(head, rows).lines():
        say(f"  {line}")
