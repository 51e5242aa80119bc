"""Invalid names, versions, requirements and bodies are refused without any side effect."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from bad_inputs import NAMES, NO_NAMES, NO_VERSIONS
from fakes import Oracle
from server.client import Ask

from pkgwidgets.backends.environment import interpreter
from pkgwidgets.backends.processes import process
from pkgwidgets.demo import Demo

NO_REQUIREMENTS = [*NO_NAMES, "x @ file:///etc/passwd", "a>=1 --pre", "a[", "a===b c", "a>=latest"]

NO_BODIES = {
    "empty": b"",
    "spaces": b"  ",
    "list": b"[]",
    "text": b'"upgrade"',
    "null": b"null",
    "number": b"1",
    "object without a verb": b"{}",
    "two verbs": b'{"upgrade": "all", "undo": "last"}',
    "a verb twice": b'{"upgrade": ["a"], "upgrade": "all"}',
    "an unknown field": b'{"upgrade": "all", "index_url": "http://host.invalid/"}',
    "a path": b'{"upgrade": "all", "python": "/usr/bin/python3"}',
    "depth 1000": b'{"upgrade":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "depth 30000": b"[" * 30000,
    "cut off": b'{"upgrade": ["seedshelf"',
    "NaN": b'{"upgrade": NaN}',
    "a number of 5000 digits": b'{"upgrade": ' + b"1" * 5000 + b"}",
    "no UTF-8": b'{"upgrade": "\xff"}',
    "UTF-16": '{"upgrade": "all"}'.encode("utf-16"),
    "a lone surrogate": b'{"upgrade": ["\\ud800"]}',
    "no names": b'{"upgrade": []}',
    "a name that is no text": b'{"upgrade": [1]}',
    "names in a text": b'{"upgrade": "seedshelf"}',
    "nothing to install": b'{"install": ""}',
    "no list to install": b'{"install": []}',
    "lists to install": b'{"install": [["a"]]}',
    "a bad one of several to install": b'{"install": ["a", "../x"]}',
    "a version that is no text": b'{"upgrade": ["seedshelf"], "version": 1}',
    "a version of two": b'{"upgrade": ["seedshelf", "frostcall"], "version": "1"}',
    "a version of all": b'{"upgrade": "all", "version": "1"}',
    "a version to install": b'{"install": "seedshelf", "version": "1"}',
    "a reach that is none": b'{"upgrade": "all", "allow": "everything"}',
    "a reach of a removal": b'{"uninstall": ["seedshelf"], "allow": "all"}',
    "prototype": b'{"__proto__": {"upgrade": "all"}}',
}


@pytest.fixture(autouse=True)
def _no_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the recovery that the server starts."""

    async def nothing(*given: object) -> None:
        assert given

    monkeypatch.setattr("pkgwidgets.server.app.recover", nothing)


@pytest.fixture
def check_nothing_done(
    ask: Ask, default_garden: Demo, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Check that no process is started, no request sent and nothing changed."""
    interpreter.describe(default_garden.python)  # which environment it is may be known
    before = tree(default_garden.folder / "env")
    started: list[object] = []
    monkeypatch.setattr(process, "run", lambda argv, **more: started.append(argv))
    monkeypatch.setattr(process, "start", lambda argv, **more: started.append(argv))

    def check() -> None:
        assert started == []
        assert default_garden.index.requests == []
        assert tree(default_garden.folder / "env") == before

    return check


async def test_invalid_name_is_refused(ask: Ask, check_nothing_done: Callable[[], None]) -> None:
    for name in NO_NAMES:
        part = quote(name, safe="")
        for method, path, body in (
            ("GET", f"packages/by-name/{part}", None),
            ("GET", f"packages/by-id/{part}?check_updates=true", None),
            ("GET", f"packages/updates?name={part}", None),
            ("PUT", f"packages/{part}/upgrade", {}),
            ("DELETE", f"packages/{part}", None),
            ("POST", "plans", {"upgrade": [name]}),
            ("POST", "plans", {"upgrade": ["seedshelf", name]}),
            ("POST", "plans", {"uninstall": [name]}),
        ):
            answer = await ask(method, path, body)
            assert (answer.status, answer.code) == (422, "invalid-request"), (path, name)
            assert answer.json["error"]["hint"] == "Nothing was changed."
    check_nothing_done()


async def test_name_that_is_not_installed_is_404(ask: Ask) -> None:
    for name in NAMES:
        for path in (f"packages/by-name/{name}", f"packages/updates?name={name}"):
            answer = await ask("GET", path)
            assert (answer.status, answer.code) == (404, "package-not-found"), (path, name)
        assert (await ask("DELETE", f"packages/{name}")).status == 404


async def test_invalid_version_is_refused(ask: Ask, check_nothing_done: Callable[[], None]) -> None:
    for version in NO_VERSIONS:
        for method, path, body in (
            ("PUT", "packages/seedshelf/upgrade", {"version": version}),
            ("POST", "plans", {"upgrade": ["seedshelf"], "version": version}),
        ):
            answer = await ask(method, path, body)
            assert (answer.status, answer.code) == (422, "invalid-request"), (path, version)
    check_nothing_done()


async def test_invalid_requirement_is_refused(
    ask: Ask, check_nothing_done: Callable[[], None]
) -> None:
    for text in NO_REQUIREMENTS:
        for path, field in (("packages/install", "requirement"), ("plans", "install")):
            answer = await ask("POST", path, {field: text})
            assert (answer.status, answer.code) == (422, "invalid-request"), (path, text)
    check_nothing_done()


async def test_invalid_body_is_refused(ask: Ask, check_nothing_done: Callable[[], None]) -> None:
    for name, body in NO_BODIES.items():
        kind = {"Content-Type": "application/json"}
        answer = await ask("POST", "plans", raw=body, headers=kind)
        assert (answer.status, answer.code) == (422, "invalid-request"), name
        assert "Traceback" not in answer.body.decode()
    check_nothing_done()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("packages/install", {}),
        ("packages/install", {"requirement": "a", "plan": "b"}),
        ("packages/install", {"plan": "a" * 32, "allow": "all"}),
        ("packages/install", {"requirement": []}),
        ("packages/install", {"requirement": ["a", 1]}),
        ("packages/install", {"requirement": ["a", "-e ."]}),
        ("packages/install", {"upgrade": "all"}),
        ("transactions/20260101T000000000000-abcdef/undo", {"plan": 1}),
    ],
)
async def test_body_with_wrong_fields_is_refused(
    ask: Ask, check_nothing_done: Callable[[], None], path: str, body: object
) -> None:
    answer = await ask("POST", path, body)
    assert (answer.status, answer.code) == (422, "invalid-request")
    check_nothing_done()


async def test_unknown_plan_id_is_404(ask: Ask, check_nothing_done: Callable[[], None]) -> None:
    for plan in ("", "a" * 32, "../plan.json", "0" * 60_000, "\ud800"):
        for method, path in (
            ("PUT", "packages/seedshelf/upgrade"),
            ("PUT", "packages/upgrade-all"),
            ("POST", "packages/install"),
            ("DELETE", "packages/seedshelf"),
        ):
            answer = await ask(method, path, {"plan": plan})
            assert (answer.status, answer.code) == (404, "plan-not-found"), (path, plan[:40])
            assert len(answer.body) < 2000
    check_nothing_done()
