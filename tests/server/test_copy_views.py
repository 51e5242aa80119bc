"""The routes of the form that makes a copy, and of the mark of a copy."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from server.client import Ask, Spec, kernel

from pkgwidgets.backends.environment import permissions
from pkgwidgets.demo import Demo


def environments() -> Path:
    """Return the folder of the copies."""
    return Path(os.environ["XDG_DATA_HOME"]) / "pkgwidgets" / "environments"


async def made_copy(ask: Ask, name: str, kernel_name: object) -> dict[str, Any]:
    """Plan and make a copy as the form does; return its last look."""
    planned = (await ask("POST", "views/copies", {"name": name})).json
    assert "11 packages" in planned["plan"]["text"]
    assert planned["plan"]["left_out"] == []
    begun = await ask("POST", f"views/copies/{planned['id']}", {"kernel": kernel_name})
    assert begun.status == 202
    again = await ask("POST", f"views/copies/{planned['id']}", {})
    assert again.code == "plan-not-found"
    for _ in range(600):
        look: dict[str, Any] = (await ask("GET", f"views/copies/{begun.json['id']}")).json
        if not look["running"]:
            return look
        await asyncio.sleep(0.1)
    raise AssertionError(begun.json)


@pytest.mark.parametrize(("asking", "way_back"), [("garden", "garden"), ("../x", "")])
async def test_copy_is_made_marked_and_kept(
    ask: Ask, write_spec: Spec, asking: object, way_back: str
) -> None:
    assert (await ask("GET", "views/copy")).json["name"] == "env-1"
    look = await made_copy(ask, "env-1", asking)
    assert (look["error"], look["made"]["name"]) == ("", "env-1")
    assert (await ask("GET", "views/copy")).json["name"] == "env-2"
    write_spec("mine", *kernel(environments() / "env-1" / "bin" / "python"))
    here = (await ask("GET", "views/packages?kernelspec=mine")).json["header"]["copy"]
    assert here["text"].startswith("This is env-1, a copy of ")
    assert (here["kept"], here["kernel"]) == (False, way_back)
    assert (await ask("GET", "views/packages")).json["header"]["copy"] == {}
    kept = await ask("PUT", "views/copy?kernelspec=mine", {"kept": True})
    assert kept.json["kept"] is True
    again = (await ask("GET", "views/packages?kernelspec=mine")).json["header"]["copy"]
    assert again == {**here, "kept": True}


async def test_environment_that_others_may_change_is_said_to_be_shared(
    ask: Ask, default_garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permissions, "_may_reach", lambda folder, group: True)
    assert (await ask("GET", "views/packages")).json["header"]["shared"] == ""
    default_garden.site_packages.chmod(0o777)
    shared = (await ask("GET", "views/packages")).json["header"]["shared"]
    assert shared == "Every user may change this environment, too."


async def test_environment_that_is_no_copy_cannot_be_kept(ask: Ask) -> None:
    answer = await ask("PUT", "views/copy", {"kept": True})
    assert (answer.status, answer.code) == (422, "invalid-request")


@pytest.mark.parametrize("body", [{}, {"name": "../x"}, {"name": 3}, {"folder": "/tmp"}])
async def test_invalid_name_is_refused(ask: Ask, body: object) -> None:
    answer = await ask("POST", "views/copies", body)
    assert (answer.status, answer.code) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "views/copy"),
        ("PUT", "views/copy"),
        ("POST", "views/copies"),
        ("POST", "views/copies/x"),
        ("GET", "views/copies/x"),
        ("DELETE", "views/copies/x"),
    ],
)
async def test_nothing_is_done_without_a_token(ask: Ask, method: str, path: str) -> None:
    answer = await ask(method, path, token=False)
    assert (answer.status, answer.code) == (403, "request-refused")


async def test_state_names_the_last_committed_change_and_the_environment(
    ask: Ask, default_garden: Demo
) -> None:
    before = (await ask("GET", "views/state")).json
    assert before["committed"] == ""
    done = await ask("PUT", "packages/seedshelf/upgrade")
    after = (await ask("GET", "views/state")).json
    assert after["committed"] == done.json["transaction"]["id"]
    assert (after["environment"], after["running"]) == (before["environment"], None)
