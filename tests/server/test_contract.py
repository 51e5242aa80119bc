"""The contract is true: it names all that is answered, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from server.asking import Ask
from server.contract import Contract
from tornado.web import RequestHandler

from pkgwidgets.server import app, openapi
from pkgwidgets.server.base_handler import BaseHandler
from pkgwidgets.server.schemas import Schema, array_of, ref

VERBS = ("get", "put", "post", "delete", "patch", "head")
DOCUMENT = Contract().document


def answered() -> set[tuple[str, str]]:
    """Return the methods and paths that the handlers have."""
    return {
        (verb, path)
        for path, handler in app.ROUTES.items()
        for verb in VERBS
        if getattr(handler, verb) is not getattr(RequestHandler, verb)
    }


def promised() -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the contract says of methods and paths."""
    return {
        (verb, path.removeprefix("/")): operation
        for path, methods in DOCUMENT["paths"].items()
        for verb, operation in methods.items()
    }


def test_contract_lists_exactly_the_served_routes() -> None:
    assert answered() == set(promised())


@pytest.mark.parametrize("path", app.ROUTES)
def test_every_path_matches_its_own_route(path: str) -> None:
    filled = re.sub(r"\{\w+\}", "x.y", path)
    first = next(p for p in app.ROUTES if re.fullmatch(re.sub(r"\{\w+\}", "[^/]*", p), filled))
    assert first == path


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in promised().values()]
    assert len(ids) == len(set(ids)) == 14


@pytest.mark.parametrize(("verb", "path"), promised(), ids=lambda each: each)
def test_path_parameters_are_described(verb: str, path: str) -> None:
    described = promised()[verb, path].get("parameters", [])
    parts = {each["name"] for each in described if each.get("in") == "path"}
    assert parts == set(re.findall(r"\{(\w+)\}", path))


@pytest.mark.parametrize(("verb", "path"), promised(), ids=lambda each: each)
def test_query_parameters_are_those_of_the_handler(verb: str, path: str) -> None:
    if path == "openapi.json":
        return
    handler: type[BaseHandler] = app.ROUTES[path]
    described = promised()[verb, path]["parameters"]
    named = {each["name"] for each in described if each.get("in") == "query"}
    assert named == (handler.arguments if verb == "get" else set())
    refs = [each["$ref"].rpartition("/")[2] for each in described if "$ref" in each]
    assert refs == ["kernel", "kernelspec"]


def schemas(found: object) -> list[dict[str, Any]]:
    """Return every schema of the document."""
    if isinstance(found, list):
        return [each for item in found for each in schemas(item)]
    if not isinstance(found, dict):
        return []
    inner = [each for item in found.values() for each in schemas(item)]
    return [*inner, *([found["schema"]] if isinstance(found.get("schema"), dict) else [])]


def test_every_schema_is_valid() -> None:
    found = [*schemas(DOCUMENT["paths"]), *DOCUMENT["components"]["schemas"].values()]
    assert len(found) > 100
    for schema in found:
        Draft202012Validator.check_schema(schema)


def test_every_reference_resolves_and_every_schema_is_used() -> None:
    found = set(re.findall(r"#/components/(\w+)/(\w+)", str(DOCUMENT)))
    assert found
    for kind, name in found:
        assert name in DOCUMENT["components"][kind]
    assert {name for kind, name in found if kind == "schemas"} == set(
        DOCUMENT["components"]["schemas"]
    )


@pytest.mark.parametrize(
    ("id", "good", "bad"),
    [
        ("plan", {"upgrade": "all"}, {}),
        ("plan", {"upgrade": ["a"], "version": "1", "allow": "self"}, {"upgrade": []}),
        ("plan", {"undo": "last"}, {"undo": "last", "upgrade": "all"}),
        ("upgradePackage", {}, {"version": 1}),
        ("upgradePackage", {"version": "1"}, {"allow": "everything"}),
        ("installPackage", {"requirement": "a"}, {"name": "a"}),
        ("installPackage", {"requirement": ["a", "b>=1"]}, {"requirement": []}),
        ("plan", {"install": ["a", "b"]}, {"install": 1}),
        ("plan", {"upgrade": ["zope.Interface"]}, {"upgrade": ["../x"]}),
        ("plan", {"uninstall": ["a"]}, {"uninstall": [""]}),
        ("upgradePackage", {"plan": "0" * 32}, {"plan": "../plan"}),
        ("upgradePackage", {"version": "1"}, {"version": ""}),
        ("undo", {"plan": "0" * 32}, {"undo": "last"}),
    ],
)
def test_body_schemas_accept_valid_and_refuse_invalid_bodies(
    id: str, good: object, bad: object
) -> None:
    bodies = Contract().bodies()
    assert bodies[id].is_valid(good)
    assert not bodies[id].is_valid(bad)


def test_wrong_response_fails_its_schema() -> None:
    schema = Contract().of({"$ref": "#/components/schemas/Result"})
    good = {"id": "a", "name": "a", "success": True, "before": None, "after": "1", "error": None}
    assert schema.is_valid(good)
    assert not schema.is_valid({**good, "more": 1})
    assert not schema.is_valid({**good, "after": 1})


GOLDEN = Path(__file__).parents[1] / "unit" / "json"


@pytest.mark.parametrize(
    ("golden", "schema"),
    [
        ("answer-packages", array_of("Package")),
        ("answer-transactions", array_of("Transaction")),
        ("answer-results", {"type": "array", "items": array_of("Result")}),
        ("answer-events", array_of("Event")),
    ],
)
def test_schemas_match_the_stored_texts(golden: str, schema: Schema) -> None:
    """With every key that is written, and with no other."""
    text = json.loads((GOLDEN / f"{golden}.json").read_text("ascii"))
    assert list(Contract().of(schema).iter_errors(text)) == []


def test_plan_schema_matches_the_stored_text() -> None:
    plan = json.loads((GOLDEN / "answer-plan.json").read_text("ascii"))
    answered = {**plan, "restart": None, "digest": plan["id"], "kernels": []}
    assert list(Contract().of(ref("Plan")).iter_errors(answered)) == []
    for key in answered:
        less = {name: value for name, value in answered.items() if name != key}
        assert not Contract().of(ref("Plan")).is_valid(less), key


async def test_server_returns_the_contract(ask: Ask, jp_base_url: str) -> None:
    answer = await ask("GET", "openapi.json")
    assert answer.json == openapi.document(jp_base_url)
    assert answer.json["openapi"].startswith("3.1.")
    assert answer.json["servers"] == [{"url": f"{jp_base_url}pkgwidgets"}]
