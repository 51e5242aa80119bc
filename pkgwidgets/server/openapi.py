"""The contract of our routes: OpenAPI 3.1, which `GET openapi.json` answers.

Source: https://spec.openapis.org/oas/v3.1.0. Every answer in the tests is held against it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jupyter_server.utils import url_path_join

from .response_cache import JsonResponse
from .schemas import (
    ALLOW,
    KERNEL,
    NAME,
    PLAN,
    TEXT,
    Schema,
    components,
    ref,
    several,
    some_of,
    success,
)
from .schemas import VERSION as VERSION_TEXT

VERSION = "1"
"""Of the contract; another one where a client would have to be changed."""

_ABOUT = """\
The packages under the notebook kernels of a Jupyter server: what is installed, what is newer, what
an upgrade would do, doing it, and the way back. Every route speaks of the environment of a kernel:
the running one of `kernel`, else the specification `kernelspec`, else the default one; it never
takes a path. A change is answered when it is done, or at once with `Prefer: respond-async`.
Whatever happens on the way, the environment is afterwards exactly the new one or the old one.
"""
_REFUSED = {
    "400": "The address cannot be read",
    "403": "The user may not do this, or the environment may not be changed",
    "404": "There is no such package, project, kernel, plan or transaction",
    "409": "It conflicts with what is installed, or was rolled back: the environment is as it was",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "422": "A name, version, requirement, field or argument is none; nothing was done",
    "500": "The server failed",
    "502": "The index gave no usable answer",
    "503": "No installer was found",
    "507": "The disk refused a file",
}
_CHECK = {
    "name": "check_updates",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Ask the index what is newer.",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": TEXT,
    "description": "`respond-async` answers 202 and a Location at once (RFC 7240).",
}
_KERNEL = [
    {"$ref": "#/components/parameters/kernel"},
    {"$ref": "#/components/parameters/kernelspec"},
]
_PLAN = {**PLAN, "description": "The id of a plan that was shown: it is carried out as it is."}
_VERSION = {
    **VERSION_TEXT,
    "description": "As new as nothing installed forbids, if it is not given.",
}
_WANTED = {**TEXT, "minLength": 1, "maxLength": 1000}
_REQUIREMENT = {
    "anyOf": [_WANTED, {"type": "array", "items": _WANTED, "minItems": 1}],
    "description": "A name, extras and versions (PEP 508): `polars>=1`; or several of them.",
}


@cache
def document(base_url: str) -> dict[str, Any]:
    """Return the document, for a server whose address ends in `base_url`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "pkgwidgets", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": url_path_join(base_url, "pkgwidgets")}],
        "security": [{"token": []}, {"header": []}],
        "paths": {f"/{path}": methods for path, methods in _paths().items()},
        "components": {
            "schemas": components(),
            "parameters": {
                "kernel": _query("kernel", KERNEL, "The id of a running kernel."),
                "kernelspec": _query("kernelspec", KERNEL, "The name of a kernel specification."),
            },
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "query", "name": "token"},
                "header": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
        },
    }


@cache
def said(base_url: str) -> JsonResponse:
    """Return the document as it is sent."""
    return JsonResponse.as_is(document(base_url))


def _paths() -> dict[str, Any]:
    return {**_looking(), **_upgrading(), **_planning(), **_past()}


def _looking() -> dict[str, Any]:
    one = success(package=ref("Package"))
    name = _query("name", NAME, "One package, whether it has an update or not.")
    refresh = _query("refresh", {"type": "boolean", "default": False}, "Ask for what is kept, too.")
    return {
        "openapi.json": {
            "get": {
                "operationId": "getContract",
                "summary": "This document",
                "responses": {"200": _answer("The document", {"type": "object"}), **_failures()},
            }
        },
        "packages": {
            "get": _operation(
                "getPackages", "What is installed", success(packages=several("Package")), _CHECK
            )
        },
        "packages/by-name/{name}": {
            "get": _operation("getPackage", "One package", one, _part("name", NAME), _CHECK)
        },
        "packages/by-id/{id}": {
            "get": _operation(
                "getPackageById",
                "One package, by its normalised name",
                one,
                _part("id", NAME),
                _CHECK,
            )
        },
        "packages/updates": {
            "get": _operation(
                "checkForUpdates",
                "What is newer, and of what that is not known",
                success(updates=several("Package")),
                name,
                refresh,
            )
        },
    }


