"""The rows of the panel's table, and the details of an open row."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from packaging.version import Version

from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageDependencies, PackageInfo, PackageStatus
from pkgwidgets.core.provenance import PublisherComparison, PublisherVerdict
from pkgwidgets.core.releases import LAST_CHECKED
from pkgwidgets.core.text import escape_hidden, format_size
from pkgwidgets.core.versions import version_step

from .row_actions import LABELS, RowAction, row_action

_MAX_CHARACTERS = 120
"""Characters of a text in a row, at most; an open row shows the whole text."""
_SETTLED_STATUSES = (PackageStatus.INSTALLED, PackageStatus.ERROR)
_URL = re.compile(r"(?:the index )?https?://[^\s;,]+", re.IGNORECASE)
"""Addresses of indexes, for which a row has no room. An open row has them."""

Payload = dict[str, Any]


def row(info: PackageInfo) -> Payload:
    """Return a package as a row of the table, without empty fields and defaults."""
    action = row_action(info)
    origin, status = info.origin, info.status
    cells = {
        "id": info.id if info.id != info.name else "",
        "name": escape_hidden(info.name),
        "version": escape_hidden(info.version),
        "latest": escape_hidden(info.latest_version or ""),
        "bump": info.change.value if info.change is not None and info.update_available else "",
        "blocked_by": _shorten(_blockers_text(info)),
        "released": _timestamp(info.released),
        "status": status.value if status is not PackageStatus.INSTALLED else "",
        "failed": info.has_failed_change,
        "requested": info.requested,
        "loaded": escape_hidden(info.loaded_version or ""),
        "origin": origin.value if origin is not Origin.INDEX else "",
        "summary": _shorten(info.summary),
        "error": _shorten(info.failed_change or _short_error(info)),
        "action": action.action,
        "label": action.label if action.label != LABELS.get(action.action) else "",
        "note": action.note,
        "step": _offered_step(info, action),
    }
    return {key: value for key, value in cells.items() if value}


def _offered_step(info: PackageInfo, action: RowAction) -> str:
    """Return the step of an offer that is not the latest version, whose step is `bump`; or ""."""
    offered = info.compatible_version
    if action.action != "upgrade" or offered is None or offered == info.latest_version:
        return ""
    return version_step(Version(info.version), Version(offered)).value


def detail(info: PackageInfo) -> Payload:
    """Return the details of an open row: whole texts, dates, path and links.

    Times are seconds since 1970, or 0.
    """
    return {
        "id": info.id,
        "summary": escape_hidden(info.summary),
        "blocked_by": _blockers_text(info),
        "error": escape_hidden("; ".join(filter(None, (info.failed_change, info.error)))),
        "installed": _timestamp(info.installed),
        "upgraded": _timestamp(info.last_upgraded),
        "path": escape_hidden(str(info.install_path or "")),
        "changeable": is_changeable(info),
        "license": info.license,
        "links": _links(info),
    }


def _links(info: PackageInfo) -> list[list[str]]:
    """Return labels and addresses; the change log comes first, under one name."""
    change_log = info.change_log
    others = [[escape_hidden(label), url] for label, url in info.links if url != change_log]
    return [["Change log", change_log], *others] if change_log else others


def is_changeable(info: PackageInfo) -> bool:
    """Return whether a package can be changed to another version or uninstalled."""
    return (
        info.origin is Origin.INDEX
        and info.status in _SETTLED_STATUSES
        and info.version != ""
        and not info.has_incomplete_rollback
    )


def _blockers_text(info: PackageInfo) -> str:
    return escape_hidden(info.blocked_by.replace(f"({info.id}", "").replace(")", ""))


def _short_error(info: PackageInfo) -> str:
    """Return an error in a form short enough for a row."""
    text = info.error or ""
    _, separator, age = text.rpartition(f"; {LAST_CHECKED} ")
    if separator and info.latest_version is not None:
        return f"{LAST_CHECKED} {age}"
    text = _URL.sub("the index", text)
    return text.replace("the index is not available: it", "the index").removesuffix(".")


def _shorten(text: str) -> str:
    text = escape_hidden(text)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"


def _timestamp(time: datetime | None) -> int:
    return 0 if time is None else int(time.timestamp())


def publisher_fields(comparison: PublisherComparison) -> Payload:
    """Return what an open row says of the publishers of its releases."""
    is_unusual = comparison.is_warning or comparison.verdict is PublisherVerdict.UNKNOWN
    return {"publisher": f"{escape_hidden(str(comparison))}.", "publisher_warns": is_unusual}


def dependency_fields(dependencies: PackageDependencies) -> Payload:
    """Return the details of an open row that take longer: dependencies, dependents and size."""
    return {
        "requires": [escape_hidden(name) for name in dependencies.requires],
        "required_by": [escape_hidden(name) for name in dependencies.required_by],
        "size": format_size(dependencies.size),
    }
