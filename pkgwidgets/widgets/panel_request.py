"""What is asked for: its name, the plan that would do it, and the same as source."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.names import checked_requirement
from pkgwidgets.core.plans import AllowPolicy, Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.notebook.service import PackageService

# What is pasted from a page or a terminal, before the name: `%pip install -U polars`.
_COMMANDS = re.compile(
    r"^\s*[!%$]?\s*(?:(?:python3?|py)\s+-m\s+)?(?:uv\s+)?(?:pip3?\s+install|add)\s+"
    r"(?:(?:-U|--upgrade|-q|--quiet)\s+)*"
)
_AFTER_NAME = re.compile(r"[\s\[<>=!~;,(]")
_QUOTES = "\"'` \t\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelRequest:
    """One wish, not yet planned. `wider` asks for the same with more allowed to move.

    `whole`: it is for everything that can be upgraded.
    """

    title: str
    doing: str
    plan: Callable[[Report], Plan]
    cell: str
    wider: Callable[[], PanelRequest] | None = None
    whole: bool = False


def upgrade(
    service: PackageService,
    names: Sequence[str] | None,
    version: str | None = None,
    allow: AllowPolicy = "dependencies",
) -> PanelRequest:
    """Ask for newer releases of these packages, or of all; or for one version of one package."""
    selected = None if names is None else list(names)
    to = f" to {version}" if version else ""
    return PanelRequest(
        title=f"{'Change' if version else 'Upgrade'} {listed(selected)}{to}",
        doing=f"{'Changing' if version else 'Upgrading'} {listed(selected)}{to}",
        plan=lambda report: service.plan_upgrade(selected, version, allow, report=report),
        cell=_upgrade_cell(selected, version, allow),
        wider=None if allow == "all" else lambda: upgrade(service, selected, version, "all"),
        whole=selected is None,
    )


def survivors(service: PackageService, notebook: Path) -> PanelRequest:
    """Ask for all newer releases that leave a notebook as it is."""
    return PanelRequest(
        title=f"Upgrade all that {notebook.name} survives",
        doing=f"Upgrading all that {notebook.name} survives",
        plan=lambda report: service.plan_upgrade(notebooks=notebook, report=report),
        cell=f"service.upgrade_all_packages(notebooks=[{str(notebook)!r}])",
    )


def install(
    service: PackageService, requirement: str, allow: AllowPolicy = "dependencies"
) -> PanelRequest:
    """Ask for what a requirement names, as in `polars>=1`; a pasted `pip install` is taken off.

    Raises `InvalidRequest` for what is no requirement.
    """
    text = str(checked_requirement(pasted(requirement)))
    return PanelRequest(
        title=f"Install {text}",
        doing=f"Installing {text}",
        plan=lambda report: service.plan_install(text, allow, report=report),
        cell=f"service.install_package({text!r})"
        if allow == "dependencies"
        else f"service.apply(service.plan_install({text!r}, allow={allow!r}))",
        wider=None if allow == "all" else lambda: install(service, text, "all"),
    )


def uninstall(service: PackageService, names: Sequence[str]) -> PanelRequest:
    """Ask to remove packages."""
    selected = list(names)
    return PanelRequest(
        title=f"Uninstall {listed(selected)}",
        doing=f"Uninstalling {listed(selected)}",
        plan=lambda report: service.plan_uninstall(selected),
        cell=f"service.uninstall_package({_few(selected)})",
    )


def undo(service: PackageService, done: Transaction) -> PanelRequest:
    """Ask to take a transaction back."""
    what = listed([change.name for change in done.changes])
    return PanelRequest(
        title=f"Undo: {what}",
        doing=f"Undoing: {what}",
        plan=lambda report: service.plan_undo(done.id, report=report),
        cell=f"service.undo({done.id!r})",
    )


def pasted(text: object) -> str:
    """Return the requirement in what somebody typed or pasted."""
    if not isinstance(text, str):
        raise InvalidRequest("requirement", text)
    return _COMMANDS.sub("", text).strip(_QUOTES)


def named(text: str) -> str:
    """Return the name in what somebody typed or pasted, without versions and extras."""
    return _AFTER_NAME.split(pasted(text), maxsplit=1)[0]


def listed(names: Sequence[str] | None) -> str:
    """Name a few: `a, b, c and 9 more`; None is all."""
    if names is None:
        return "all"
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def _few(names: list[str]) -> str:
    return repr(names[0] if len(names) == 1 else names)


def _upgrade_cell(names: list[str] | None, version: str | None, allow: AllowPolicy) -> str:
    if names is None:
        return "service.upgrade_all_packages()"
    given = _few(names) + (f", {version!r}" if version else "")
    if allow == "dependencies" and len(names) == 1:
        return f"service.upgrade_package({given})"
    moving = "" if allow == "dependencies" else f", allow={allow!r}"
    return f"service.apply(service.plan_upgrade({given}{moving}))"
