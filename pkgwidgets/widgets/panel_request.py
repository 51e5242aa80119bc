"""Requests of the panel: a title, how to plan them, and the equivalent source code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.lock import Export
from pkgwidgets.core.names import checked_requirement
from pkgwidgets.core.plans import AllowPolicy, Plan, StepLimit
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.typed_requirement import strip_command
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.request_titles import (
    RequestTitles,
    fix_titles,
    install_titles,
    restore_titles,
    undo_titles,
    uninstall_titles,
    upgrade_titles,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelRequest:
    """A request that is not planned yet.

    `widen` makes the same request with more packages allowed to change. `is_for_all` is True if the
    request is for everything that can be upgraded. `cell` is the source of an equivalent cell.
    `limit_step` makes the same request with or without major upgrades; `step` is the limit.
    `change_project` makes it with or without the project of the environment; `project` tells which.
    `blocked_title` is the title of a plan that holds all back, or "".
    """

    title: str
    progress_title: str
    plan: Callable[[Report], Plan]
    cell: str
    widen: Callable[[], PanelRequest] | None = None
    is_for_all: bool = False
    step: StepLimit | None = None
    limit_step: Callable[[bool], PanelRequest] | None = None
    project: bool = False
    change_project: Callable[[bool], PanelRequest] | None = None
    blocked_title: str = ""

    def title_of(self, plan: Plan) -> str:
        """Return the title of the plan that was made for this request."""
        titles = RequestTitles(
            plan=self.title, progress=self.progress_title, blocked=self.blocked_title
        )
        return titles.of(plan)


def upgrade(
    service: PackageService,
    names: Sequence[str] | None,
    version: str | None = None,
    allow: AllowPolicy = "dependencies",
    step: StepLimit | None = None,
    *,
    project: bool = False,
) -> PanelRequest:
    """Request an upgrade of these packages, or of all (None), or one version of one package."""
    selected = None if names is None else list(names)
    titles = upgrade_titles(selected, version)
    return PanelRequest(
        title=titles.plan,
        progress_title=titles.progress,
        plan=lambda report: service.plan_upgrade(
            selected, version, allow, step=step, project=project, report=report
        ),
        cell=_upgrade_source(selected, version, allow, step, project=project),
        widen=None
        if allow == "all" or project
        else lambda: upgrade(service, selected, version, "all", step),
        is_for_all=selected is None,
        step=step,
        limit_step=None
        if version or project
        else lambda only_minor: upgrade(
            service, selected, None, allow, "minor" if only_minor else None
        ),
        project=project,
        change_project=lambda change: upgrade(service, selected, version, project=change),
        blocked_title=titles.blocked,
    )


def upgrade_surviving(service: PackageService, notebook: Path) -> PanelRequest:
    """Request all upgrades that leave the results of a notebook unchanged."""
    return PanelRequest(
        title=f"Upgrade without breaking {notebook.name}",
        progress_title=f"Upgrading without breaking {notebook.name}",
        plan=lambda report: service.plan_upgrade(notebooks=notebook, report=report),
        cell=f"service.upgrade_all_packages(notebooks=[{str(notebook)!r}])",
    )


def install(
    service: PackageService,
    requirement: str,
    allow: AllowPolicy = "dependencies",
    *,
    project: bool = False,
) -> PanelRequest:
    """Request an installation, as of `polars>=1`; a pasted `pip install` before it is removed.

    Raises `InvalidRequest` if the rest is not a requirement.
    """
    text = str(checked_requirement(strip_command(requirement)))
    titles = install_titles(text)
    return PanelRequest(
        title=titles.plan,
        progress_title=titles.progress,
        plan=lambda report: service.plan_install(text, allow, project=project, report=report),
        cell=_install_source(text, allow, project=project),
        widen=None if allow == "all" or project else lambda: install(service, text, "all"),
        project=project,
        change_project=lambda change: install(service, text, project=change),
    )


def uninstall(
    service: PackageService, names: Sequence[str], *, project: bool = False
) -> PanelRequest:
    """Request to uninstall packages."""
    selected = list(names)
    titles = uninstall_titles(selected)
    return PanelRequest(
        title=titles.plan,
        progress_title=titles.progress,
        plan=lambda report: service.plan_uninstall(selected, project=project),
        cell=f"service.apply(service.plan_uninstall({_names_source(selected)}, project=True))"
        if project
        else f"service.uninstall_package({_names_source(selected)})",
        project=project,
        change_project=lambda change: uninstall(service, selected, project=change),
    )


def fix(service: PackageService, names: Sequence[str] | None) -> PanelRequest:
    """Request the smallest steps out of the known vulnerabilities of packages, or of all (None)."""
    selected = None if names is None else list(names)
    titles = fix_titles(selected)
    source = "" if selected is None else _names_source(selected)
    return PanelRequest(
        title=titles.plan,
        progress_title=titles.progress,
        plan=lambda report: service.plan_fix(selected, report=report),
        cell=f"service.apply(service.plan_fix({source}))",
    )


def restore(service: PackageService, lock: Export) -> PanelRequest:
    """Request to return to the packages of the lock of the open notebook."""
    titles = restore_titles()
    return PanelRequest(
        title=titles.plan,
        progress_title=titles.progress,
        plan=lambda report: service.plan_restore(lock, report=report),
        cell="service.apply(service.plan_restore(service.find_notebook()))",
    )


def undo(
    service: PackageService, transaction: Transaction, history: Sequence[Transaction] = ()
) -> PanelRequest:
    """Request to undo a transaction; `history` tells whether that is a redo."""
    titles = undo_titles(transaction, history)
    return PanelRequest(
        title=titles.plan,
        progress_title=titles.progress,
        plan=lambda report: service.plan_undo(transaction.id, report=report),
        cell=f"service.undo({transaction.id!r})",
    )


def _names_source(names: list[str]) -> str:
    return repr(names[0] if len(names) == 1 else names)


def _install_source(requirement: str, allow: AllowPolicy, *, project: bool) -> str:
    if project:
        return f"service.apply(service.plan_install({requirement!r}, project=True))"
    if allow == "dependencies":
        return f"service.install_package({requirement!r})"
    return f"service.apply(service.plan_install({requirement!r}, allow={allow!r}))"


def _upgrade_source(
    names: list[str] | None,
    version: str | None,
    allow: AllowPolicy,
    step: StepLimit | None,
    *,
    project: bool,
) -> str:
    if project:
        named = [] if names is None else [_names_source(names)]
        arguments = [*named, *([repr(version)] if version else []), "project=True"]
        return f"service.apply(service.plan_upgrade({', '.join(arguments)}))"
    limit = f"step={step!r}" if step else ""
    if names is None:
        return f"service.upgrade_all_packages({limit})"
    arguments = [_names_source(names), *([repr(version)] if version else [])]
    limits = [limit] if limit else []
    if allow == "dependencies" and len(names) == 1:
        return f"service.upgrade_package({', '.join([*arguments, *limits])})"
    allowed = [] if allow == "dependencies" else [f"allow={allow!r}"]
    arguments += [*allowed, *limits]
    return f"service.apply(service.plan_upgrade({', '.join(arguments)}))"
