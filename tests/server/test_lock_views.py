"""The routes of the side bar's line about the lock of an open notebook."""

from __future__ import annotations

import json

import pytest
from server.client import Ask

from pkgwidgets.core.notebook_lock import read_notebook_lock

SAVED = "seedshelf==1.4.2\nbeanpoles==1.1.0\n"


async def test_lock_is_what_a_notebook_holds(ask: Ask) -> None:
    answer = await ask("GET", "views/lock")
    assert answer.status == 200
    content = {"cells": [], "metadata": {"pkgwidgets": {"lock": answer.json["lock"]}}}
    lock = read_notebook_lock(json.dumps(content), "story.ipynb")
    assert len(lock.packages) == 11
    assert answer.json["notes"] == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SAVED, "1 of 2 packages differs from those this notebook was saved with."),
        ("seedshelf==1.4.2\nrake==1\n", "2 of 2 packages differ from those this notebook was"),
        ("beanpoles==1.1.0\n", ""),
    ],
)
async def test_drift_is_a_sentence(ask: Ask, text: str, sentence: str) -> None:
    answer = await ask("POST", "views/drift", {"text": text})
    assert answer.status == 200
    assert answer.json["text"].startswith(sentence)
    assert bool(answer.json["text"]) == bool(sentence)


async def test_lock_of_the_page_is_planned_as_a_restore(ask: Ask) -> None:
    plan = (await ask("POST", "views/plans", {"restore": {"text": SAVED}})).json["plan"]
    assert plan["title"] == "Restore packages"
    assert "1.4.2" in json.dumps(plan)


@pytest.mark.parametrize(("method", "path"), [("GET", "views/lock"), ("POST", "views/drift")])
async def test_nothing_is_shown_without_a_token(ask: Ask, method: str, path: str) -> None:
    answer = await ask(method, path, token=False)
    assert (answer.status, answer.code) == (403, "request-refused")


@pytest.mark.parametrize("body", [{}, {"text": 3}, {"path": "/etc/passwd"}])
async def test_request_without_a_lock_is_refused(ask: Ask, body: object) -> None:
    answer = await ask("POST", "views/drift", body)
    assert (answer.status, answer.code) == (422, "invalid-request")
