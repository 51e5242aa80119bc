"""What is no name, version, requirement or body is refused before anything is started or sent."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from fakes import Oracle
from server.asking import Ask
from unit.test_bad_input import NAMES, NO_NAMES, NO_VERSIONS

from pkgwidgets.backends import interpreter, process
from pkgwidgets.demo import Demo
from pkgwidgets.server import bodies
from pkgwidgets.server.wishes import VERBS

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
    "a list to install": b'{"install": ["a"]}',
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
    """Keep the server from starting what it starts by itself."""

    async def nothing(*given: object) -> None:
        assert given

    monkeypatch.setattr("pkgwidgets.server.app.recover", nothing)


@pytest.fixture
def quiet(
    ask: Ask, planted: Demo, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Check that from now on nothing is started, nothing asked and nothing changed."""
    interpreter.describe(planted.python)  # which environment it is may be known
    before = tree(planted.folder / "env")
    started: list[object] = []
    monkeypatch.setattr(process, "run", lambda argv, **more: started.append(argv))
    monkeypatch.setattr(process, "start", lambda argv, **more: started.append(argv))

    def check() -> None:
        assert started == []
        assert planted.index.requests == []
        assert tree(planted.folder / "env") == before

    return check


@pytest.mark.parametrize("name", NO_NAMES, ids=lambda name: ascii(name)[:40])
async def test_no_name(ask: Ask, quiet: Callable[[], None], name: str) -> None:
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
        assert (answer.status, answer.code) == (422, "invalid-request"), path
        assert answer.json["error"]["hint"] == "Nothing was done."
    quiet()


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_is_not_installed(ask: Ask, name: str) -> None:
    for path in (f"packages/by-name/{name}", f"packages/updates?name={name}"):
        answer = await ask("GET", path)
        assert (answer.status, answer.code) == (404, "package-not-found")
    assert (await ask("DELETE", f"packages/{name}")).status == 404


@pytest.mark.parametrize("version", NO_VERSIONS, ids=lambda text: ascii(text)[:40])
async def test_no_version(ask: Ask, quiet: Callable[[], None], version: str) -> None:
    for method, path, body in (
        ("PUT", "packages/seedshelf/upgrade", {"version": version}),
        ("POST", "plans", {"upgrade": ["seedshelf"], "version": version}),
    ):
        answer = await ask(method, path, body)
        assert (answer.status, answer.code) == (422, "invalid-request")
    quiet()


@pytest.mark.parametrize("text", NO_REQUIREMENTS, ids=lambda text: ascii(text)[:40])
async def test_no_requirement(ask: Ask, quiet: Callable[[], None], text: str) -> None:
    for path, field in (("packages/install", "requirement"), ("plans", "install")):
        answer = await ask("POST", path, {field: text})
        assert (answer.status, answer.code) == (422, "invalid-request"), text
    quiet()


@pytest.mark.parametrize("body", NO_BODIES.values(), ids=NO_BODIES)
async def test_no_body(ask: Ask, quiet: Callable[[], None], body: bytes) -> None:
    kind = {"Content-Type": "application/json"}
    answer = await ask("POST", "plans", raw=body, headers=kind)
    assert (answer.status, answer.code) == (422, "invalid-request")
    assert "Traceback" not in answer.body.decode()
    quiet()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("packages/install", {}),
        ("packages/install", {"requirement": "a", "plan": "b"}),
        ("packages/install", {"plan": "a" * 32, "allow": "all"}),
        ("packages/install", {"requirement": ["a"]}),
        ("packages/install", {"upgrade": "all"}),
        ("transactions/20260101T000000000000-abcdef/undo", {"plan": 1}),
    ],
)
async def test_no_body_of_another_route(
    ask: Ask, quiet: Callable[[], None], path: str, body: object
) -> None:
    answer = await ask("POST", path, body)
    assert (answer.status, answer.code) == (422, "invalid-request")
    quiet()


@pytest.mark.parametrize("plan", ["", "a" * 32, "../plan.json", "0" * 60_000, "\ud800"])
async def test_a_plan_that_is_none(ask: Ask, quiet: Callable[[], None], plan: str) -> None:
    for method, path in (
        ("PUT", "packages/seedshelf/upgrade"),
        ("PUT", "packages/upgrade-all"),
        ("POST", "packages/install"),
        ("DELETE", "packages/seedshelf"),
    ):
        answer = await ask(method, path, {"plan": plan})
        assert (answer.status, answer.code) == (404, "plan-not-found")
        assert len(answer.body) < 2000
    quiet()


PIECES = [
    *(piece.encode("utf-8", "surrogatepass") for piece in (*NO_NAMES, *NAMES, *NO_VERSIONS[:-4])),
    *(f'"{verb}"'.encode() for verb in VERBS),
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\u0000", b"\\ud800", b"null", b"true", b"1e999",
    b"-0", b"NaN", b"all", b"last", b"version", b"plan", b"seedshelf", b"%00", b"%2e%2e%2f", b"/",
    b"?", b"&", b"=", b"#", b"%", b"%zz", b"\xff\xfe", b"kernel=", b"kernelspec=", b"name=",
    b"check_updates=",
]  # fmt: skip


def made(chance: random.Random) -> tuple[str, str, bytes]:
    """Make up a request: a method, a path as it is sent, and a body."""
    parts = (
        "packages", "packages/updates?name=", "packages/by-name/", "packages/by-id/", "packages/",
        "packages/upgrade-all", "packages/install", "plans", "transactions", "transactions/", "",
        "openapi.json", "packages/seedshelf/upgrade",
    )  # fmt: skip
    method = chance.choice(["GET", "GET", "PUT", "POST", "DELETE", "PATCH"])
    path = chance.choice(parts) + chance.choice(["", "", quote(b"".join(_some(chance)), safe="%")])
    if chance.random() < 0.3:
        path += "&" if "?" in path else "?"
        path += quote(b"".join(_some(chance)), safe="%&=")
    if chance.random() < 0.5:
        verb = chance.choice([*VERBS, "plan", "version", "requirement"])
        value = b"".join(_some(chance))
        said = chance.choice([value, b'["%s"]' % value, b'"%s"' % value])
        return method, path, b'{"%s": %s}' % (verb.encode(), said)
    return method, path, b"".join(_some(chance))


def _some(chance: random.Random) -> list[bytes]:
    return chance.choices(PIECES, k=chance.randrange(6))


@pytest.fixture
def no_plans(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Keep what would be done from being done: it is asked here what is let through to that."""
    started: list[object] = []
    start = "pkgwidgets.operations.transaction.start"
    monkeypatch.setattr(start, lambda *given: started.append(given))
    return started


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_whatever_is_sent_the_server_does_not_fail(
    ask: Ask,
    planted: Demo,
    jp_serverapp: Any,
    no_plans: list[Any],
    tree: Oracle,
    count: int,
) -> None:
    planted.index.close()  # at once unreachable
    jp_serverapp.log.setLevel("ERROR")
    before = tree(planted.folder / "env")
    chance = random.Random(20260101)
    answers: dict[int, int] = {}
    for number in range(count):
        method, path, body = made(chance)
        kind = {"Content-Type": "application/json"} if body and method != "GET" else {}
        raw = body[: bodies.MOST] if method != "GET" else None
        answer = await ask(method, path, raw=raw, headers=kind)
        assert answer.status != 500, (number, method, path, body)
        answers[answer.status] = answers.get(answer.status, 0) + 1
    assert {200, 404, 405, 422} <= answers.keys()
    assert no_plans == []
    assert tree(planted.folder / "env") == before
