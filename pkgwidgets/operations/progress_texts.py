"""Say in the events of a stage which releases it is about."""

from __future__ import annotations

from dataclasses import replace

from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import shorten_names


def naming_releases(report: Report, stage: Stage, plan: Plan) -> Report:
    """Return a report whose events of a stage name the plan's new releases, and its download."""
    text = _releases_text(stage, plan)
    total = plan.download_size if stage is Stage.FETCHING else None

    def report_named(event: Event) -> None:
        if event.stage is stage:
            event = replace(event, text=event.text or text, total=event.total or total)
        report(event)

    return report_named


def _releases_text(stage: Stage, plan: Plan) -> str:
    """Return `installing pandas 3.0.0`; "" if the plan installs nothing from an index."""
    if plan.from_save_point or not plan.pins:
        return ""
    releases = [f"{change.name} {change.after}" for change in plan.changes if change.after]
    return f"{stage.value} {shorten_names(releases)}"
