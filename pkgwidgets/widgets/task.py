"""Progress, outcome and history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.history import undoable
from pkgwidgets.core.model import Event, Stage, Transaction

from .table import HERE, Message

_STAGES = {
    Stage.RESOLVING: "planned",
    Stage.FETCHING: "fetching",
    Stage.CHECKING: "checking",
    Stage.SAVING: "saving",
    Stage.INSTALLING: "installing",
    Stage.VERIFYING: "verifying",
}
_APART = 0.1
"""Seconds between two messages to the browser, at least."""


class TaskView(anywidget.AnyWidget):
    """Shows what is being done and what became of it; sends cancel, undo or close."""

    _esm = HERE / "task.js"
    _css = HERE / "panel.css"

    task = traitlets.Dict().tag(sync=True)

    def __init__(self, asked: Callable[[Message], None]) -> None:
        super().__init__()
        self._sent = 0.0
        self.on_msg(lambda _, message, __: asked(message))

    def begin(self, title: str) -> None:
        """Show that work has begun."""
        stages = list(_STAGES.values())
        self.task = _running(title, stages, stages[0], log=[])

    def follow(self, event: Event) -> None:
        """Show an event; the same stage again only now and then."""
        stage = _STAGES.get(event.stage, self.task.get("stage", ""))
        if stage == self.task.get("stage") and monotonic() - self._sent < _APART:
            return
        self._sent = monotonic()
        known = self.task.get("log", [])
        log = known if stage == self.task.get("stage") else [*known, event.text or stage]
        self.task = _running(self.task.get("title", ""), self.task.get("stages", []), stage, log)

    def finish(self, transaction: Transaction, restart: str) -> None:
        """Say what really changed; `restart` says what has to be done to use it."""
        changes = ", ".join(map(str, transaction.changes))
        self._end(
            kind="ok",
            text=f"{changes}." if changes else "Nothing had to be changed.",
            restart=restart,
            undo=bool(transaction.changes),
            undo_id=transaction.id,
        )

    def fail(self, error: str) -> None:
        """Say what went wrong."""
        self._end(kind="bad", text=error, restart="", undo=False, undo_id="")

    def show_history(self, transactions: Iterable[Transaction]) -> None:
        """Show the transactions, newest first."""
        known = tuple(transactions)
        last = undoable(known)
        self.task = {
            "history": [
                {
                    "id": done.id,
                    "started": done.started.isoformat(),
                    "outcome": done.outcome.value,
                    "changes": ", ".join(map(str, done.changes)),
                    "undo": last is not None and done.id == last.id,
                    "error": done.error or "",
                }
                for done in reversed(known)
            ]
        }

    def close_view(self) -> None:
        """Show nothing."""
        self.task = {}

    def _end(self, **outcome: Any) -> None:
        ended = {"running": False, "cancellable": False, "outcome": outcome}
        self.task = {**self.task, "history": None, **ended}


def _running(title: str, stages: list[str], stage: str, log: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "text": f"{stage}…",
        "fraction": stages.index(stage) / len(stages) if stage in stages else None,
        "stages": stages,
        "stage": stage,
        "running": True,
        "cancellable": True,
        "log": log,
        "outcome": None,
        "history": None,
    }
