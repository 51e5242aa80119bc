"""Whatever is sent to the server, it does not fail: 10,000 requests that are made up, a round.

`PKGWIDGETS_FUZZ` says how many rounds; four of 25,000 each were seen to pass.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import pytest
from bad_inputs import NAMES, NO_NAMES, NO_VERSIONS
from fakes import Oracle
from server import direct
from server.asking import Ask
from server.contract import Contract

from pkgwidgets.backends.installer.uv import UvInstaller
from pkgwidgets.commands.plan_request import ACTIONS
from pkgwidgets.core.errors import ResolutionFailed
from pkgwidgets.demo import Demo
from pkgwidgets.server import request_body


@pytest.fixture(autouse=True)
def _no_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the server from starting what it starts by itself."""

    async def nothing(*given: object) -> None:
        assert given

    monkeypatch.setattr("pkgwidgets.server.app.recover", nothing)


PIECES = [
    *(piece.encode("utf-8", "surrogatepass") for piece in (*NO_NAMES, *NAMES, *NO_VERSIONS[:-4])),
    *(f'"{verb}"'.encode() for verb in ACTIONS),
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
        verb = chance.choice([*ACTIONS, "plan", "version", "requirement"])
        value = b"".join(_some(chance))
        content = chance.choice([value, b'["%s"]' % value, b'"%s"' % value])
        return method, path, b'{"%s": %s}' % (verb.encode(), content)
    return method, path, b"".join(_some(chance))


def _some(chance: random.Random) -> list[bytes]:
    return chance.choices(PIECES, k=chance.randrange(6))


@pytest.fixture
def no_plans(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Keep what would be done from being done: it is asked here what is let through to that."""
    started: list[object] = []
    start = "pkgwidgets.operations.transactions.start"
    monkeypatch.setattr(start, lambda *given: started.append(given))
    return started


@pytest.mark.slow
async def test_two_thousand_random_requests_cause_no_server_error(
    ask: Ask, planted: Demo, jp_serverapp: Any, no_plans: list[Any], tree: Oracle
) -> None:
    planted.index.close()  # at once unreachable
    jp_serverapp.log.setLevel("ERROR")
    before = tree(planted.folder / "env")
    chance = random.Random(20260101)
    statuses: set[int] = set()
    for number in range(2_000):
        method, path, body = made(chance)
        kind = {"Content-Type": "application/json"} if body and method != "GET" else {}
        raw = body[: request_body.MAX_BYTES] if method != "GET" else None
        answer = await ask(method, path, raw=raw, headers=kind)
        assert answer.status != 500, (number, method, path, body)
        statuses.add(answer.status)
    assert {200, 404, 405, 422} <= statuses
    assert no_plans == []
    assert tree(planted.folder / "env") == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(int(os.environ.get("PKGWIDGETS_FUZZ", "1"))))
async def test_ten_thousand_concurrent_requests_cause_no_server_error(
    planted: Demo,
    jp_serverapp: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
    no_plans: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    tree: Oracle,
    seed: int,
) -> None:
    """One round: asked of the application itself, 32 at once, without a network."""

    def unreachable(*given: object) -> NoReturn:
        raise ResolutionFailed("there is no network")

    monkeypatch.setattr(UvInstaller, "resolve", unreachable)
    monkeypatch.setattr(UvInstaller, "dependencies", unreachable)
    planted.index.close()
    jp_serverapp.log.setLevel("ERROR")
    before = tree(planted.folder / "env")
    chance, contract = random.Random(seed), Contract(jp_base_url)
    statuses: Counter[int] = Counter()
    checked: set[tuple[str, str, int, bytes]] = set()

    async def asked(method: str, path: str, body: bytes) -> None:
        kind = {"Content-Type": "application/json"} if body and method != "GET" else {}
        uri = f"{jp_base_url}pkgwidgets/{path.partition('#')[0]}"
        sent = b"" if method == "GET" else body
        headers = {**jp_auth_header, **kind}
        answer = await direct.ask(jp_serverapp.web_app, method, uri, sent, headers)
        assert answer.status != 500, (seed, method, path, body)
        statuses[answer.status] += 1
        place = urlsplit(uri).path
        known = (method, place, answer.status, answer.body)
        if known not in checked:
            checked.add(known)
            assert contract.problems(method, place, answer) == [], (method, path, body)

    for _ in range(10_000 // 32 + 1):
        await asyncio.gather(*(asked(*made(chance)) for _ in range(32)))
    assert statuses.total() >= 10_000
    assert {200, 404, 405, 422, 502} <= statuses.keys()
    assert no_plans == []
    assert tree(planted.folder / "env") == before
