"""Show the progress and the outcome of a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.events import Event, Stage, describe
from pkgwidgets.core.kernels import Variable
from pkgwidgets.core.text import escape_hidden, format_size
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation.change_text import outcome_text

from .assets import STATIC, bundle
from .labels import undo_label
from .package_table import Message
from .plan_view import changes_summary, restart_heading, restart_reasons

_STAGES = {
    Stage.RESOLVING: "preparing",
    Stage.FETCHING: "fetching",
    Stage.CHECKING: "checking",
    Stage.SAVING: "saving",
    Stage.INSTALLING: "installing",
    Stage.VERIFYING: "verifying",
}
_MESSAGE_SECONDS = 0.1
"""Seconds between two messages to the browser, at least, within a stage."""
_MAX_VARIABLES = 6
"""Variables that are named before a restart, at most; the others are counted."""
_MAX_NAMED_CHANGES = 6
"""Changes that an outcome names; of more it gives the numbers only."""
_MAX_LOG_LINES = 400
"""Lines of the log that are shown, at most; the history has all."""


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
        self._last_event: tuple[Stage | None, str, str] = (None, "", "")
        self.on_msg(lambda _, message, __: on_message(message))

    def begin(self, title: str) -> None:
        """Show the start of a change."""
        stages = list(_STAGES.values())
        self._last_event = (None, "", "")
        self.question = {}
        self.task = _running_state(title, stages, stages[0], log=[])

    def follow(self, event: Event) -> None:
        """Show an event; within a stage, at most one every `_MESSAGE_SECONDS`."""
        task, stage = self.task, _STAGES.get(event.stage, self.task.get("stage", ""))
        log = self._add_log(event, task.get("log", []))
        is_unchanged = stage == task.get("stage") and len(log) == len(task.get("log", []))
        if is_unchanged and monotonic() - self._sent_at < _MESSAGE_SECONDS:
            return
        self._sent_at = monotonic()
        running = _running_state(task.get("title", ""), task.get("stages", []), stage, log)
        self.task = {**running, "text": f"{_stage_text(event) or stage}…"}

    def finish(self, transaction: Transaction, *, is_undo: bool = False) -> None:
        """Show what changed, and whether the kernel must restart to use it."""
        restart = transaction.plan.restart
        self._end(
            kind="ok",
            text=_changes_text(transaction, is_undo=is_undo),
            restart=restart_reasons(restart),
            word=restart_heading(restart),
            undo=undo_label(is_undo=is_undo) if transaction.changes else "",
            undo_id=transaction.id,
        )

    def fail(self, error: str) -> None:
        """Show a failure."""
        self._end_without_change("bad", error)

    def show_cancelled(self, text: str) -> None:
        """Show that the user cancelled the change."""
        self._end_without_change("off", text)

    def ask_restart(self, variables: Sequence[Variable], commands: str) -> None:
        """Name the variables that a restart would lose; `commands` is ipylab's registry id."""
        names = [
            f"{escape_hidden(variable.name)} ({_kind_text(variable)})"
            for variable in variables[:_MAX_VARIABLES]
        ]
        unnamed_count = len(variables) - len(names)
        self.question = {}  # so that an equal answer is sent again, too
        self.question = {"variables": names, "more": max(0, unnamed_count), "commands": commands}

    def close_view(self) -> None:
        """Close the view."""
        self.task, self.question = {}, {}

    def _add_log(self, event: Event, lines_so_far: list[str]) -> list[str]:
        """Return the log with the lines of an event, unless it repeats the last event."""
        previous, self._last_event = self._last_event, (event.stage, event.text, event.log)
        if previous == self._last_event:
            return lines_so_far
        lines = [f"    {line}" for line in event.log.splitlines()]
        if previous[:2] != self._last_event[:2] and [describe(event)] != lines_so_far[-1:]:
            lines.insert(0, describe(event))
        return [*lines_so_far, *lines][-_MAX_LOG_LINES:]

    def _end_without_change(self, kind: str, text: str) -> None:
        self._end(kind=kind, text=text, restart="", word="", undo="", undo_id="")

    def _end(self, **outcome: Any) -> None:
        end_state = {"running": False, "cancellable": False, "outcome": outcome}
        self.task = {**self.task, **end_state}


def _running_state(title: str, stages: list[str], stage: str, log: list[str]) -> dict[str, Any]:
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
    }


def _changes_text(transaction: Transaction, *, is_undo: bool) -> str:
    """Return what a change did; of many changes only their numbers, the history has the rest."""
    changes = transaction.changes
    if not changes:
        return f"{outcome_text(transaction)} There was nothing to change."
    redone = "Redone." if transaction.plan.undoes else outcome_text(transaction)
    is_long = len(changes) > _MAX_NAMED_CHANGES
    shown = changes_summary(changes) if is_long else ", ".join(map(str, changes))
    return f"{'Undone.' if is_undo else redone} {shown}."


def _kind_text(variable: Variable) -> str:
    size = format_size(variable.size)
    return f"{escape_hidden(variable.kind)}, {size}" if size else escape_hidden(variable.kind)


def _stage_text(event: Event) -> str:
    """Return the progress of an event as a text, in bytes if those are known.

    The text of the first stage is the whole plan, which only the log has room for.
    """
    if event.stage is Stage.RESOLVING:
        return _STAGES[event.stage]
    if event.stage is Stage.FETCHING and event.total:
        done_text = f"{format_size(event.done)} of " if event.done else ""
        return f"fetching {done_text}{format_size(event.total)}"
    return describe(event)
