"""The list of packages: one model for all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.model import Bump, PackageInfo
from pkgwidgets.core.offers import offer

HERE = Path(__file__).parent
_ORDER = {None: 0, Bump.OTHER: 1, Bump.PATCH: 2, Bump.MINOR: 3, Bump.MAJOR: 4}

_PAUSE = 0.1
"""Seconds between two patches while rows come one by one."""

Message = dict[str, Any]


class PackageTable(anywidget.AnyWidget):
    """Shows rows and sends what was asked for: check, plan, retry, history."""

    _esm = HERE / "table.js"
    _css = HERE / "panel.css"

    header = traitlets.Dict().tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, asked: Callable[[Message], None]) -> None:
        super().__init__()
        self._came: dict[str, PackageInfo] = {}
        self._filled = 0.0
        self.on_msg(lambda _, message, __: asked(message))

    def show(self, infos: Iterable[PackageInfo]) -> None:
        """Replace all rows."""
        self.rows = [row(info) for info in infos]

    def patch(self, infos: Iterable[PackageInfo]) -> None:
        """Change some rows, and send only these; a view that opens later gets all."""
        fresh = {info.id: row(info) for info in infos}
        known = {old["id"]: old for old in self.rows}
        changed = [new for id, new in fresh.items() if known.get(id) != new]
        # A reload reads the trait. Set in the usual way it would be sent whole, for each patch.
        self._trait_values["rows"] = [*{**known, **fresh}.values()]
        self.send({"type": "patch", "rows": changed})

    def fill(self, info: PackageInfo | None, busy: str) -> None:
        """Change a row that has just come, and say how far it is; both a few times a second."""
        if info is not None:
            self._came[info.id] = info
        if monotonic() - self._filled > _PAUSE:
            self.patch(self._came.values())
            self.say(busy=busy)
            self._came.clear()
            self._filled = monotonic()

    def say(self, **words: str) -> None:
        """Change some of the header's words."""
        self.header = {**self.header, **words}


def row(info: PackageInfo) -> dict[str, Any]:
    """Return a package as the table shows it."""
    offered = offer(info)
    return {
        "id": info.id,
        "name": info.name,
        "version": info.version,
        "latest": info.latest_version or "",
        "bump": info.change.value if info.change is not None else "",
        "update": info.update_available,
        "blocked_by": info.blocked_by.replace(f"({info.id}", "").replace(")", ""),
        "released": _iso(info.released),
        "status": info.status.value,
        "requested": info.requested,
        "loaded": info.loaded_version or "",
        "origin": info.origin.value,
        "summary": info.summary,
        "error": info.error or "",
        "action": offered.action,
        "label": offered.label,
        "note": offered.note,
        "order": _ORDER[info.change],
    }


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat()
