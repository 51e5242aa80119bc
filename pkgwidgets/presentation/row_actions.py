"""Decide what a package's row offers, and what the list of its versions shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.version import Version

from pkgwidgets.core.origins import ORIGIN_REASONS, Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.text import format_day

if TYPE_CHECKING:
    from pkgwidgets.core.releases import Release

ActionName = Literal["", "upgrade", "explain", "retry"]

LABELS: dict[ActionName, str] = {"upgrade": "Upgrade…", "explain": "Why blocked?", "retry": "Retry"}
"""The label of an action's button, unless its row needs another; see `labels`."""
_STATUSES_UNDER_WAY = (PackageStatus.INSTALLING, PackageStatus.UPGRADING)


@dataclass(frozen=True, kw_only=True, slots=True)
class RowAction:
    """A button's action and label, or a note in its place."""

    action: ActionName = ""
    label: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOption:
    """A version that can be installed; `day` is its upload date in ISO 8601, or ""."""

    version: str
    note: str = ""
    day: str = ""
    pick: bool = False
    """Whether it is suggested."""


def row_action(info: PackageInfo) -> RowAction:
    """Return what a row offers: upgrade to the compatible version, explain a block, or retry.

    The plan decides in the end: a version that looks compatible here may not be.
    """
    if info.status in _STATUSES_UNDER_WAY:
        return RowAction(note=f"{info.status.value}…")
    if info.origin is not Origin.INDEX:
        return RowAction(note=ORIGIN_REASONS[info.origin].note)
    if info.has_incomplete_rollback:
        return RowAction(note="rollback incomplete")
    # Without a version the distribution itself is unreadable, and a retry changes nothing.
    if info.latest_version is None and info.error and info.version:
        return RowAction(action="retry", label=LABELS["retry"])
    if info.update_available:
        return _upgrade_action(info)
    is_stale = info.loaded_version is not None and info.loaded_version != info.version
    return RowAction(note="restart needed" if is_stale else "")


def _upgrade_action(info: PackageInfo) -> RowAction:
    compatible = info.compatible_version
    if compatible is None or Version(compatible) <= Version(info.version):
        return RowAction(action="explain", label=LABELS["explain"])
    if compatible == info.latest_version:
        return RowAction(action="upgrade", label=LABELS["upgrade"])
    return RowAction(action="upgrade", label=f"Upgrade to {compatible}…")


def version_options(
    releases: Iterable[Release], info: PackageInfo | None = None
) -> list[VersionOption]:
    """Return the versions of a project in the order of `releases`, which is newest first.

    The first that is neither yanked nor a pre-release is the latest. For an installed package the
    compatible version is noted and picked if its row offers an upgrade, else the installed one is.
    """
    installed = info.version if info is not None else ""
    compatible = (
        info.compatible_version
        if info is not None and row_action(info).action == "upgrade"
        else None
    )
    options, latest = list[VersionOption](), ""
    for release in releases:
        version = str(release.version)
        notes = ["installed"] if version == installed else []
        if release.yanked:
            notes.append("yanked")
        elif release.version.is_prerelease:
            notes.append("pre-release")
        elif not latest:
            latest = version
            notes.append("latest")
        if version == compatible and version != latest:
            notes.append("compatible")
        day = format_day(release.uploaded)
        is_picked = version == (compatible or installed)
        options.append(
            VersionOption(version=version, note=", ".join(notes), day=day, pick=is_picked)
        )
    return options
