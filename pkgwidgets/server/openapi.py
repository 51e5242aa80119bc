"""The contract of the routes: OpenAPI 3.1, which `GET openapi.json` answers.

Source: https://spec.openapis.org/oas/v3.1.0. The tests validate every answer against it.
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
    array_of,
    components,
    optional_object,
    ref,
    success,
)
from .schemas import VERSION as VERSION_TEXT

VERSION = "1"
"""The version of the contract; it grows with each change that breaks clients."""

_DESCRIPTION = """\
The packages under the notebook kernels of a Jupyter server: what is installed, what is newer, what
an upgrade would do, doing it, and the way back. Every route speaks of the environment of a kernel:
the running one of `kernel`, else the specification `kernelspec`, else the default one; it never
takes a path. A change is answered when it is done, or at once with `Prefer: respond-async`.
Whatever happens on the way, the environment is afterwards exactly the new one or the old one.
"""
_FAILURES = {
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
_CHECK_UPDATES = {
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
_KERNEL_PARAMETERS = [
    {"$ref": "#/components/parameters/kernel"},
    {"$ref": "#/components/parameters/kernelspec"},
]
_PLAN = {**PLAN, "description": "The id of a plan that was shown: it is carried out as it is."}
_VERSION = {
    **VERSION_TEXT,
    "description": "As new as nothing installed forbids, if it is not given.",
}
_ONE_REQUIREMENT = {**TEXT, "minLength": 1, "maxLength": 1000}
_REQUIREMENT = {
    "anyOf": [_ONE_REQUIREMENT, {"type": "array", "items": _ONE_REQUIREMENT, "minItems": 1}],
    "description": "A name, extras and versions (PEP 508): `polars>=1`; or several of them.",
}


@cache
def document(base_url: str) -> dict[str, Any]:
    """Return the document for a server whose address ends in `base_url`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "pkgwidgets", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": url_path_join(base_url, "pkgwidgets")}],
        "security": [{"token": []}, {"header": []}],
        "paths": {f"/{path}": methods for path, methods in _paths().items()},
        "components": {
            "schemas": components(),
            "parameters": {
                "kernel": _query_parameter("kernel", KERNEL, "The id of a running kernel."),
                "kernelspec": _query_parameter(
                    "kernelspec", KERNEL, "The name of a kernel specification."
                ),
            },
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "query", "name": "token"},
                "header": {"type": "apiKey", "in": "header", "name": "Authorization"},
            },
        },
    }


@cache
def response(base_url: str) -> JsonResponse:
    """Return the document as a serialized response."""
    return JsonResponse.from_payload(document(base_url))


def _paths() -> dict[str, Any]:
    return {**_read_paths(), **_change_paths(), **_plan_paths(), **_transaction_paths()}


def _read_paths() -> dict[str, Any]:
    package_answer = success(package=ref("Package"))
    name = _query_parameter("name", NAME, "One package, whether it has an update or not.")
    refresh = _query_parameter(
        "refresh", {"type": "boolean", "default": False}, "Ask for what is kept, too."
    )
    return {
        "openapi.json": {
            "get": {
                "operationId": "getContract",
                "summary": "This document",
                "responses": {
                    "200": _response("The document", {"type": "object"}),
                    **_failure_responses(),
                },
            }
        },
        "packages": {
            "get": _operation(
                "getPackages",
                "What is installed",
                success(packages=array_of("Package")),
                _CHECK_UPDATES,
            )
        },
        "packages/by-name/{name}": {
            "get": _operation(
                "getPackage",
                "One package",
                package_answer,
                _path_parameter("name", NAME),
                _CHECK_UPDATES,
            )
        },
        "packages/by-id/{id}": {
            "get": _operation(
                "getPackageById",
                "One package, by its normalised name",
                package_answer,
                _path_parameter("id", NAME),
                _CHECK_UPDATES,
            )
        },
        "packages/updates": {
            "get": _operation(
                "checkForUpdates",
                "What is newer, and of what that is not known",
                success(updates=array_of("Package")),
                name,
                refresh,
            )
        },
    }