def _upgrading() -> dict[str, Any]:
    done = success(package=ref("Package"), transaction=ref("Transaction"))
    all_done = success(results=several("Result"), transaction=ref("Transaction"))
    gone = success(transaction=ref("Transaction"))
    upgraded = some_of(version=_VERSION, allow=ALLOW, plan=_PLAN)
    installed = some_of(requirement=_REQUIREMENT, allow=ALLOW, plan=_PLAN)
    name = _part("name", NAME)
    return {
        "packages/{name}/upgrade": {
            "put": _change("upgradePackage", "Upgrade one package", done, upgraded, name)
        },
        "packages/upgrade-all": {
            "put": _change(
                "upgradeAllPackages",
                "Upgrade everything in one transaction",
                all_done,
                some_of(plan=_PLAN),
            )
        },
        "packages/install": {
            "post": _change(
                "installPackage",
                "Install packages; of several, the first is answered",
                done,
                installed,
            )
        },
        "packages/{name}": {
            "delete": _change(
                "uninstallPackage", "Remove a package", gone, some_of(plan=_PLAN), name
            )
        },
    }


def _planning() -> dict[str, Any]:
    names = {"type": "array", "items": NAME, "minItems": 1}
    wish = {
        **some_of(
            upgrade={"anyOf": [names, {"const": "all"}]},
            version={**VERSION_TEXT, "description": "With exactly one name to upgrade."},
            install=_REQUIREMENT,
            uninstall=names,
            undo={**TEXT, "description": "The id of a transaction, or `last`."},
            allow=ALLOW,
        ),
        "oneOf": [{"required": [verb]} for verb in ("upgrade", "install", "uninstall", "undo")],
    }
    plan = _operation("plan", "What would be done; nothing is", success(plan=ref("Plan")))
    return {"plans": {"post": {**plan, "requestBody": {**_body(wish), "required": True}}}}


def _past() -> dict[str, Any]:
    one, id = success(transaction=ref("Transaction")), _part("id")
    told = success(transaction=ref("Transaction"), events=several("Event"))
    look = _operation("getTransaction", "A transaction and what it told", told, id)
    look["responses"]["200"]["content"]["text/event-stream"] = {
        "schema": {
            **TEXT,
            "description": "`progress`, each an Event; then `end`, with the transaction.",
        }
    }
    cancel = _operation("cancelTransaction", "End it in the old environment", one, id)
    cancel["responses"]["202"] = _later(cancel["responses"].pop("200"))
    return {
        "transactions": {
            "get": _operation(
                "getTransactions",
                "The history, newest first",
                success(transactions=several("Transaction")),
            )
        },
        "transactions/{id}": {"get": look, "delete": cancel},
        "transactions/{id}/undo": {
            "post": _change("undo", "Take a transaction back", one, some_of(plan=_PLAN), id)
        },
    }


def _operation(id: str, summary: str, answer: Schema, *parameters: Schema) -> dict[str, Any]:
    return {
        "operationId": id,
        "summary": summary,
        "parameters": [*parameters, *_KERNEL],
        "responses": {"200": _answer(summary, answer), **_failures()},
    }


def _change(
    id: str, summary: str, answer: Schema, body: Schema, *parameters: Schema
) -> dict[str, Any]:
    found = _operation(id, summary, answer, *parameters, _PREFER)
    begun = _answer("It has begun", success(transaction=ref("Transaction")))
    found["responses"] = {**found["responses"], "202": _later(begun)}
    return {**found, "requestBody": _body(body)}


def _later(answer: dict[str, Any]) -> dict[str, Any]:
    where = {"schema": TEXT, "description": "Where the transaction is found."}
    return {**answer, "headers": {"Location": where}}


def _failures() -> dict[str, Any]:
    return {status: _answer(said, ref("Failure")) for status, said in _REFUSED.items()}


def _answer(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(schema: Schema) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _part(name: str, schema: Schema = TEXT) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}
