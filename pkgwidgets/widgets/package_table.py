"""Show the list of packages: one widget model for all rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.releases import LAST_CHECKED
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.presentation.row_actions import LABELS, row_action

from .assets import STATIC, bundle

_PAUSE_SECONDS = 0.1
"""Seconds between two patches, at least, while rows arrive one by one."""
_MAX_CHARACTERS = 120
"""Characters of a text in a row, at most; an open row shows the whole text."""
_SETTLED_STATUSES = (PackageStatus.INSTALLED, PackageStatus.ERROR)
_URL = re.compile(r"(?:the index )?https?://[^\s;,]+", re.IGNORECASE)
"""Addresses of indexes, for which a row has no room. An open row has them."""

Message = dict[str, Any]


class PackageTable(anywidget.AnyWidget):
    """Shows rows; sends `check`, `open`, `plan`, `install`, `uninstall`, `retry` or `history`.

    Only changed rows are sent, with a revision number: a view that missed some asks for all.
    """

    _esm = bundle("table/table")
    _css = STATIC / "panel.css"

    header = traitlets.Dict().tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    revision = traitlets.Int().tag(sync=True)
    labels = traitlets.Dict(LABELS).tag(sync=True)
    """Default labels of the buttons: sent once, not in each of 500 rows."""

    def __init__(
        self,
        on_message: Callable[[Message], None],
        infos: Iterable[PackageInfo] = (),
        **options: Any,
    ) -> None:
        self._on_message = on_message
        self._infos: dict[str, PackageInfo] = {info.id: info for info in infos}
        self._rows: dict[str, Message] = {name: row(info) for name, info in self._infos.items()}
        # The first message has the rows, so that no second one is needed.
        super().__init__(rows=[*self._rows.values()], **options)
        self._pending: dict[str, PackageInfo] = {}
        self._patched_at = 0.0
        self._send_lock = Lock()
        self.on_msg(lambda _, message, __: self._on_view_message(message))

    def show(self, infos: Iterable[PackageInfo]) -> None:
        """Replace all rows and send them."""
        with self._send_lock:
            self._set_infos({info.id: info for info in infos})
            # Patches bypass the traits, so a front end may hold any older state of them.
            self.send_state(["rows", "revision"])

    def patch(self, infos: Iterable[PackageInfo]) -> None:
        """Change some rows and send only these; a view that opens later gets all."""
        with self._send_lock:
            current_infos = self._infos
            changed: dict[str, PackageInfo]
            changed = {info.id: info for info in infos if current_infos.get(info.id) != info}
            if changed:
                self._set_infos({**current_infos, **changed})
                rows = [self._rows[name] for name in changed]
                self.send({"type": "patch", "rows": rows, "revision": self.revision})

    def show_progress(self, info: PackageInfo | None, busy: str) -> None:
        """Collect a row that has just arrived; send rows and progress a few times a second."""
        if info is not None:
            self._pending[info.id] = info
        if monotonic() - self._patched_at > _PAUSE_SECONDS:
            self.patch(self._pending.values())
            self.update_header(busy=busy)
            self._pending.clear()
            self._patched_at = monotonic()

    def add_detail(self, name: str, **details: Any) -> None:
        """Send more details of an open row; `name` is its normalized name."""
        self.send({"type": "detail", "id": name, **details})

    def update_header(self, **fields: str) -> None:
        """Change some fields of the header."""
        self.header = {**self.header, **fields}

    def _set_infos(self, infos: dict[str, PackageInfo]) -> None:
        """Store the rows, also in the traits: a reload or a second view reads them there."""
        current_infos = self._infos
        self._rows = {
            name: self._rows[name] if info is current_infos.get(name) else row(info)
            for name, info in infos.items()
        }
        self._infos = infos
        # Assigning the trait would send all rows for each patch.
        self._trait_values["rows"] = [*self._rows.values()]
        self._trait_values["revision"] = self.revision + 1

    def _on_view_message(self, message: Message) -> None:
        match message:
            case {"type": "opened", "revision": int(seen_revision)}:
                with self._send_lock:
                    if seen_revision != self.revision:
                        state = {"rows": self.rows, "revision": self.revision}
                        self.send({"type": "all", **state})
            case {"type": "detail", "id": str(name)}:
                if name in self._infos:
                    self.send({"type": "detail", **detail(self._infos[name])})
                    self._on_message({"type": "open", "id": name})
            case _:
                self._on_message(message)


def row(info: PackageInfo) -> Message:
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
        "error": _shorten(_short_error(info)),
        "action": action.action,
        "label": action.label if action.label != LABELS.get(action.action) else "",
        "note": action.note,
    }
    return {key: value for key, value in cells.items() if value}


def detail(info: PackageInfo) -> Message:
    """Return the details of an open row: whole texts, dates, path and links.

    Times are seconds since 1970, or 0.
    """
    return {
        "id": info.id,
        "summary": escape_hidden(info.summary),
        "blocked_by": _blockers_text(info),
        "error": escape_hidden(info.error or ""),
        "installed": _timestamp(info.installed),
        "upgraded": _timestamp(info.last_upgraded),
        "path": escape_hidden(str(info.install_path or "")),
        "changeable": is_changeable(info),
        "links": [[escape_hidden(label), url] for label, url in info.links],
    }


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
