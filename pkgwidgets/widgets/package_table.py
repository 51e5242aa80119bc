"""The list of packages: one model for all rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.environment import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.presentation.row_actions import LABELS, row_action

from .assets import STATIC, bundle

_PAUSE_SECONDS = 0.1
"""Seconds between two patches while rows come one by one."""
_MAX_CHARACTERS = 120
"""Characters of a text in a row; an open row has all of it."""
_SETTLED = (PackageStatus.INSTALLED, PackageStatus.ERROR)
_WEB = re.compile(r"https?://[^\s;,]+")
"""What a row has no room for: every row's index is the same. An open row has its address."""

Message = dict[str, Any]


class PackageTable(anywidget.AnyWidget):
    """Shows rows and sends what was asked for: check, open, plan, uninstall, retry, history.

    Changed rows are sent alone, and numbered: a view that missed some asks for all.
    """

    _esm = bundle("table/table")
    _css = STATIC / "panel.css"

    header = traitlets.Dict().tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    revision = traitlets.Int().tag(sync=True)
    labels = traitlets.Dict(LABELS).tag(sync=True)
    """What a button says if its row says nothing else: sent once, not in each of 500 rows."""

    def __init__(
        self,
        on_message: Callable[[Message], None],
        infos: Iterable[PackageInfo] = (),
        **options: Any,
    ) -> None:
        self._on_message = on_message
        self._infos: dict[str, PackageInfo] = {info.id: info for info in infos}
        self._rows: dict[str, Message] = {name: row(info) for name, info in self._infos.items()}
        # With the first message: nobody has to be told again.
        super().__init__(rows=[*self._rows.values()], **options)
        self._came: dict[str, PackageInfo] = {}
        self._filled = 0.0
        self._order = Lock()
        self.on_msg(lambda _, message, __: self._on_view(message))

    def show(self, infos: Iterable[PackageInfo]) -> None:
        """Replace all rows."""
        with self._order:
            self._keep({info.id: info for info in infos})
            # A patch told no front end about the traits, so what it has of them may be anything.
            self.send_state(["rows", "revision"])

    def patch(self, infos: Iterable[PackageInfo]) -> None:
        """Change some rows, and send only these; a view that opens later gets all."""
        with self._order:
            known = self._infos
            fresh: dict[str, PackageInfo]
            fresh = {info.id: info for info in infos if known.get(info.id) != info}
            if fresh:
                self._keep({**known, **fresh})
                changed = [self._rows[name] for name in fresh]
                self.send({"type": "patch", "rows": changed, "revision": self.revision})

    def fill(self, info: PackageInfo | None, busy: str) -> None:
        """Change a row that has just come, and say how far it is; both a few times a second."""
        if info is not None:
            self._came[info.id] = info
        if monotonic() - self._filled > _PAUSE_SECONDS:
            self.patch(self._came.values())
            self.say(busy=busy)
            self._came.clear()
            self._filled = monotonic()

    def add_detail(self, name: str, **known: Any) -> None:
        """Tell the views more of an open row."""
        self.send({"type": "detail", "id": name, **known})

    def say(self, **words: str) -> None:
        """Change some of the header's words."""
        self.header = {**self.header, **words}

    def _keep(self, infos: dict[str, PackageInfo]) -> None:
        """Keep these, and let the traits say so to who reads them: a reload, a second view."""
        known = self._infos
        self._rows = {
            name: self._rows[name] if info is known.get(name) else row(info)
            for name, info in infos.items()
        }
        self._infos = infos
        # Set in the usual way all rows would be sent for each patch.
        self._trait_values["rows"] = [*self._rows.values()]
        self._trait_values["revision"] = self.revision + 1

    def _on_view(self, message: Message) -> None:
        match message:
            case {"type": "opened", "revision": int(seen)}:
                with self._order:
                    if seen != self.revision:
                        now = {"rows": self.rows, "revision": self.revision}
                        self.send({"type": "all", **now})
            case {"type": "detail", "id": str(name)}:
                if name in self._infos:
                    self.send({"type": "detail", **detail(self._infos[name])})
                    self._on_message({"type": "open", "id": name})
            case _:
                self._on_message(message)


def row(info: PackageInfo) -> Message:
    """Return a package as the table shows it, without what goes without saying."""
    offered = row_action(info)
    origin, status = info.origin, info.status
    cells = {
        "id": info.id if info.id != info.name else "",
        "name": escape_hidden(info.name),
        "version": escape_hidden(info.version),
        "latest": escape_hidden(info.latest_version or ""),
        "bump": info.change.value if info.change is not None and info.update_available else "",
        "blocked_by": _short(_blockers(info)),
        "released": _seconds(info.released),
        "status": status.value if status is not PackageStatus.INSTALLED else "",
        "requested": info.requested,
        "loaded": escape_hidden(info.loaded_version or ""),
        "origin": origin.value if origin is not Origin.INDEX else "",
        "summary": _short(info.summary),
        "error": _short(_brief(info)),
        "action": offered.action,
        "label": offered.label if offered.label != LABELS.get(offered.action) else "",
        "note": offered.note,
    }
    return {key: value for key, value in cells.items() if value}


def detail(info: PackageInfo) -> Message:
    """Return what is shown under an open row besides: whole texts, dates, the place, links."""
    return {
        "id": info.id,
        "summary": escape_hidden(info.summary),
        "blocked_by": _blockers(info),
        "error": escape_hidden(info.error or ""),
        "installed": _seconds(info.installed),
        "upgraded": _seconds(info.last_upgraded),
        "path": escape_hidden(str(info.install_path or "")),
        "changeable": is_changeable(info),
        "links": [[escape_hidden(label), url] for label, url in info.links],
    }


def is_changeable(info: PackageInfo) -> bool:
    """Tell whether another version may take a package's place, or none."""
    return info.origin is Origin.INDEX and info.status in _SETTLED and info.version != ""


def _blockers(info: PackageInfo) -> str:
    return escape_hidden(info.blocked_by.replace(f"({info.id}", "").replace(")", ""))


def _brief(info: PackageInfo) -> str:
    """Say what is wrong in the words that a row has room for."""
    text = info.error or ""
    _, old, since = text.rpartition("; as of ")
    if old and info.latest_version is not None:
        return f"as of {since}"
    short = _WEB.sub("the index", text).replace("the index is not available: it", "the index")
    return short.removesuffix(".")


def _short(text: str) -> str:
    text = escape_hidden(text)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"


def _seconds(time: datetime | None) -> int:
    return 0 if time is None else int(time.timestamp())
