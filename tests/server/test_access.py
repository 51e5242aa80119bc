"""Unauthorized requests are refused on every route, and nothing is changed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from fakes import Oracle
from jupyter_server.auth import Authorizer
from server.client import Ask
from server.contract import Answer, Contract

from pkgwidgets.demo import Demo
from pkgwidgets.server import request_body

PARAMETERS = {"{name}": "seedshelf", "{id}": "20260101T000000000000-abcdef"}
BODIES: dict[str, object] = {
    "drift": {"text": "seedshelf==1.4.1\n"},
    "plan": {"upgrade": ["seedshelf"]},
    "installPackage": {"requirement": "seedshelf==1.4.2"},
}
"""The bodies of operations that would succeed; other operations need none."""

UNKNOWN_ID = {"getTransaction": 404, "getOperation": 404, "getEnvironment": 422}
"""Operations whose id in `PARAMETERS` does not exist."""


def operations() -> list[tuple[str, str, str]]:
    """Return method, path and operation id of every operation in the contract."""
    return [
        (verb.upper(), _fill_parameters(path.removeprefix("/")), operation["operationId"])
        for path, methods in Contract().document["paths"].items()
        for verb, operation in methods.items()
    ]


def _fill_parameters(path: str) -> str:
    for part, value in {**PARAMETERS, "by-id/{id}": "by-id/seedshelf"}.items():
        path = path.replace("by-id/{id}", "by-id/seedshelf") if "by-id" in path else path
        path = path.replace(part, value)
    return path


READS = [
    operation
    for operation in operations()
    if operation[0] == "GET" or operation[2] in ("plan", "drift")
]
CHANGES = [operation for operation in operations() if operation not in READS]
WITH_BODIES = [operation for operation in operations() if operation[2] in Contract().bodies()]
every_operation = pytest.mark.parametrize(
    ("method", "path", "operation_id"), operations(), ids=lambda value: value
)
every_change = pytest.mark.parametrize(
    ("method", "path", "operation_id"), CHANGES, ids=lambda value: value
)
every_body = pytest.mark.parametrize(
    ("method", "path", "operation_id"), WITH_BODIES, ids=lambda value: value
)


@pytest.fixture
def check_refused(default_garden: Demo, tree: Oracle) -> Callable[[Answer], None]:
    """Check that an answer is a refusal with a hint, and that nothing was changed."""
    before = tree(default_garden.folder / "env")

    def check(answer: Answer) -> None:
        error = answer.json["error"]
        assert answer.json["success"] is False
        assert {"code", "message", "hint"} <= error.keys()
        assert error["message"]
        assert error["hint"]
        assert b"Traceback" not in answer.body
        assert tree(default_garden.folder / "env") == before
        assert not (default_garden.folder / "env" / ".pkgwidgets" / "txn").exists()
        assert default_garden.index.requests == []

    return check


class Cookies:
    """The headers that a logged-in browser sends."""

    def __init__(self, jar: SimpleCookie) -> None:
        self._jar = jar

    def headers(self, *, xsrf: bool = True, **more: str) -> dict[str, str]:
        sent = {"Cookie": "; ".join(f"{name}={m.coded_value}" for name, m in self._jar.items())}
        token = {"X-XSRFToken": self._jar["_xsrf"].value} if xsrf else {}
        return {**sent, **token, **more}


Login = Callable[[], AbstractAsyncContextManager[Cookies]]


@pytest.fixture
def login(http_server_client: Any, jp_base_url: str, jp_serverapp: Any) -> Login:
    """Log in as a browser does, with the server's token."""
    secret = jp_serverapp.identity_provider.token
    return partial(_login, http_server_client, jp_base_url, secret)


@asynccontextmanager
async def _login(client: Any, base: str, token: str) -> AsyncIterator[Cookies]:
    page = await client.fetch(f"{base}login")
    jar: SimpleCookie = SimpleCookie()
    for line in page.headers.get_list("Set-Cookie"):
        jar.load(line)
    form = {"_xsrf": jar["_xsrf"].value, "password": token}
    answer = await client.fetch(
        f"{base}login",
        method="POST",
        body=urlencode(form),
        headers={"Cookie": f"_xsrf={jar['_xsrf'].value}"},
        follow_redirects=False,
        raise_error=False,
    )
    for line in answer.headers.get_list("Set-Cookie"):
        jar.load(line)
    yield Cookies(jar)


@every_operation
async def test_request_without_a_token_is_refused(
    ask: Ask, check_refused: Callable[[Answer], None], method: str, path: str, operation_id: str
) -> None:
    for headers in ({}, {"Authorization": "token wrong"}, {"Authorization": "Basic eDp5"}):
        answer = await ask(method, path, BODIES.get(operation_id, {}), headers=headers, token=False)
        assert answer.status == 403
        check_refused(answer)
    answer = await ask(method, f"{path}?token=wrong", BODIES.get(operation_id, {}), token=False)
    assert answer.status == 403
    check_refused(answer)


