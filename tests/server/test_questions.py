"""Questions to the user: shown by a page, answered once, ended by time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from server.client import Ask

from pkgwidgets.server.base_handler import SETTINGS_KEY
from pkgwidgets.server.questions import EVENT_SCHEMA_ID, Questions, Reply


def questions_told_to(told: list[dict[str, Any]], **seconds: float) -> Questions:
    return Questions(told.append, **seconds)


async def asked_id(told: list[dict[str, Any]]) -> str:
    while not told:
        await asyncio.sleep(0.01)
    return str(told[0]["id"])


@pytest.mark.parametrize(("is_yes", "reply"), [(True, Reply.YES), (False, Reply.NO)])
async def test_first_answer_counts(is_yes: bool, reply: Reply) -> None:
    told: list[dict[str, Any]] = []
    questions = questions_told_to(told)
    asking = asyncio.ensure_future(questions.ask("change 1 package?", ["pea: 1 → 2"]))
    question_id = await asked_id(told)
    assert [question.title for question in questions.open()] == ["change 1 package?"]
    assert questions.note_shown(question_id)
    assert questions.answer(question_id, is_yes)
    assert not questions.answer(question_id, not is_yes)
    assert await asking is reply
    assert [event["state"] for event in told] == ["asked", "ended"]
    assert questions.open() == ()
    assert not questions.note_shown(question_id)
    assert not questions.answer(question_id, True)


async def test_question_that_no_page_shows_ends_at_once() -> None:
    told: list[dict[str, Any]] = []
    questions = questions_told_to(told, shown_seconds=0.05)
    assert await questions.ask("change 1 package?") is Reply.NOT_SHOWN


async def test_question_that_nobody_answers_ends_later() -> None:
    told: list[dict[str, Any]] = []
    questions = questions_told_to(told, shown_seconds=30.0, answer_seconds=0.05)
    asking = asyncio.ensure_future(questions.ask("change 1 package?"))
    questions.note_shown(await asked_id(told))
    assert await asking is Reply.NOT_ANSWERED


async def test_question_whose_asker_gives_up_ends() -> None:
    told: list[dict[str, Any]] = []
    questions = questions_told_to(told)
    asking = asyncio.ensure_future(questions.ask("change 1 package?"))
    await asked_id(told)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [event["state"] for event in told] == ["asked", "ended"]


async def test_page_hears_of_a_question_and_answers_over_rest(
    ask: Ask, jp_serverapp: Any, jp_ws_fetch: Callable[..., Any]
) -> None:
    questions = jp_serverapp.web_app.settings[SETTINGS_KEY].questions
    page = await jp_ws_fetch("api", "events", "subscribe")
    asking = asyncio.ensure_future(questions.ask("change 1 package?", ["pea: 1 → 2"]))
    event = json.loads(await page.read_message())
    while event["schema_id"] != EVENT_SCHEMA_ID:
        event = json.loads(await page.read_message())
    question_id = event["id"]
    (question,) = (await ask("GET", "views/questions")).json["questions"]
    assert question == {
        "id": question_id,
        "title": "change 1 package?",
        "lines": ["pea: 1 → 2"],
        "accept": "Apply",
    }
    assert (await ask("POST", f"views/questions/{question_id}", {"shown": True})).status == 200
    assert (await ask("POST", f"views/questions/{question_id}", {"answer": True})).status == 200
    assert await asking is Reply.YES
    gone = await ask("POST", f"views/questions/{question_id}", {"answer": True})
    assert (gone.status, gone.json["error"]["code"]) == (404, "question-not-found")
    page.close()


@pytest.mark.parametrize(
    "body", [{}, {"answer": "yes"}, {"shown": False}, {"shown": True, "answer": True}]
)
async def test_unclear_answers_are_refused(ask: Ask, body: dict[str, Any]) -> None:
    refused = await ask("POST", "views/questions/q", body)
    assert (refused.status, refused.json["error"]["code"]) == (422, "invalid-request")


async def test_questions_need_the_token(ask: Ask) -> None:
    assert (await ask("GET", "views/questions", token=False)).status == 403
    assert (await ask("POST", "views/questions/q", {"answer": True}, token=False)).status == 403
