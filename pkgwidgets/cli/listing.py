"""The verbs that list: each writes its answer and returns an exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pkgwidgets.commands.grammar import Request
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.text import count_noun
from pkgwidgets.operations import listing, recovery

from . import tables
from .console import Console, Part

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import Backend, Report
    from pkgwidgets.core.packages import PackageInfo

DONE = 0
FAILED = 1
NOTHING = 3

Verb = Callable[[Request, Console], int]


def packages(request: Request, console: Console) -> int:
    """List all installed packages, or those named."""
    backend = connect_and_recover(request, console)
    if request.names:
        from pkgwidgets.operations import inventory  # late: a kept listing needs no index

        rows = tuple(inventory.get_package(backend, name) for name in request.names)
    else:
        rows = listing.list_rows(backend)
    console.write_json(lambda: {"packages": _payload(rows)})
    console.show(tables.packages(rows), _package_count(rows, backend))
    return DONE


def updates(request: Request, console: Console) -> int:
    """List available updates; fails if the index answered for no package."""
    backend = connect_and_recover(request, console)
    with console.reporting() as report:
        rows = _check_for_updates(backend, request, report)
    console.write_json(lambda: {"updates": _payload(rows)})
    newer = [row for row in rows if row.update_available]
    unknown = [row for row in rows if row.update_available is None]
    table: list[Part] = [tables.updates([*newer, *unknown])] if newer or unknown else []
    count = count_noun(len(newer), "update") if newer else "no updates"
    summary = f"{_package_count(rows, backend)}: {count} on {backend.index.url}"
    console.show(*table, f"{summary}, {len(unknown)} unknown" if unknown else summary)
    if not request.names and not console.json and any(row.blocked_by for row in newer):
        _show_unlocks(backend, request, console)
    has_errors = any(row.error for row in unknown)
    return FAILED if has_errors and len(unknown) == len(rows) else DONE


def _show_unlocks(backend: Backend, request: Request, console: Console) -> None:
    from pkgwidgets.operations.unlocking import find_unlocks  # late: `packages` plans nothing

    from .plan_text import upgrade_command

    with console.reporting() as report:
        unlocks = find_unlocks(backend, limit=1, report=report)
    for unlock in unlocks:
        console.show(f"{unlock}: `{upgrade_command(unlock.names, request)}`.")


def publishers(request: Request, console: Console) -> int:
    """Compare the publishers of the installed and the compatible release of a package."""
    from pkgwidgets.operations.publishers import compare_publishers  # the others need none of it
    from pkgwidgets.presentation import payloads

    backend = connect_and_recover(request, console)
    with console.reporting() as report:
        comparison = compare_publishers(backend, request.names[0], report)
    console.write_json(lambda: {"publishers": payloads.publishers(comparison)})
    console.show(f"{comparison}.")
    return DONE


VERBS: dict[str, Verb] = {"packages": packages, "updates": updates, "publishers": publishers}
"""The verbs of this module."""


def connect_and_recover(request: Request, console: Console) -> Backend:
    """Return the environment's backend; recover an interrupted change first."""
    backend = connect(request.python, request.index_url, detached=True)
    with suppress(PkgwidgetsError):  # listing still works; the next plan raises it
        for transaction_id in recovery.recover_if_needed(backend):
            from pkgwidgets.commands.recovery import recovery_message  # late: it is rare

            console.show_message(recovery_message(backend, transaction_id))
    return backend


def _check_for_updates(
    backend: Backend, request: Request, report: Report
) -> tuple[PackageInfo, ...]:
    from pkgwidgets.operations import inventory

    names: Sequence[str | None] = request.names or (None,)
    return tuple(
        row
        for name in names
        for row in inventory.check_for_updates(
            backend, name, refresh=request.refresh, report=report
        )
    )


def _payload(rows: Sequence[PackageInfo]) -> list[dict[str, Any]]:
    from pkgwidgets.presentation import payloads  # late: text output needs no JSON values

    return [payloads.package(row) for row in rows]


def _package_count(rows: Sequence[PackageInfo], backend: Backend) -> str:
    return f"{count_noun(len(rows), 'package')} in {describe_environment(backend)}"


def describe_environment(backend: Backend) -> str:
    """Return the folder of an environment and its version of Python, as text."""
    interpreter = backend.environment.interpreter
    return f"{interpreter.prefix} (Python {interpreter.version})"
