"""A plan as text: its changes, what it holds back, and the commands that apply and undo it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from pkgwidgets.commands.grammar import Request
from pkgwidgets.core.history import find_transaction, is_undo
from pkgwidgets.core.plans import HeldBack, Plan
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.text import (
    UNKNOWN_SIZE,
    capitalize_first,
    format_size,
    format_time,
    shorten_names,
)
from pkgwidgets.core.transactions import Transaction

from . import change_tables
from .console import Part

_RESTART_ADVICE = (
    "Running kernels keep the previous versions of what they have loaded until they are restarted."
)


def plan_parts(plan: Plan, history: Sequence[Transaction]) -> Iterator[Part]:
    """Yield the parts of a plan's text: changes, held-back versions, warnings, download size."""
    undone = find_transaction(history, plan.undoes or "")
    if undone is not None:
        yield f"Undoes the change of {format_time(undone.started)} ({undone.id})."
    if plan.changes or not plan:
        yield change_tables.plan(plan) if plan else "There is nothing to change."
    for hold in plan.holds:
        yield f"{capitalize_first(str(hold))}."
    if plan.project is not None:
        yield f"{plan.project} will change, too."
    changed = {change.id for change in plan.changes}
    for held_back in plan.held_back:
        yield held_back_text(held_back, is_changed=held_back.id in changed)
    for warning in plan.warnings:
        yield f"{warning}."
    if plan.from_save_point:
        yield "The old files come from the save point. Nothing is downloaded."
    elif plan.pins:
        yield f"Download: {format_size(plan.download_size) or UNKNOWN_SIZE}."


def held_back_text(held_back: HeldBack, *, is_changed: bool) -> str:
    """Return what a plan does with a package that it holds back, why, and what would help."""
    verb = "goes to" if is_changed else "is held back at"
    missed = f", not {held_back.latest}" if held_back.latest is not None else ""
    text = f"{held_back.name} {verb} {held_back.kept_version}{missed}: {held_back.reason}."
    unblock = held_back.how_to_unblock
    return f"{text} With --allow all: {unblock}." if unblock else text


def apply_command(request: Request) -> str:
    """Return the command that applies the plan of a request."""
    words = ["pkgwidgets", request.action, *_global_options(request)]
    for source in request.sources:
        words += ["--source", source]
    if request.as_of is not None:
        words += ["--as-of", request.as_of]
    if request.exact:
        words.append("--exact")
    if request.project:
        words.append("--project")
    if request.action == "upgrade" and not request.names:
        words.append("--all")
    if request.version is not None:
        words += ["--version", request.version]
    if request.step is not None:
        words += ["--step", request.step]
    if request.allow != "dependencies":
        words += ["--allow", request.allow]
    return shlex.join([*words, *request.names])


def upgrade_command(names: Sequence[str], request: Request) -> str:
    """Return the command that upgrades packages in the environment of a request."""
    return shlex.join(["pkgwidgets", "upgrade", *_global_options(request), *names])


def done_parts(
    transaction: Transaction, history: Sequence[Transaction], request: Request
) -> Iterator[Part]:
    """Yield what changed, the command that undoes it, and what running kernels still use."""
    yield f"Done. {', '.join(transaction.change_texts)}."
    command = shlex.join(["pkgwidgets", "undo", *_global_options(request), transaction.id])
    yield f"To {_undo_text(transaction, history)}: `{command}`."
    if any(change.before is not None for change in transaction.changes):
        yield _RESTART_ADVICE


def _undo_text(transaction: Transaction, history: Sequence[Transaction]) -> str:
    """Return what an undo of a transaction does; that of an undo goes back to its versions."""
    replaced = [f"{c.name} {c.before}" for c in transaction.changes if c.before is not None]
    if replaced and is_undo(transaction, history):
        return f"go back to {shorten_names(replaced)}"
    return "undo this change"


def uv_commands(proposal: Plan, request: Request) -> Iterator[str]:
    """Yield the commands of uv that would make the changes of a plan, with the given index."""
    index = shlex.join(_index_options(request))
    for line in proposal.commands:
        install, found, rest = line.partition("uv pip install ")
        yield f"{install}{found}{index} {rest}" if found and index else line


def _global_options(request: Request) -> list[str]:
    python = ["--python", request.python] if request.python is not None else []
    return [*python, *_index_options(request)]


def _index_options(request: Request) -> list[str]:
    """Return the option for the given index, if its address has no credentials."""
    url = request.index_url or ""
    return ["--index-url", url] if url and redact(url) == url else []
