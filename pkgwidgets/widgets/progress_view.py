"""Show the progress and the outcome of a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.events import Event
from pkgwidgets.core.kernels import Variable
from pkgwidgets.core.text import escape_hidden, format_size
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation.outcome_payload import outcome_payload, unchanged_payload
from pkgwidgets.presentation.task_payload import TaskProgress

from .assets import STATIC, bundle
from .package_table import Message

_MESSAGE_SECONDS = 0.1
"""Seconds between two messages to the browser, at least, within a stage."""
_MAX_VARIABLES = 6
"""Variables that are named before a restart, at most; the others are counted."""


class ProgressView(anywidget.AnyWidget):
    """Shows a change and its outcome; sends `cancel`, `undo`, `close` or `variables`.

    `question` has what a restart would lose. `kernel` is this kernel's id on the server. `home` is
    the panel's model id.
    """

    _esm = bundle("progress_view")
    _css = STATIC / "panel.css"

    task = traitlets.Dict().tag(sync=True)
    question = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Unicode().tag(sync=True)
    home = traitlets.Unicode().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self._sent_at = 0.0
        self._progress = TaskProgress("")
        self.on_msg(lambda _, message, __: on_message(message))

    def begin(self, title: str) -> None:
        """Show the start of a change."""
        self._progress = TaskProgress(title)
        self.question = {}
        self.task = self._progress.payload

    def follow(self, event: Event) -> None:
        """Show an event; within a stage, at most one every `_MESSAGE_SECONDS`."""
        is_news = self._progress.follow(event)
        if is_news or monotonic() - self._sent_at >= _MESSAGE_SECONDS:
            self._sent_at = monotonic()
            self.task = self._progress.payload

    def finish(self, transaction: Transaction, *, is_undo: bool = False) -> None:
        """Show what changed, and whether the kernel must restart to use it."""
        self.task = self._progress.end(outcome_payload(transaction, is_undo=is_undo))

    def fail(self, error: str) -> None:
        """Show a failure."""
        self.task = self._progress.end(unchanged_payload("bad", error))

    def show_cancelled(self, text: str) -> None:
        """Show that the user cancelled the change."""
        self.task = self._progress.end(unchanged_payload("off", text))

    def ask_restart(self, variables: Sequence[Variable] | None, commands: str) -> None:
        """Name the variables that a restart would lose; `commands` is ipylab's registry id.

        Without `variables`, they are unknown.
        """
        self.question = {}  # so that an equal answer is sent again, too
        if variables is None:
            self.question = {"unknown": True, "commands": commands}
            return
        names = [
            f"{escape_hidden(variable.name)} ({_kind_text(variable)})"
            for variable in variables[:_MAX_VARIABLES]
        ]
        unnamed_count = len(variables) - len(names)
        self.question = {"variables": names, "more": max(0, unnamed_count), "commands": commands}

    def close_view(self) -> None:
        """Close the view."""
        self.task, self.question = {}, {}


def _kind_text(variable: Variable) -> str:
    size = format_size(variable.size)
    return f"{escape_hidden(variable.kind)}, {size}" if size else escape_hidden(variable.kind)
