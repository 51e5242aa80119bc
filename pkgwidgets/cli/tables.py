"""Packages and updates as tables of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pkgwidgets.core.packages import PackageStatus
from pkgwidgets.core.text import format_day
from pkgwidgets.presentation.row_actions import row_action
from pkgwidgets.presentation.text_table import TextTable

if TYPE_CHECKING:
    from pkgwidgets.core.packages import PackageInfo


def packages(rows: Iterable[PackageInfo]) -> TextTable:
    """Return the table of installed packages."""
    head = ("name", "version", "requested", "installed", "note")
    return TextTable.of(
        head,
        (
            (
                info.name,
                info.version,
                "yes" if info.requested else "",
                format_day(info.installed),
                _status_note(info),
            )
            for info in rows
        ),
    )


def updates(rows: Iterable[PackageInfo]) -> TextTable:
    """Return the table of updates, with `unknown` where the index did not answer."""
    head = ("name", "version", "latest", "step", "compatible", "blocked by", "note")
    return TextTable.of(
        head,
        (
            (
                info.name,
                info.version,
                info.latest_version or "unknown",
                info.change.value if info.change is not None else "",
                _compatible_version(info),
                info.blocked_by,
                _status_note(info),
            )
            for info in rows
        ),
    )


def _compatible_version(info: PackageInfo) -> str:
    version = info.compatible_version or ""
    return "" if version == info.version else version


def _status_note(info: PackageInfo) -> str:
    if info.error:
        return info.error
    if info.status is not PackageStatus.INSTALLED:
        return info.status.value
    return row_action(info).note
