"""10,000 random requests a round cause no server error.

`PKGWIDGETS_FUZZ` sets the number of rounds; four rounds of 25,000 have passed.
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
from server import in_process
from server.client import Ask
from server.contract import Contract

from pkgwidgets.backends.installer.uv import UvInstaller
from pkgwidgets.commands.plan_request import ACTIONS
from pkgwidgets.core.errors import ResolutionFailed
from pkgwidgets.demo import Demo
from pkgwidgets.server import request_body


@pytest.fixture(autouse=True)
def _no_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the recovery that the server starts."""

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


def random_request(chance: random.Random) -> tuple[str, str, bytes]:
    """Return a random request: a method, a quoted path and a body."""
    parts = (
        "packages", "packages/updates?name=", "packages/by-name/", "packages/by-id/", "packages/",
        "packages/upgrade-all", "packages/install", "plans", "transactions", "transactions/", "",
        "openapi.json", "packages/seedshelf/upgrade",
    )  # fmt: skip
    method = chance.choice(["GET", "GET", "PUT", "POST", "DELETE", "PATCH"])
    path = chance.choice(parts) + chance.choice(
        ["", "", quote(b"".join(_random_pieces(chance)), safe="%")]
    )
    if chance.random() < 0.3:
        path += "&" if "?" in path else "?"
        path += quote(b"".join(_random_pieces(chance)), safe="%&=")
    if chance.random() < 0.5:
        verb = chance.choice([*ACTIONS, "plan", "version", "requirement"])
        value = b"".join(_random_pieces(chance))
        content = chance.choice([value, b'["%s"]' % value, b'"%s"' % value])
        return method, path, b'{"%s": %s}' % (verb.encode(), content)
    return method, path, b"".join(_random_pieces(chance))


def _random_pieces(chance: random.Random) -> list[bytes]:
    return chance.choices(PIECES, k=chance.randrange(6))


@pytest.fixture
def started_plans(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Record plans that would start, instead of starting them."""
    started: list[object] = []
    start = "pkgwidgets.operations.transactions.start"
    monkeypatch.setattr(start, lambda *given: started.append(given))
    return started


@pytest.mark.slow
async def test_two_thousand_random_requests_cause_no_server_error(
    ask: Ask, default_garden: Demo, jp_serverapp: Any, started_plans: list[Any], tree: Oracle
) -> None:
    default_garden.index.close()  # at once unreachable
    jp_serverapp.log.setLevel("ERROR")
    before = tree(default_garden.folder / "env")
    chance = random.Random(20260101)
    statuses: set[int] = set()
    for number in range(2_000):
        method, path, body = random_request(chance)
        kind = {"Content-Type": "application/json"} if body and method != "GET" else {}
        raw = body[: request_body.MAX_BYTES] if method != "GET" else None
        answer = await ask(method, path, raw=raw, headers=kind)
        assert answer.status != 500, (number, method, path, body)
        statuses.add(answer.status)
    assert {200, 404, 405, 422} <= statuses
    assert started_plans == []
    assert tree(default_garden.folder / "env") == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(int(os.environ.get("PKGWIDGETS_FUZZ", "1"))))
async def test_ten_thousand_concurrent_requests_cause_no_server_error(
    default_garden: Demo,
    jp_serverapp: Any,
    jp_auth_header: dict[str, str],
    jp_base_url: str,
    started_plans: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    tree: Oracle,
    seed: int,
) -> None:
    """One round: 32 requests at once, sent to the application without a socket."""

    def unreachable(*given: object) -> NoReturn:
        raise ResolutionFailed("there is no network")

    monkeypatch.setattr(UvInstaller, "resolve", unreachable)
    monkeypatch.setattr(UvInstaller, "dependencies", unreachable)
    default_garden.index.close()
    jp_serverapp.log.setLevel("ERROR")
    before = tree(default_garden.folder / "env")
    chance, contract = random.Random(seed), Contract(jp_base_url)
    statuses: Counter[int] = Counter()
    checked: set[tuple[str, str, int, bytes]] = set()

    async def send(method: str, path: str, body: bytes) -> None:
        kind = {"Content-Type": "application/json"} if body and method != "GET" else {}
        uri = f"{jp_base_url}pkgwidgets/{path.partition('#')[0]}"
        sent = b"" if method == "GET" else body
        headers = {**jp_auth_header, **kind}
        answer = await in_process.request(jp_serverapp.web_app, method, uri, sent, headers)
        assert answer.status != 500, (seed, method, path, body)
        statuses[answer.status] += 1
        place = urlsplit(uri).path
        known = (method, place, answer.status, answer.body)
        if known not in checked:
            checked.add(known)
            assert contract.problems(method, place, answer) == [], (method, path, body)

    for _ in range(10_000 // 32 + 1):
        await asyncio.gather(*(send(*random_request(chance)) for _ in range(32)))
    assert statuses.total() >= 10_000
    assert {200, 404, 405, 422, 502} <= statuses.keys()
    assert started_plans == []
    assert tree(default_garden.folder / "env") == before
