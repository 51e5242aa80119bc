"""What an installation would bring, in a line of the form: before a plan is shown."""

from __future__ import annotations

from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import escape_hidden, shorten_names

from .plan_payload import changes_summary, download_text


def install_preview(plan: Plan) -> str:
    """Return `Would bring 3 new (pea, pod and bean) · 2.1 MB to fetch`; "" for an empty plan."""
    if not plan:
        return ""
    names = shorten_names([escape_hidden(change.name) for change in plan.changes])
    return f"Would bring {changes_summary(plan.changes)} ({names}) · {download_text(plan)}"
