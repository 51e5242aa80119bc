"""The contract of the routes: OpenAPI 3.1, which `GET openapi.json` answers.

Source: https://spec.openapis.org/oas/v3.1.0. The tests validate every answer against it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jupyter_server.utils import url_path_join

from pkgwidgets.commands.plan_request import ACTIONS
from pkgwidgets.core.drift import Difference
from pkgwidgets.core.lock import LOCK_FORMATS, PYLOCK

from .openapi_texts import ACCEPTED, COPY_ACCEPTED, DESCRIPTION, PARAMETERS, ROUTES, failures
from .response_cache import JsonResponse
from .schemas import (
    ALLOW,
    COPY_NAME,
    HOLD_REASON,
    HOLD_UNTIL,
    KERNEL,
    MAYBE_TEXT,
    NAME,
    PLAN,
    PROJECT,
    STEP,
    TEXT,
    TEXTS,
    VERSIONS,
    Schema,
    array_of,
    components,
    optional_object,
    ref,
    required_object,
    success,
)
from .schemas import VERSION as VERSION_TEXT

VERSION = "1"
"""The version of the contract; it grows with each change that breaks clients."""

_CHECK_UPDATES = {
    "name": "check_updates",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": PARAMETERS["check_updates"],
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": TEXT,
    "description": PARAMETERS["Prefer"],
}
_KERNEL_PARAMETERS = [
    {"$ref": "#/components/parameters/kernel"},
    {"$ref": "#/components/parameters/kernelspec"},
]
_PLAN = {**PLAN, "description": "The id of a plan from `POST plans`."}
_VERSION = {
    **VERSION_TEXT,
    "description": "The version to install; by default the compatible version.",
}
_SKIP_FAILING = {
    "type": "boolean",
    "default": False,
    "description": "Leave out releases that fail the check before installing.",
}
_LOCK_TEXT = {
    **TEXT,
    "minLength": 1,
    "description": "A lock (PEP 751), a requirements file or a notebook, as text.",
}
_DAY = {**TEXT, "format": "date", "description": "Return to the releases of this day."}
_EXACT = {
    "type": "boolean",
    "default": False,
    "description": "Uninstall the packages that the lock lacks.",
}
_PYTHON = {
    **TEXT,
    "pattern": r"^3\.\d{1,2}(\.\d{1,2})?$",
    "description": "The version of Python of the copy; by default the same Python.",
}
_PLAN_ONLY = {"type": "boolean", "default": False, "description": "Plan the copy; make nothing."}
_ONE_REQUIREMENT = {**TEXT, "minLength": 1, "maxLength": 1000}
_REQUIREMENT = {
    "anyOf": [_ONE_REQUIREMENT, {"type": "array", "items": _ONE_REQUIREMENT, "minItems": 1}],
    "description": "One or more requirements (PEP 508), such as `polars>=1`.",
}


@cache
def document(base_url: str) -> dict[str, Any]:
    """Return the document for a server whose address ends in `base_url`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "pkgwidgets", "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": url_path_join(base_url, "pkgwidgets")}],
        "security": [{"token": []}, {"header": []}],
        "paths": {f"/{path}": methods for path, methods in _paths().items()},
        "components": {
            "schemas": components(),
            "parameters": {
                "kernel": _query_parameter("kernel", KERNEL),
                "kernelspec": _query_parameter("kernelspec", KERNEL),
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
    return {
        **_read_paths(),
        **_change_paths(),
        **_plan_paths(),
        **_transaction_paths(),
        **_advisory_paths(),
        **_hold_paths(),
        **_lock_paths(),
        **_copy_paths(),
    }


def _read_paths() -> dict[str, Any]:
    package_answer = success(package=ref("Package"))
    flag = {"type": "boolean", "default": False}
    contract = _response(ROUTES["getContract"].answer, {"type": "object"})
    return {
        "openapi.json": {
            "get": {**_texts("getContract"), "responses": {"200": contract, **_failure_responses()}}
        },
        "packages": {
            "get": _operation("getPackages", success(packages=array_of("Package")), _CHECK_UPDATES)
        },
        "packages/by-name/{name}": {
            "get": _operation(
                "getPackage", package_answer, _path_parameter("name", "package"), _CHECK_UPDATES
            )
        },
        "packages/by-id/{id}": {
            "get": _operation(
                "getPackageById",
                package_answer,
                _path_parameter("id", "normalized"),
                _CHECK_UPDATES,
            )
        },
        "packages/{name}/publishers": {
            "get": _operation(
                "comparePublishers",
                success(publishers=ref("PublisherComparison")),
                _path_parameter("name", "package"),
            )
        },
        "packages/updates": {
            "get": _operation(
                "checkForUpdates",
                success(updates=array_of("Package")),
                _query_parameter("name", NAME),
                _query_parameter("refresh", flag),
                _query_parameter("cached", flag),
            )
        },
    }


def _advisory_paths() -> dict[str, Any]:
    audited = success(advisories=array_of("Advisory"), checked={"type": "integer"})
    sources: Schema = {"type": "array", "items": {**TEXT, "minLength": 1}, "minItems": 1}
    put = _operation("useAdvisories", success(sources=sources))
    body = {**optional_object(sources=sources), "required": ["sources"]}
    return {
        "advisories": {"get": _operation("audit", audited, _query_parameter("name", NAME))},
        "advisories/sources": {
            "put": {**put, "requestBody": {**_request_body(body), "required": True}}
        },
    }


def _hold_paths() -> dict[str, Any]:
    transaction_answer = success(transaction=ref("Transaction"))
    name = _path_parameter("name", "package")
    listed = success(holds=array_of("Hold"), minimum_age=ref("MinimumAge"))
    hold_body = optional_object(versions=VERSIONS, reason=HOLD_REASON, until=HOLD_UNTIL)
    unhold_body = optional_object(versions=VERSIONS)
    return {
        "holds": {"get": _operation("getHolds", listed)},
        "holds/{name}": {
            "put": _change("hold", transaction_answer, hold_body, name),
            "delete": _change("unhold", transaction_answer, unhold_body, name),
        },
    }


def _lock_paths() -> dict[str, Any]:
    schema: Schema = {"enum": list(LOCK_FORMATS), "default": PYLOCK}
    exported = success(export=required_object(file_name=TEXT, text=TEXT, notes=TEXTS))
    row = required_object(
        name=NAME, locked=MAYBE_TEXT, installed=MAYBE_TEXT, difference={"enum": [*Difference]}
    )
    drift = success(drift={"type": "array", "items": row}, locked={"type": "integer"})
    post = _operation("drift", drift)
    body = {**optional_object(text=_LOCK_TEXT), "required": ["text"]}
    return {
        "export": {"get": _operation("export", exported, _query_parameter("format", schema))},
        "drift": {"post": {**post, "requestBody": {**_request_body(body), "required": True}}},
    }


def _copy_paths() -> dict[str, Any]:
    planned = required_object(
        name=TEXT,
        folder=TEXT,
        python_version=TEXT,
        packages={"type": "array", "items": required_object(name=NAME, version=TEXT)},
        left_out={"type": "object", "additionalProperties": TEXT},
        notes=TEXTS,
        kernel=TEXT,
    )
    name = {**_path_parameter("name", "copy"), "schema": COPY_NAME}
    names: Schema = {"type": "array", "items": NAME, "minItems": 1}
    body = optional_object(name=COPY_NAME, python=_PYTHON, only=names, plan_only=_PLAN_ONLY)
    made: Schema = {"anyOf": [ref("EnvironmentCopy"), {"type": "null"}]}
    post = _operation("copyEnvironment", success(copy_plan=planned, environment=made), _PREFER)
    required_body = {**_request_body({**body, "required": ["name"]}), "required": True}
    listed = success(environments=array_of("EnvironmentCopy"))
    removed = success(environment=ref("EnvironmentCopy"))
    program = required_object(process={"type": "integer"}, name=TEXT, kernel=TEXT, notebooks=TEXTS)
    running: Schema = {"type": "array", "items": program}
    used = success(environment=ref("EnvironmentCopy"), running=running)
    accepted = _response(COPY_ACCEPTED, success(operation=ref("Operation")))
    post["responses"]["202"] = _with_location(accepted, "operation")
    return {
        "environments": {
            "get": _operation("getEnvironments", listed),
            "post": {**post, "requestBody": required_body},
        },
        "environments/{name}": {
            "get": _operation("getEnvironment", used, name),
            "delete": _operation("removeEnvironment", removed, name),
        },
        "operations/{id}": _operation_path(),
    }


def _operation_path() -> dict[str, Any]:
    operation_id = _path_parameter("id", "operation")
    answer = success(operation=ref("Operation"), events=array_of("Event"))
    get = _operation("getOperation", answer, operation_id)
    get["responses"]["200"]["content"]["text/event-stream"] = _stream("the operation")
    cancelled = success(operation=ref("Operation"))
    cancel = _operation("cancelOperation", cancelled, operation_id)
    cancel["responses"]["202"] = _with_location(cancel["responses"].pop("200"), "operation")
    return {"get": get, "delete": cancel}


def _change_paths() -> dict[str, Any]:
    package_answer = success(package=ref("Package"), transaction=ref("Transaction"))
    results_answer = success(results=array_of("Result"), transaction=ref("Transaction"))
    all_body = optional_object(step=STEP, skip_failing=_SKIP_FAILING, plan=_PLAN)
    transaction_answer = success(transaction=ref("Transaction"))
    upgrade_body = optional_object(version=_VERSION, allow=ALLOW, step=STEP, plan=_PLAN)
    install_body = optional_object(requirement=_REQUIREMENT, allow=ALLOW, plan=_PLAN)
    plan_body = optional_object(plan=_PLAN)
    name = _path_parameter("name", "package")
    return {
        "packages/{name}/upgrade": {
            "put": _change("upgradePackage", package_answer, upgrade_body, name)
        },
        "packages/upgrade-all": {"put": _change("upgradeAllPackages", results_answer, all_body)},
        "packages/{name}/note": {
            "delete": _operation("dismissNote", success(package=ref("Package")), name)
        },
        "packages/fix": {"put": _change("fixPackages", results_answer, plan_body)},
        "packages/restore": {
            "put": _change("restore", results_answer, {**plan_body, "required": ["plan"]})
        },
        "packages/install": {"post": _change("installPackage", package_answer, install_body)},
        "packages/{name}": {
            "delete": _change("uninstallPackage", transaction_answer, plan_body, name)
        },
    }


def _plan_paths() -> dict[str, Any]:
    names = {"type": "array", "items": NAME, "minItems": 1}
    body = {
        **optional_object(
            upgrade={
                "anyOf": [names, {"const": "all"}],
                "description": "The packages to upgrade, or `all`.",
            },
            version={
                **VERSION_TEXT,
                "description": "The version to install, if `upgrade` has exactly one name.",
            },
            install=_REQUIREMENT,
            uninstall={**names, "description": "The packages to uninstall."},
            undo={**TEXT, "description": "The id of a transaction to undo, or `last`."},
            fix={
                "anyOf": [names, {"const": "all"}],
                "description": "The packages to bring to their smallest safe version, or `all`.",
            },
            restore={
                **optional_object(text=_LOCK_TEXT, as_of=_DAY, exact=_EXACT),
                "oneOf": [{"required": ["text"]}, {"required": ["as_of"]}],
                "description": "The lock or the day to return to.",
            },
            allow=ALLOW,
            step=STEP,
            project=PROJECT,
        ),
        "oneOf": [{"required": [verb]} for verb in ACTIONS],
    }
    operation = _operation("plan", success(plan=ref("Plan")))
    return {
        "plans": {"post": {**operation, "requestBody": {**_request_body(body), "required": True}}}
    }


def _transaction_paths() -> dict[str, Any]:
    transaction_answer = success(transaction=ref("Transaction"))
    answer_with_events = success(transaction=ref("Transaction"), events=array_of("Event"))
    transaction_id = _path_parameter("id", "transaction")
    get = _operation("getTransaction", answer_with_events, transaction_id)
    get["responses"]["200"]["content"]["text/event-stream"] = _stream("the transaction")
    cancel = _operation("cancelTransaction", transaction_answer, transaction_id)
    cancel["responses"]["202"] = _with_location(cancel["responses"].pop("200"))
    transactions_answer = success(transactions=array_of("Transaction"))
    return {
        "transactions": {"get": _operation("getTransactions", transactions_answer)},
        "transactions/{id}": {"get": get, "delete": cancel},
        "transactions/{id}/undo": {
            "post": _change("undo", transaction_answer, optional_object(plan=_PLAN), transaction_id)
        },
    }


def _texts(operation_id: str) -> dict[str, Any]:
    text = ROUTES[operation_id]
    return {
        "operationId": operation_id,
        "summary": text.summary,
        "description": text.description,
    }


def _operation(operation_id: str, answer: Schema, *parameters: Schema) -> dict[str, Any]:
    return {
        **_texts(operation_id),
        "parameters": [*parameters, *_KERNEL_PARAMETERS],
        "responses": {
            "200": _response(ROUTES[operation_id].answer, answer),
            **_failure_responses(),
        },
    }


def _change(operation_id: str, answer: Schema, body: Schema, *parameters: Schema) -> dict[str, Any]:
    operation = _operation(operation_id, answer, *parameters, _PREFER)
    accepted = _response(ACCEPTED, success(transaction=ref("Transaction")))
    operation["responses"] = {**operation["responses"], "202": _with_location(accepted)}
    return {**operation, "requestBody": _request_body(body)}


def _stream(what: str) -> dict[str, Any]:
    text = f"One `progress` message per event, then one `end` message with {what}."
    return {"schema": {**TEXT, "description": text}}


def _with_location(answer: dict[str, Any], what: str = "transaction") -> dict[str, Any]:
    location = {"schema": TEXT, "description": f"The URL of the {what}."}
    return {**answer, "headers": {"Location": location}}


def _failure_responses() -> dict[str, Any]:
    return {
        status: _response(description, ref("Failure")) for status, description in failures().items()
    }


def _response(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _request_body(schema: Schema) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _query_parameter(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": PARAMETERS[name]}


def _path_parameter(name: str, text: str) -> Schema:
    schema = TEXT if text in ("transaction", "operation") else NAME
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": schema,
        "description": PARAMETERS[text],
    }
