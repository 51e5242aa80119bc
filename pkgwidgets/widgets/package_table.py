"""Show the list of packages: one widget model for all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.presentation.row_actions import LABELS
from pkgwidgets.presentation.table_rows import detail, row

from .assets import STATIC, bundle

_PAUSE_SECONDS = 0.1
"""Seconds between two patches, at least, while rows arrive one by one."""

Message = dict[str, Any]


class PackageTable(anywidget.AnyWidget):
    """Shows rows and sends what is pressed: `check`, `open`, `plan`, `install` or `history`.

    Of a row these are `uninstall`, `retry`, `dismiss`, `fix`, `hold` and `unhold`, too.
    Only changed rows are sent, with a revision number: a view that missed some asks for all.
    """

    _esm = bundle("table/table")
    _css = STATIC / "panel.css"

    header = traitlets.Dict().tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    revision = traitlets.Int().tag(sync=True)
    offers = traitlets.Dict().tag(sync=True)
    labels = traitlets.Dict(LABELS).tag(sync=True)
    """Default labels of the buttons: sent once, not in each of 500 rows."""
    advisories = traitlets.Dict().tag(sync=True)
    """By normalized name, as `presentation.safety_marks.advisory_marks` returns them."""
    holds = traitlets.Dict().tag(sync=True)
    """By normalized name, as `presentation.safety_marks.hold_marks` returns them."""

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

    def drop_progress(self) -> None:
        """Forget rows that were collected and not sent: complete rows are about to replace them."""
        self._pending.clear()

    def add_detail(self, name: str, **details: Any) -> None:
        """Send more details of an open row; `name` is its normalized name."""
        self.send({"type": "detail", "id": name, **details})

    def update_header(self, **fields: Any) -> None:
        """Change some fields of the header."""
        with self._send_lock:  # a click may come while a check reports its progress
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
