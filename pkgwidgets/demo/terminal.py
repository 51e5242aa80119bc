"""The demo in a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import TransactionError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import inventory, planning, transactions
from pkgwidgets.presentation.hints import Face, held_back_text, render
from pkgwidgets.presentation.text_table import TextTable

from .demo_environment import start

Write = Callable[[str], None]


def run_demo(write: Write = print) -> None:
    """List, check, plan, upgrade, roll back a failure, undo; write the result of each."""
    with start() as demo, _cache_in(demo.folder / "cache"):
        backend = connect(demo.python, demo.index_url)
        _show_packages(backend, write)
        _show_updates(backend, write)
        _show_upgrade(backend, write)
        _show_failure(backend, write)
        _show_undo(backend, write)


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Keep what is cached in a folder, and not in the user's home, which the demo leaves alone."""
    name = "XDG_CACHE_HOME"
    before = os.environ.get(name)
    os.environ[name] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _show_packages(backend: Backend, write: Write) -> None:
    write("Installed packages:\n")
    rows = inventory.get_packages(backend)
    _write_table(
        write,
        ("name", "version", "summary"),
        ((info.name, info.version, info.summary) for info in rows),
    )


def _show_updates(backend: Backend, write: Write) -> None:
    write("\nAvailable updates, and the packages that block the latest version:\n")
    rows = [info for info in inventory.check_for_updates(backend) if info.update_available]
    _write_table(
        write, ("name", "version", "latest", "compatible", "blocked by"), map(_update_row, rows)
    )


def _update_row(info: PackageInfo) -> tuple[str, ...]:
    latest, compatible = info.latest_version or "", info.compatible_version or ""
    return info.name, info.version, latest, compatible, info.blocked_by


def _show_upgrade(backend: Backend, write: Write) -> None:
    write("\nA plan lists the changes. Nothing is changed yet:\n")
    plan = planning.plan_upgrade(backend, "raintable")
    for change in plan.change_texts:
        write(f"  {change}")
    for held_back in plan.held_back:
        write(f"  {held_back_text(held_back, Face.CLI)}")
    write("\nApply it. The new packages are checked before they are installed, and again after:\n")
    _apply(backend, plan, write)


def _show_failure(backend: Backend, write: Write) -> None:
    write("\nAn upgrade that fails leaves the environment unchanged:\n")
    try:
        transactions.apply_and_follow(backend, planning.plan_upgrade(backend, "harvestscale"))
    except TransactionError as error:
        write(f"  {render(error, Face.CLI)}")
    write(f"  harvestscale is still {inventory.get_package(backend, 'harvestscale').version}")


def _show_undo(backend: Backend, write: Write) -> None:
    write("\nUndo the upgrade. The saved files are restored, without a network:\n")
    plan = planning.plan_undo(backend)
    _apply(backend, plan, write)


def _apply(backend: Backend, plan: Plan, write: Write) -> None:
    transaction = transactions.apply_and_follow(backend, plan)
    write(f"  Done. {', '.join(transaction.change_texts)}.")


def _write_table(write: Write, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for line in TextTable.of(head, rows).lines():
        write(f"  {line}")
