"""Render plans, transactions and packages as static HTML, for `core/html_repr.py`.

All text is escaped because it may be hostile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from pkgwidgets.core.html_repr import register_renderer
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.text import UNKNOWN_SIZE, capitalize_first, format_size, format_time
from pkgwidgets.core.transactions import Outcome, Transaction

from .change_text import change_kind, change_reason, outcome_text
from .html_table import TableStyle, escape_text, html_table

_FACTS_STYLE = TableStyle(cell="text-align:left")
"""JupyterLab aligns cells to the right, where long texts and paths are hard to read."""


def plan_html(plan: Plan) -> str:
    """Return a plan as an HTML table of its changes; below it, what is held back and why."""
    parts = [_changes_html(plan.changes)] if plan.changes else []
    parts += [_line_html(capitalize_first(f"{hold}.")) for hold in plan.holds]
    if plan.project is not None:
        parts.append(_line_html(f"{plan.project} will change, too."))
    parts = parts or [_line_html("Nothing to change.")]
    parts += [_line_html(str(held_back)) for held_back in plan.held_back]
    parts += [_line_html(f"{warning}.") for warning in plan.warnings]
    if plan.changes and plan.restart is not None:
        parts.append(_line_html(capitalize_first(str(plan.restart))))
    if plan.changes:
        size = format_size(plan.download_size) or UNKNOWN_SIZE
        parts.append(_line_html(f"Download: {size}. Not applied yet."))
    return "".join(parts)


def transaction_html(transaction: Transaction) -> str:
    """Return a transaction as HTML: its changes and its outcome."""
    if not transaction.plan:
        return _line_html("Nothing to change.")
    parts = [_changes_html(transaction.changes)] if transaction.changes else []
    project = transaction.plan.project
    parts += [
        *(_line_html(capitalize_first(f"{hold}.")) for hold in transaction.holds),
        *([_line_html(f"{project}: changed, too.")] if project is not None else []),
        _line_html(f"{outcome_text(transaction)} {transaction.id}"),
    ]
    if transaction.error:
        parts.append(_line_html(transaction.error))
    if transaction.outcome is Outcome.COMMITTED:
        parts += [_line_html(str(held_back)) for held_back in transaction.plan.held_back]
        restart = transaction.plan.restart
        if restart is not None and restart.needed:
            parts.append(_line_html(capitalize_first(str(restart))))
    return "".join(parts)


def package_html(info: PackageInfo) -> str:
    """Return one package as an HTML table of its known fields."""
    facts = [
        (field.name.replace("_", " "), getattr(info, field.name))
        for field in fields(info)
        if field.repr
    ]
    facts = [(name, _links_text(value) if name == "links" else value) for name, value in facts]
    shown = [(name, _fact_text(value)) for name, value in facts if value not in (None, "")]
    return html_table((), shown, _FACTS_STYLE)


def _fact_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_time(value) if isinstance(value, datetime) else str(value)


def _links_text(links: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{label} {address}" for label, address in links)


def _changes_html(changes: Sequence[Change]) -> str:
    head = ("name", "change", "", "size", "why")
    rows = [
        (
            change.name,
            change_kind(change),
            _versions_text(change),
            format_size(change.size),
            change_reason(change),
        )
        for change in changes
    ]
    return html_table(head, rows)


def _versions_text(change: Change) -> str:
    return " → ".join(
        str(version) for version in (change.before, change.after) if version is not None
    )


def _line_html(text: str) -> str:
    return f"<div>{escape_text(text)}</div>"


def register_renderers() -> None:
    """Let plans, transactions and packages show themselves as HTML in a notebook."""
    register_renderer(Plan, plan_html)
    register_renderer(Transaction, transaction_html)
    register_renderer(PackageInfo, package_html)
