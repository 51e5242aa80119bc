"""The verbs of copies: make one, list them, remove one."""

from __future__ import annotations

from pkgwidgets.commands.grammar import Request
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.operations import copying
from pkgwidgets.presentation import payloads

from . import change_tables
from .console import Console

DONE, NOTHING = 0, 3


def copy(backend: Backend, request: Request, console: Console) -> int:
    """Show what a copy will hold, ask for confirmation, and make it."""
    with console.reporting() as report:
        plan = copying.plan_copy(
            backend,
            request.names[0],
            python=request.for_python,
            only=request.only or None,
            report=report,
        )
    write = console.show_message if console.json else console.show
    write(*str(plan).splitlines())
    if not request.yes and not console.confirm("Make this copy?"):
        console.write_json(lambda: {"copy_plan": payloads.copy_plan(plan), "environment": None})
        console.show("Nothing was made.")
        return NOTHING
    with console.reporting(of_change=True) as report:
        made = copying.copy_environment(backend, plan, report=report)
    console.write_json(
        lambda: {
            "copy_plan": payloads.copy_plan(plan),
            "environment": payloads.environment_copy(made),
        }
    )
    added = [note for note in made.notes if note not in plan.notes]
    console.show(f"The copy is made: {made.python}", *(f"{note}." for note in added))
    return DONE


def copies(backend: Backend, request: Request, console: Console) -> int:
    """List the copies."""
    rows = copying.list_copies(backend)
    console.write_json(lambda: {"environments": [payloads.environment_copy(row) for row in rows]})
    console.show(change_tables.copies(rows) if rows else "There are no copies.")
    return DONE


def remove_copy(backend: Backend, request: Request, console: Console) -> int:
    """Remove a copy."""
    removed = copying.remove_copy(backend, request.names[0])
    console.write_json(lambda: {"environment": payloads.environment_copy(removed)})
    console.show(f"The copy {removed.name} is removed.")
    return DONE
