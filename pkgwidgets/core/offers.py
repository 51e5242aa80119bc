"""What may be done about a package, in the few words that fit into its row, or beside a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from .distributions import Origin
from .packages import PackageInfo, PackageStatus
from .releases import Release

Action = Literal["", "upgrade", "explain", "retry"]

_ELSEWHERE = {
    Origin.EDITABLE: "changed where it lives",
    Origin.URL: "installed from a URL",
    Origin.VCS: "installed from a repository",
    Origin.CONDA: "belongs to conda",
    Origin.SYSTEM: "belongs to the system",
}
_UNDER_WAY = (PackageStatus.INSTALLING, PackageStatus.UPGRADING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A button's action and words, or a note in its place."""

    action: Action = ""
    label: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A version that can be had, what there is to say of it, and the day it was uploaded, or ""."""

    version: str
    note: str = ""
    day: str = ""
    pick: bool = False
    """Whether it is the one that is suggested."""


def offer(info: PackageInfo) -> Offer:
    """Return what a row offers: to upgrade as far as nothing forbids, to explain why not, to retry.

    The plan has the last word: what looks reachable from here may not be.
    """
    if info.status in _UNDER_WAY:
        return Offer(note=f"{info.status.value}…")
    if info.origin is not Origin.INDEX:
        return Offer(note=_ELSEWHERE[info.origin])
    # Without a version the distribution itself is unreadable: asking again changes nothing.
    failed = info.status is PackageStatus.ERROR
    if info.latest_version is None and info.error and info.version and not failed:
        return Offer(action="retry", label="Retry")
    if info.update_available:
        return _upgrade(info)
    stale = info.loaded_version is not None and info.loaded_version != info.version
    return Offer(note="restart needed" if stale else "")


def _upgrade(info: PackageInfo) -> Offer:
    reachable = info.compatible_version
    if reachable is None or Version(reachable) <= Version(info.version):
        return Offer(action="explain", label="Blocked…")
    if info.status is PackageStatus.ERROR:  # the last attempt failed
        return Offer(action="upgrade", label="Retry")
    if reachable == info.latest_version:
        return Offer(action="upgrade", label="Upgrade")
    return Offer(action="upgrade", label=f"Upgrade to {reachable}")


def choices(releases: Iterable[Release], info: PackageInfo | None = None) -> list[Choice]:
    """Return the versions of a project, in the order given: the newest first.

    The first that is neither yanked nor a pre-release is the latest. Of an installed package, the
    newest that no other forbids is the newest that fits, and what its row offers is picked.
    """
    installed = info.version if info is not None else ""
    fits = info.compatible_version if info is not None and offer(info).action == "upgrade" else None
    found, latest = list[Choice](), ""
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
        found.append(Choice(version=version, note=", ".join(notes), day=day, pick=pick))
    return found
