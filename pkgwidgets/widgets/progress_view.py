"""Progress and outcome."""

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

from .assets import STATIC, bundle
from .package_table import Message
from .plan_view import because, word

_STAGES = {
    Stage.RESOLVING: "planned",
    Stage.FETCHING: "fetching",
    Stage.CHECKING: "checking",
    Stage.SAVING: "saving",
    Stage.INSTALLING: "installing",
    Stage.VERIFYING: "verifying",
}
_MESSAGE_SECONDS = 0.1
"""Seconds between two messages to the browser, at least."""
_MAX_VARIABLES = 6
"""Variables that are named before a restart; of the others only their number."""
_MAX_LOG_LINES = 400
"""Lines of the log that are shown; the history has all."""


class ProgressView(anywidget.AnyWidget):
    """Shows what is being done and what became of it; sends cancel, undo, close or variables.

    `question` is what a restart would lose; `kernel` is the id by which the server knows this one.
    """

    _esm = bundle("progress_view")
    _css = STATIC / "panel.css"

    task = traitlets.Dict().tag(sync=True)
    question = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Unicode().tag(sync=True)
    home = traitlets.Unicode().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self._sent = 0.0
        self._told: tuple[Stage | None, str, str] = (None, "", "")
        self.on_msg(lambda _, message, __: on_message(message))

    def begin(self, title: str) -> None:
        """Show that work has begun."""
        stages = list(_STAGES.values())
        self._told = (None, "", "")
        self.question = {}
        self.task = _running(title, stages, stages[0], log=[])

    def follow(self, event: Event) -> None:
        """Show an event; the same stage again only now and then."""
        task, stage = self.task, _STAGES.get(event.stage, self.task.get("stage", ""))
        log = self._log(event, task.get("log", []))
        same = stage == task.get("stage") and len(log) == len(task.get("log", []))
        if same and monotonic() - self._sent < _MESSAGE_SECONDS:
            return
        self._sent = monotonic()
        running = _running(task.get("title", ""), task.get("stages", []), stage, log)
        self.task = {**running, "text": f"{_stage_text(event) or stage}…"}

    def finish(self, transaction: Transaction) -> None:
        """Say what really changed, and whether the kernel must restart to use it."""
        restart = transaction.plan.restart
        changes = ", ".join(map(str, transaction.changes))
        self._end(
            kind="ok",
            text=f"{changes}." if changes else "Nothing had to be changed.",
            restart=because(restart),
            word=word(restart),
            undo=bool(transaction.changes),
            undo_id=transaction.id,
        )

    def fail(self, error: str) -> None:
        """Say what went wrong."""
        self._end_without("bad", error)

    def call_off(self, text: str) -> None:
        """Say that it ended because the user wished so."""
        self._end_without("off", text)

    def ask(self, variables: Sequence[Variable], commands: str) -> None:
        """Name what a restart would lose; `commands` is the model that reaches the page's own."""
        named = [f"{escape_hidden(v.name)} ({_kind(v)})" for v in variables[:_MAX_VARIABLES]]
        more = len(variables) - len(named)
        self.question = {}  # so that the same answer to the next question is news, too
        self.question = {"variables": named, "more": max(0, more), "commands": commands}

    def close_view(self) -> None:
        """Show nothing."""
        self.task, self.question = {}, {}

    def _log(self, event: Event, known: list[str]) -> list[str]:
        """Add what an event tells, unless it is a sign of life that tells nothing new."""
        previous, self._told = self._told, (event.stage, event.text, event.log)
        if previous == self._told:
            return known
        lines = [f"    {line}" for line in event.log.splitlines()]
        if previous[:2] != self._told[:2] and [describe(event)] != known[-1:]:
            lines.insert(0, describe(event))
        return [*known, *lines][-_MAX_LOG_LINES:]

    def _end_without(self, kind: str, text: str) -> None:
        self._end(kind=kind, text=text, restart="", word="", undo=False, undo_id="")

    def _end(self, **outcome: Any) -> None:
        ended = {"running": False, "cancellable": False, "outcome": outcome}
        self.task = {**self.task, **ended}


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
    }


def _kind(variable: Variable) -> str:
    known = format_size(variable.size)
    return f"{escape_hidden(variable.kind)}, {known}" if known else escape_hidden(variable.kind)


def _stage_text(event: Event) -> str:
    """Say how far it is, where that is known in bytes."""
    if event.stage is Stage.FETCHING and event.total:
        done = f"{format_size(event.done)} of " if event.done else ""
        return f"fetching {done}{format_size(event.total)}"
    return describe(event)
