"""Questions to the users who have JupyterLab open, such as whether an agent may apply a plan.

An event of the server tells every open page that there is a question; the page reads it, shows it
and sends the answer. Source: https://jupyter-server.readthedocs.io/en/latest/operators/events.html.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

EVENT_SCHEMA_ID = "https://pkgwidgets.invalid/events/question"
"""The id of the event; `.invalid` is no address (RFC 2606)."""
EVENT_SCHEMA = {
    "$id": EVENT_SCHEMA_ID,
    "version": "1",
    "title": "A question of pkgwidgets",
    "description": "A question to the user was asked, or has ended. The route questions has it.",
    "personal-data": False,
    "type": "object",
    "properties": {
        "id": {"title": "The id of the question", "type": "string"},
        "state": {
            "title": "The state of the question",
            "type": "string",
            "enum": ["asked", "ended"],
        },
    },
    "required": ["id", "state"],
}
"""The event. It has no text of the question: events may be logged."""


class Reply(StrEnum):
    """The outcome of a question."""

    YES = "yes"
    NO = "no"
    NOT_ANSWERED = "not answered"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question, and what the one who answers must know."""

    id: str
    title: str
    lines: Sequence[str] = ()
    accept: str = "Apply"
    """The label of the button that says yes."""


@dataclass(slots=True)
class _OpenQuestion:
    question: Question
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Questions:
    """The open questions of one server. All methods run in its event loop."""

    def __init__(
        self,
        announce: Callable[[dict[str, Any]], None],
        *,
        shown_seconds: float = 5.0,
        answer_seconds: float = 120.0,
    ) -> None:
        """Announce questions with `announce`.

        A page must show a question within `shown_seconds`, and the answer must follow within
        `answer_seconds`.
        """
        self._announce = announce
        self._shown_seconds = shown_seconds
        self._answer_seconds = answer_seconds
        self._asked: dict[str, _OpenQuestion] = {}

    async def ask(self, title: str, lines: Sequence[str] = (), accept: str = "Apply") -> Reply:
        """Ask, and return the outcome."""
        question = Question(id=secrets.token_hex(16), title=title, lines=lines, accept=accept)
        asked = self._asked[question.id] = _OpenQuestion(question)
        self._announce({"id": question.id, "state": "asked"})
        try:
            async with asyncio.timeout(self._shown_seconds):
                await asked.shown.wait()
            async with asyncio.timeout(self._answer_seconds):
                return Reply.YES if await asked.answered else Reply.NO
        except TimeoutError:
            return Reply.NOT_ANSWERED if asked.shown.is_set() else Reply.NOT_SHOWN
        finally:
            del self._asked[question.id]
            self._announce({"id": question.id, "state": "ended"})

    def open(self) -> tuple[Question, ...]:
        """Return the questions that wait for an answer, the oldest first."""
        return tuple(asked.question for asked in self._asked.values())

    def note_shown(self, question_id: str) -> bool:
        """Note that a page shows a question; False if it is not open."""
        asked = self._asked.get(question_id)
        if asked is not None:
            asked.shown.set()
        return asked is not None

    def answer(self, question_id: str, is_yes: bool) -> bool:
        """Take the first answer to a question; False if it is not open, or already answered."""
        asked = self._asked.get(question_id)
        if asked is None or asked.answered.done():
            return False
        asked.shown.set()
        asked.answered.set_result(is_yes)
        return True