@every_change
async def test_browser_request_without_xsrf_token_is_refused(
    ask: Ask,
    check_refused: Callable[[Answer], None],
    login: Login,
    method: str,
    path: str,
    operation_id: str,
) -> None:
    async with login() as cookies:
        known = await ask("GET", "openapi.json", headers=cookies.headers(xsrf=False), token=False)
        assert known.status == 200
        for headers in (
            cookies.headers(xsrf=False),
            cookies.headers(xsrf=False, **{"X-XSRFToken": "2|wrong"}),
            cookies.headers(Origin="https://host.invalid"),
        ):
            answer = await ask(
                method, path, BODIES.get(operation_id, {}), headers=headers, token=False
            )
            assert answer.status in (403, 404)
            assert answer.code == "request-refused"
            check_refused(answer)


async def test_browser_request_with_xsrf_token_can_change_packages(ask: Ask, login: Login) -> None:
    async with login() as cookies:
        shown = await ask(
            "POST", "plans", {"upgrade": ["seedshelf"]}, headers=cookies.headers(), token=False
        )
        plan = {"plan": shown.json["plan"]["id"]}
        other = await ask("PUT", "packages/seedshelf/upgrade", plan)
        assert (other.status, other.code) == (404, "plan-not-found")
        answer = await ask(
            "PUT", "packages/seedshelf/upgrade", plan, headers=cookies.headers(), token=False
        )
        assert answer.json["package"]["version"] == "1.4.2"


@pytest.mark.parametrize(("method", "path", "operation_id"), READS, ids=lambda value: value)
async def test_request_from_another_origin_is_refused(
    ask: Ask,
    check_refused: Callable[[Answer], None],
    login: Login,
    method: str,
    path: str,
    operation_id: str,
) -> None:
    async with login() as cookies:
        headers = cookies.headers(Origin="https://host.invalid")
        answer = await ask(method, path, BODIES.get(operation_id), headers=headers, token=False)
        assert answer.status == 404
        check_refused(answer)


@every_change
async def test_other_http_methods_are_refused(
    ask: Ask, check_refused: Callable[[Answer], None], method: str, path: str, operation_id: str
) -> None:
    for other in {"GET", "PUT", "POST", "DELETE", "PATCH"} - {method}:
        if any((other, path) == operation[:2] for operation in operations()):
            continue
        override = {"X-HTTP-Method-Override": method, "X-Method-Override": method}
        answer = await ask(other, path, BODIES.get(operation_id, {}), headers=override)
        assert answer.status == 405 or (path.startswith("packages/") and answer.status == 404)
        if answer.status == 405:
            assert method in answer.headers["Allow"]
        check_refused(answer)


@every_body
async def test_body_of_another_content_type_is_refused(
    ask: Ask, check_refused: Callable[[Answer], None], method: str, path: str, operation_id: str
) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";"):
        answer = await ask(method, path, raw=b'{"upgrade":"all"}', headers={"Content-Type": kind})
        assert answer.status == 415
        check_refused(answer)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await ask(method, path, raw=b"--x--\r\n", headers=form)
    assert answer.status == 415
    check_refused(answer)


@every_operation
async def test_too_large_body_is_refused(
    ask: Ask, check_refused: Callable[[Answer], None], method: str, path: str, operation_id: str
) -> None:
    large = b" " * (request_body.MAX_BYTES + 1024)
    answer = await ask(method, path, raw=large, headers={"Content-Type": "application/json"})
    assert answer.status == 413
    check_refused(answer)


class ReadOnly(Authorizer):
    """Allow only read access."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return (action, resource) == ("read", "pkgwidgets")


class NoAccess(Authorizer):
    """Allow everything except pkgwidgets."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "pkgwidgets"


@pytest.fixture
def jp_server_config(
    jp_server_config: dict[str, Any], request: pytest.FixtureRequest
) -> dict[str, Any]:
    marker = request.node.get_closest_marker("parametrize")
    kind = request.node.callspec.params.get("authorizer") if marker is not None else None
    if kind is not None:
        jp_server_config["ServerApp"]["authorizer_class"] = kind
    return jp_server_config


@pytest.mark.parametrize("authorizer", [ReadOnly])
async def test_read_only_user_cannot_change_anything(
    ask: Ask, check_refused: Callable[[Answer], None], authorizer: type
) -> None:
    for method, path, operation_id in CHANGES:
        answer = await ask(method, path, BODIES.get(operation_id, {}))
        assert answer.status == 403, operation_id
        assert "not authorized to execute" in answer.json["error"]["message"]
        check_refused(answer)
    for method, path, operation_id in READS:
        answer = await ask(method, path, BODIES.get(operation_id))
        assert answer.status == UNKNOWN_ID.get(operation_id, 200), operation_id


@pytest.mark.parametrize("authorizer", [NoAccess])
async def test_unauthorized_user_cannot_read_anything(
    ask: Ask, check_refused: Callable[[Answer], None], authorizer: type
) -> None:
    for method, path, operation_id in operations():
        answer = await ask(method, path, BODIES.get(operation_id))
        assert answer.status == 403, operation_id
        check_refused(answer)


def test_read_only_routes_are_the_documented_ones() -> None:
    assert {operation_id for _, _, operation_id in READS} == {
        "audit", "checkForUpdates", "comparePublishers", "getContract", "getPackage",
        "getPackageById", "getPackages", "drift", "export", "getHolds", "getEnvironment",
        "getEnvironments", "getOperation", "getTransaction", "getTransactions", "plan",
    }  # fmt: skip
    assert all(re.fullmatch(r"[A-Za-z/.\-\d]+", path) for _, path, _ in operations())
