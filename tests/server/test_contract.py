"""The OpenAPI document lists exactly what the server answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from server.client import Ask
from server.contract import Contract
from tornado.web import RequestHandler

from pkgwidgets.server import app, openapi
from pkgwidgets.server.base_handler import BaseHandler
from pkgwidgets.server.schemas import Schema, array_of, ref

VERBS = ("get", "put", "post", "delete", "patch", "head")
DOCUMENT = Contract().document


def served_operations() -> set[tuple[str, str]]:
    """Return the methods and paths of the handlers."""
    return {
        (verb, path)
        for path, handler in app.ROUTES.items()
        for verb in VERBS
        if getattr(handler, verb) is not getattr(RequestHandler, verb)
    }


def documented_operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the operations of the contract by method and path."""
    return {
        (verb, path.removeprefix("/")): operation
        for path, methods in DOCUMENT["paths"].items()
        for verb, operation in methods.items()
    }


def test_contract_lists_exactly_the_served_routes() -> None:
    assert served_operations() == set(documented_operations())


@pytest.mark.parametrize("path", app.ROUTES)
def test_every_path_matches_its_own_route(path: str) -> None:
    filled = re.sub(r"\{\w+\}", "x.y", path)
    first = next(p for p in app.ROUTES if re.fullmatch(re.sub(r"\{\w+\}", "[^/]*", p), filled))
    assert first == path


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in documented_operations().values()]
    assert len(ids) == len(set(ids)) == 31


@pytest.mark.parametrize(("verb", "path"), documented_operations(), ids=lambda value: value)
def test_path_parameters_are_described(verb: str, path: str) -> None:
    described = documented_operations()[verb, path].get("parameters", [])
    parts = {parameter["name"] for parameter in described if parameter.get("in") == "path"}
    assert parts == set(re.findall(r"\{(\w+)\}", path))


@pytest.mark.parametrize(("verb", "path"), documented_operations(), ids=lambda value: value)
def test_query_parameters_are_those_of_the_handler(verb: str, path: str) -> None:
    if path == "openapi.json":
        return
    handler: type[BaseHandler] = app.ROUTES[path]
    described = documented_operations()[verb, path]["parameters"]
    named = {parameter["name"] for parameter in described if parameter.get("in") == "query"}
    assert named == (handler.arguments if verb == "get" else set())
    refs = [parameter["$ref"].rpartition("/")[2] for parameter in described if "$ref" in parameter]
    assert refs == ["kernel", "kernelspec"]


def schemas(node: object) -> list[dict[str, Any]]:
    """Return every schema in a part of the document."""
    if isinstance(node, list):
        return [schema for item in node for schema in schemas(item)]
    if not isinstance(node, dict):
        return []
    inner = [schema for item in node.values() for schema in schemas(item)]
    return [*inner, *([node["schema"]] if isinstance(node.get("schema"), dict) else [])]


def test_every_schema_is_valid() -> None:
    every_schema = [*schemas(DOCUMENT["paths"]), *DOCUMENT["components"]["schemas"].values()]
    assert len(every_schema) > 100
    for schema in every_schema:
        Draft202012Validator.check_schema(schema)


def test_every_reference_resolves_and_every_schema_is_used() -> None:
    references = set(re.findall(r"#/components/(\w+)/(\w+)", str(DOCUMENT)))
    assert references
    for kind, name in references:
        assert name in DOCUMENT["components"][kind]
    assert {name for kind, name in references if kind == "schemas"} == set(
        DOCUMENT["components"]["schemas"]
    )


@pytest.mark.parametrize(
    ("operation_id", "good", "bad"),
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
    operation_id: str, good: object, bad: object
) -> None:
    bodies = Contract().bodies()
    assert bodies[operation_id].is_valid(good)
    assert not bodies[operation_id].is_valid(bad)


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
    """The stored texts have every key of the schema, and no other."""
    text = json.loads((GOLDEN / f"{golden}.json").read_text("ascii"))
    assert list(Contract().of(schema).iter_errors(text)) == []


def test_plan_schema_matches_the_stored_text() -> None:
    plan = json.loads((GOLDEN / "answer-plan.json").read_text("ascii"))
    answer = {**plan, "restart": None, "digest": plan["id"], "kernels": []}
    assert list(Contract().of(ref("Plan")).iter_errors(answer)) == []
    for key in answer:
        less = {name: value for name, value in answer.items() if name != key}
        assert not Contract().of(ref("Plan")).is_valid(less), key


async def test_server_returns_the_contract(ask: Ask, jp_base_url: str) -> None:
    answer = await ask("GET", "openapi.json")
    assert answer.json == openapi.document(jp_base_url)
    assert answer.json["openapi"].startswith("3.1.")
    assert answer.json["servers"] == [{"url": f"{jp_base_url}pkgwidgets"}]
