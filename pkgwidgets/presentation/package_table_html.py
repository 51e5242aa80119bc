"""Render the panel as static HTML, for pages without widgets. All text is escaped."""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.core.packages import PackageInfo

from .html_table import escape_text, html_table

_MAX_ROWS = 200
"""Rows of the table; a saved notebook must not grow without bounds."""
_HEADERS = ("Package", "Installed", "Latest", "Blocked by", "")


def package_table_html(title: str, infos: Sequence[PackageInfo]) -> str:
    """Return the packages as an HTML table under a title, up to `_MAX_ROWS` of them."""
    shown = infos[:_MAX_ROWS]
    hidden_count = len(infos) - len(shown)
    footer = f"<p>and {hidden_count} more</p>" if hidden_count else ""
    return f"<p>{escape_text(title)}</p>{html_table(_HEADERS, map(_row, shown))}{footer}"


def _row(info: PackageInfo) -> tuple[str, ...]:
    latest = info.latest_version or ("unknown" if info.error else "")
    note = info.error or info.failed_change or ("update available" if info.update_available else "")
    return (info.name, info.version, latest, info.blocked_by, note)
