"""Show past transactions, their outcomes and their logs; offer to undo them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.events import Event
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation.history_payload import history_entries, log_text

from .assets import STATIC, bundle
from .package_table import Message


class HistoryView(anywidget.AnyWidget):
    """Shows transactions, newest first; sends `undo`, `log` or `close`.

    While packages are `changing`, its buttons to undo are off.
    """

    _esm = bundle("history_view")
    _css = STATIC / "views.css"

    entries = traitlets.List(traitlets.Dict(), default_value=None, allow_none=True).tag(sync=True)
    logs = traitlets.Dict().tag(sync=True)
    changing = traitlets.Bool().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    @property
    def is_open(self) -> bool:
        """Whether the view is open."""
        return self.entries is not None

    def show(
        self, transactions: Sequence[Transaction], refusals: Mapping[str, str] | None = None
    ) -> None:
        """Show transactions, given oldest first; `refusals` tell why some cannot be undone."""
        self.entries = history_entries(transactions, refusals)

    def show_log(self, transaction: str, events: Iterable[Event]) -> None:
        """Show the log of one transaction."""
        self.logs = {**self.logs, transaction: log_text(events)}

    def close_view(self) -> None:
        """Close the view."""
        with self.hold_sync():
            self.set_trait("entries", None)
            self.logs = {}
