"""The panel as static HTML, for pages without widgets. All text is made safe: it may be hostile."""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.core.packages import PackageInfo

from .html_table import escape_text, html_table

_MAX_ROWS = 200
"""Rows; the page that this is kept in must not grow without bounds."""
_HEADS = ("Package", "Installed", "Latest", "Blocked by", "")


def package_table_html(title: str, infos: Sequence[PackageInfo]) -> str:
    """Return the list as a table, under a title."""
    shown = infos[:_MAX_ROWS]
    left = len(infos) - len(shown)
    more = f"<p>and {left} more</p>" if left else ""
    return f"<p>{escape_text(title)}</p>{html_table(_HEADS, map(_cells, shown))}{more}"


def _cells(info: PackageInfo) -> tuple[str, ...]:
    latest = info.latest_version or ("unknown" if info.error else "")
    note = info.error or ("update available" if info.update_available else "")
    return (info.name, info.version, latest, info.blocked_by, note)