def _change_paths() -> dict[str, Any]:
    package_answer = success(package=ref("Package"), transaction=ref("Transaction"))
    results_answer = success(results=array_of("Result"), transaction=ref("Transaction"))
    transaction_answer = success(transaction=ref("Transaction"))
    upgrade_body = optional_object(version=_VERSION, allow=ALLOW, plan=_PLAN)
    install_body = optional_object(requirement=_REQUIREMENT, allow=ALLOW, plan=_PLAN)
    name = _path_parameter("name", NAME)
    return {
        "packages/{name}/upgrade": {
            "put": _change(
                "upgradePackage", "Upgrade one package", package_answer, upgrade_body, name
            )
        },
        "packages/upgrade-all": {
            "put": _change(
                "upgradeAllPackages",
                "Upgrade everything in one transaction",
                results_answer,
                optional_object(plan=_PLAN),
            )
        },
        "packages/install": {
            "post": _change(
                "installPackage",
                "Install packages; of several, the first is answered",
                package_answer,
                install_body,
            )
        },
        "packages/{name}": {
            "delete": _change(
                "uninstallPackage",
                "Remove a package",
                transaction_answer,
                optional_object(plan=_PLAN),
                name,
            )
        },
    }


def _plan_paths() -> dict[str, Any]:
    names = {"type": "array", "items": NAME, "minItems": 1}
    body = {
        **optional_object(
            upgrade={"anyOf": [names, {"const": "all"}]},
            version={**VERSION_TEXT, "description": "With exactly one name to upgrade."},
            install=_REQUIREMENT,
            uninstall=names,
            undo={**TEXT, "description": "The id of a transaction, or `last`."},
            allow=ALLOW,
        ),
        "oneOf": [{"required": [verb]} for verb in ("upgrade", "install", "uninstall", "undo")],
    }
    operation = _operation("plan", "What would be done; nothing is", success(plan=ref("Plan")))
    return {
        "plans": {"post": {**operation, "requestBody": {**_request_body(body), "required": True}}}
    }


def _transaction_paths() -> dict[str, Any]:
    transaction_answer, transaction_id = (
        success(transaction=ref("Transaction")),
        _path_parameter("id"),
    )
    answer_with_events = success(transaction=ref("Transaction"), events=array_of("Event"))
    get = _operation(
        "getTransaction", "A transaction and what it told", answer_with_events, transaction_id
    )
    get["responses"]["200"]["content"]["text/event-stream"] = {
        "schema": {
            **TEXT,
            "description": "`progress`, each an Event; then `end`, with the transaction.",
        }
    }
    cancel = _operation(
        "cancelTransaction", "End it in the old environment", transaction_answer, transaction_id
    )
    cancel["responses"]["202"] = _with_location(cancel["responses"].pop("200"))
    return {
        "transactions": {
            "get": _operation(
                "getTransactions",
                "The history, newest first",
                success(transactions=array_of("Transaction")),
            )
        },
        "transactions/{id}": {"get": get, "delete": cancel},
        "transactions/{id}/undo": {
            "post": _change(
                "undo",
                "Take a transaction back",
                transaction_answer,
                optional_object(plan=_PLAN),
                transaction_id,
            )
        },
    }


def _operation(
    operation_id: str, summary: str, answer: Schema, *parameters: Schema
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": [*parameters, *_KERNEL_PARAMETERS],
        "responses": {"200": _response(summary, answer), **_failure_responses()},
    }


def _change(
    operation_id: str, summary: str, answer: Schema, body: Schema, *parameters: Schema
) -> dict[str, Any]:
    operation = _operation(operation_id, summary, answer, *parameters, _PREFER)
    accepted = _response("It has begun", success(transaction=ref("Transaction")))
    operation["responses"] = {**operation["responses"], "202": _with_location(accepted)}
    return {**operation, "requestBody": _request_body(body)}


def _with_location(answer: dict[str, Any]) -> dict[str, Any]:
    location = {"schema": TEXT, "description": "Where the transaction is found."}
    return {**answer, "headers": {"Location": location}}


def _failure_responses() -> dict[str, Any]:
    return {
        status: _response(description, ref("Failure")) for status, description in _FAILURES.items()
    }


def _response(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _request_body(schema: Schema) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _query_parameter(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _path_parameter(name: str, schema: Schema = TEXT) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}
