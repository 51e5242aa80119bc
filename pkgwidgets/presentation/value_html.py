"""Plans, transactions and packages as static HTML; `core/html_repr.py` is given their renderers.

All text is escaped: it may be hostile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from pkgwidgets.core.html_repr import register_renderer
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.text import format_size
from pkgwidgets.core.transactions import Outcome, Transaction

from .html_table import escape_text, html_table


def plan_html(shown: Plan) -> str:
    """Return a plan as a table, the requested first, with what is held back and why below."""
    if not shown.changes and not shown.held_back:
        return _line("Nothing to change.")
    parts = [_changes(shown.changes)] if shown.changes else [_line("Nothing to change.")]
    parts += [_line(str(held)) for held in shown.held_back]
    parts += [_line(_sentence(warning)) for warning in shown.warnings]
    if shown.changes and shown.restart is not None:
        parts.append(_line(_sentence(str(shown.restart))))
    if shown.changes:
        parts.append(
            _line(f"{format_size(shown.download_size) or 'unknown size'} to fetch; not applied")
        )
    return "".join(parts)


def transaction_html(shown: Transaction) -> str:
    """Return what became of a plan, with its changes."""
    if not shown.changes:
        return _line("Nothing had to be changed.")
    parts = [_changes(shown.changes), _line(f"{_sentence(shown.outcome.value)}. {shown.id}")]
    if shown.error:
        parts.append(_line(shown.error))
    if shown.outcome is Outcome.COMMITTED:
        parts += [_line(str(held)) for held in shown.plan.held_back]
        restart = shown.plan.restart
        if restart is not None and restart.needed:
            parts.append(_line(_sentence(str(restart))))
    return "".join(parts)


def package_html(shown: PackageInfo) -> str:
    """Return one package as a table of what is known of it."""
    facts = [(field.name.replace("_", " "), getattr(shown, field.name)) for field in fields(shown)]
    facts = [(name, _listed(value) if name == "links" else value) for name, value in facts]
    return html_table((), [(name, str(value)) for name, value in facts if value not in (None, "")])


def _listed(links: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{label} {address}" for label, address in links)


def _changes(changes: Sequence[Change]) -> str:
    head = ("name", "change", "", "size", "why")
    rows = [
        (
            change.name,
            change.kind.value,
            _step(change),
            format_size(change.size),
            "you asked for this" if change.requested else change.reason,
        )
        for change in changes
    ]
    return html_table(head, rows)


def _step(change: Change) -> str:
    return " → ".join(str(v) for v in (change.before, change.after) if v is not None)


def _line(text: str) -> str:
    return f"<div>{escape_text(text)}</div>"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


register_renderer(Plan, plan_html)
register_renderer(Transaction, transaction_html)
register_renderer(PackageInfo, package_html)
