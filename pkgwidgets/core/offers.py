"""What may be done about a package, in the few words that fit into its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from .model import Origin, PackageInfo, PackageStatus

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
