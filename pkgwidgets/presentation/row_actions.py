"""What may be done about a package, in the few words that fit into its row, or beside a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from pkgwidgets.core.environment import ORIGIN_REASONS, Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.releases import Release

ActionName = Literal["", "upgrade", "explain", "retry"]

LABELS: dict[ActionName, str] = {"upgrade": "Upgrade", "explain": "Blocked…", "retry": "Retry"}
"""What the button of an action says, if a row needs no other words."""
_UNDER_WAY = (PackageStatus.INSTALLING, PackageStatus.UPGRADING)


@dataclass(frozen=True, kw_only=True, slots=True)
class RowAction:
    """A button's action and words, or a note in its place."""

    action: ActionName = ""
    label: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOption:
    """A version that can be had, what there is to say of it, and the day it was uploaded, or ""."""

    version: str
    note: str = ""
    day: str = ""
    pick: bool = False
    """Whether it is the one that is suggested."""


def row_action(info: PackageInfo) -> RowAction:
    """Return what a row offers: to upgrade as far as nothing forbids, to explain why not, to retry.

    The plan has the last word: what looks reachable from here may not be.
    """
    if info.status in _UNDER_WAY:
        return RowAction(note=f"{info.status.value}…")
    if info.origin is not Origin.INDEX:
        return RowAction(note=ORIGIN_REASONS[info.origin].note)
    # Without a version the distribution itself is unreadable: asking again changes nothing.
    failed = info.status is PackageStatus.ERROR
    if info.latest_version is None and info.error and info.version and not failed:
        return RowAction(action="retry", label=LABELS["retry"])
    if info.update_available:
        return _upgrade(info)
    stale = info.loaded_version is not None and info.loaded_version != info.version
    return RowAction(note="restart needed" if stale else "")


def _upgrade(info: PackageInfo) -> RowAction:
    reachable = info.compatible_version
    if reachable is None or Version(reachable) <= Version(info.version):
        return RowAction(action="explain", label=LABELS["explain"])
    if info.status is PackageStatus.ERROR:  # the last attempt failed
        return RowAction(action="upgrade", label=LABELS["retry"])
    if reachable == info.latest_version:
        return RowAction(action="upgrade", label=LABELS["upgrade"])
    return RowAction(action="upgrade", label=f"Upgrade to {reachable}")


def version_options(
    releases: Iterable[Release], info: PackageInfo | None = None
) -> list[VersionOption]:
    """Return the versions of a project, in the order given: the newest first.

    The first that is neither yanked nor a pre-release is the latest. Of an installed package, the
    newest that no other forbids is the newest that fits, and what its row offers is picked.
    """
    installed = info.version if info is not None else ""
    fits = (
        info.compatible_version
        if info is not None and row_action(info).action == "upgrade"
        else None
    )
    found, latest = list[VersionOption](), ""
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
        if version == fits and version != latest:
            notes.append("newest that fits")
        day = f"{release.uploaded:%Y-%m-%d}" if release.uploaded is not None else ""
        pick = version == (fits or installed)
        found.append(VersionOption(version=version, note=", ".join(notes), day=day, pick=pick))
    return found
